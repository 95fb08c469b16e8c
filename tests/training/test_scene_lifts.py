"""What scenes and channels change: lifts and their back-off, worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import training.scenes
from features.contract import CHANNELS
from features.scene_outcomes import SceneOutcomes
from recsys.scenes import SceneLifts
from training.scenes import PRIORS, prior_of, scene_lifts, shrunken_lift

# two products, one in each of two top categories
CATALOGUE: Any = SimpleNamespace(category_paths=("Food", "Home"), category_row=np.array([0, 1], np.int32))
Row = tuple[str | None, int, int]


def outcomes(rows: list[Row], channel: list[int] | None = None) -> SceneOutcomes:
    """One share each of (scene, product, kept), all by one owner on one day."""
    scenes = sorted({scene for scene, _, _ in rows if scene is not None})
    n = len(rows)
    row = [-1 if scene is None else scenes.index(scene) for scene, _, _ in rows]
    return SceneOutcomes(
        tuple(scenes), np.zeros(n, np.int32), np.array([p for _, p, _ in rows], np.int32),
        np.array(row, np.int32), np.array(channel or [-1] * n, np.int32), np.zeros(n, np.int64),
        np.ones(n, np.int64), np.array([kept for *_, kept in rows], np.int64),
    )  # fmt: skip


def fitted(rows: list[Row], channel: list[int] | None = None) -> SceneLifts:
    found, off = scene_lifts(outcomes(rows, channel), CATALOGUE)
    assert found is not None and off == ()
    return found


def lift(found: SceneLifts, scene: str, category: int = 0) -> float:
    return float(np.exp(found.log_lift[found.scenes.row(scene), category]))


def test_each_step_of_the_tree_is_counted_on_top_of_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """220 shares bring 320, 1.4545 each. The festival's 100 bring 180 where 145.45 are expected.

    Its scene step is 185 / 150.45 = 1.2296, its step in Food 185 / (145.45 × 1.2296 + 5) = 1.0062.
    """
    monkeypatch.setattr(training.scenes, "PRIORS", np.array([5.0]))
    rows: list[Row] = [(None, 0, 1)] * 100 + [("festival > a", 0, 2)] * 80 + [("festival > b", 0, 1)] * 20
    rows += [(None, 0, 2)] * 20
    found = fitted(rows)
    mean = 320 / 220
    all_of_it = 100 * mean  # expected of the festival's 100 shares
    of_scene = (180 + 5) / (all_of_it + 5)
    of_cell = (180 + 5) / (all_of_it * of_scene + 5)
    assert lift(found, "festival") == pytest.approx(of_scene * of_cell, abs=1e-5)
    assert lift(found, "festival") == pytest.approx(1.2373, abs=1e-4)
    of_b = 20 * mean * of_scene * of_cell
    b = (20 + 5) / (of_b + 5)
    b_cell = (20 + 5) / (of_b * b + 5)
    assert lift(found, "festival > b") == pytest.approx(of_scene * of_cell * b * b_cell, abs=1e-5)
    row = found.scenes.row("festival")
    assert (found.n_shares[row, 0], found.n_kept[row, 0]) == (100, 180)
    assert found.n_expected[row, 0] == pytest.approx(all_of_it)


def test_a_category_in_which_nobody_shared_so_has_the_lift_of_the_scene_alone() -> None:
    rows: list[Row] = [("breakfast", 0, 3)] * 100 + [(None, 0, 1)] * 100 + [(None, 1, 1)] * 100
    found = fitted(rows)
    row = found.scenes.row("breakfast")
    assert found.n_shares[row].tolist() == [100, 0]
    assert lift(found, "breakfast", 0) > lift(found, "breakfast", 1) > 1.0


def test_a_scene_with_next_to_no_shares_is_the_one_above_it() -> None:
    rows: list[Row] = [("festival > a", 0, 2)] * 150 + [("festival > b", 0, 9)] * 9 + [("odd", 0, 9)] * 9
    found = fitted([*rows, *[(None, 0, 1)] * 150])
    assert list(found.scenes) == ["festival", "festival > a"]
    assert found.nearest("festival > b") == found.scenes.row("festival")
    assert found.n_shares[found.scenes.row("festival"), 0] == 159
    assert found.nearest("odd") == -1


def test_a_channel_is_held_against_the_mean_of_all() -> None:
    private, group = CHANNELS.index("private"), CHANNELS.index("group")
    found = fitted([(None, 0, 0)] * 200 + [(None, 0, 2)] * 200, [private] * 200 + [group] * 200)
    factor = dict(zip(found.channels, np.exp(found.log_channel).tolist(), strict=True))
    assert factor["private"] < 0.1 and factor["group"] > 1.9
    assert factor["sms"] == 1.0  # nobody shared by it


def rare_scenes(n_rare: int = 40) -> list[Row]:
    """All festivals alike bring 1.5 times as much; each of many has a dozen shares."""
    rng = np.random.default_rng(7)
    rows: list[Row] = [(None, 0, int(kept)) for kept in rng.poisson(0.3, 2000)]
    for scene in range(n_rare):
        rows += [(f"festival > r{scene:02}", 0, int(kept)) for kept in rng.poisson(0.45, 12)]
    return rows


def away(found: SceneLifts) -> float:
    """How far the farthest rare scene stands from the one above it, as a logarithm."""
    above = found.log_lift[found.scenes.row("festival"), 0]
    return float(np.abs(found.log_lift[:, 0] - above).max())


def test_a_rare_scene_stays_near_the_one_above_it() -> None:
    found = fitted(rare_scenes())
    assert away(found) < 0.2
    assert lift(found, "festival") == pytest.approx(1.5 * 2480 / (2000 + 480 * 1.5), abs=0.2)


def test_red_control_without_a_prior_a_rare_scene_runs_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.scenes, "PRIORS", np.array([1e-3]))
    assert away(fitted(rare_scenes())) > 0.5


def test_cells_that_differ_by_chance_alone_get_the_strongest_prior() -> None:
    rng = np.random.default_rng(3)
    expected = np.full(200, 50.0)
    alike, apart = rng.poisson(expected), rng.poisson(expected * rng.gamma(20.0, 1 / 20.0, 200))
    assert prior_of(alike.astype(float), expected) >= 1000
    assert 10 <= prior_of(apart.astype(float), expected) <= 50  # gamma of shape 20: variance 1 / 20
    assert shrunken_lift(np.array([0.0]), np.array([0.0])).tolist() == [1.0]
    assert prior_of(np.array([0.0]), np.array([0.0])) == PRIORS[-1]


def test_too_few_kept_orders_tell_nothing_and_the_run_card_says_so() -> None:
    found, off = scene_lifts(outcomes([("breakfast", 0, 1)] * 299), CATALOGUE)
    assert found is None
    assert off == (
        (
            "what the scene and the channel of a share change",
            "299 kept orders through shares, 300 are needed",
        ),
    )
    assert scene_lifts(None, CATALOGUE) == (None, ())


def test_the_same_shares_give_the_same_lifts() -> None:
    first, again = fitted(rare_scenes()), fitted(rare_scenes())
    assert first.log_lift.tobytes() == again.log_lift.tobytes()
