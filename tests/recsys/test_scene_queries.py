"""A scene and a channel in a query: what they move, what they leave as it is, and why a pick says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_model import AS_OF, large_town, small_model, town
from valued_model import valued_model

from recsys.calibration import Calibration
from recsys.domain import Query, Reply
from recsys.ids import IdList
from recsys.model import Model
from recsys.model_files import write_model
from recsys.ranking import Ranked, rank, scoring_of
from recsys.recommend import recommend
from recsys.scenes import SceneLifts, occasion_of, path_of
from recsys.snapshot import Snapshot, SnapshotWriter, open_snapshot

LINE = Calibration(np.array([-50.0, 50.0], np.float32), np.array([0.1, 8.0], np.float32))
FOOD, HOME = 0, 1


def lifts_of(model: Model) -> SceneLifts:
    """For breakfast Food twice and Home half as much; at festivals, and that of mid-autumn, Home thrice."""
    tops = np.unique(model.category_levels[0]).astype(np.int32)
    log_lift = np.log(np.array([[2.0, 0.5], [1.0, 3.0], [1.0, 3.0]], np.float32))
    shape = log_lift.shape
    return SceneLifts(
        IdList.of(["breakfast", "festival", "festival > mid_autumn"]), IdList.of(["group", "private"]),
        tops, log_lift, np.full(shape, 212, np.int32), np.full(shape, 130, np.int32),
        np.full(shape, 60.04, np.float32), np.log(np.array([1.5, 0.25], np.float32)),
    )  # fmt: skip


def world(*, valued: bool = True, calibrated: bool = True, scenes: bool = True) -> Model:
    model = valued_model(town()) if valued else small_model(town())
    model = replace(model, calibrations={"circle": LINE} if calibrated else {})
    return replace(model, scenes=lifts_of(model) if scenes else None)


def ranked(model: Model, **asked: str) -> Ranked:
    row = np.array([model.people.owners.row("o-noodles")], np.int32)
    target = asked.pop("target", "circle")
    scoring = scoring_of(model, row, target)  # type: ignore[arg-type]
    return rank(scoring, Query("o-noodles", target=target, **asked))  # type: ignore[arg-type]


def snapshot_of(model: Model, folder: Path) -> Snapshot:
    with SnapshotWriter(folder) as writer:
        write_model(writer, model, ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(folder)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return snapshot_of(world(), tmp_path_factory.mktemp("scenes") / "snapshot")


def kept(reply: Reply) -> dict[str, float]:
    return {pick.product_id: pick.expected.kept.mid for pick in reply.picks if pick.expected is not None}


def test_a_scene_is_taken_for_the_nearest_known_above_it() -> None:
    lifts = lifts_of(world())
    row = lifts.scenes.row
    assert lifts.nearest("festival > mid_autumn > evening") == row("festival > mid_autumn")
    assert lifts.nearest("festival>mid_autumn") == row("festival > mid_autumn")
    assert lifts.nearest("festival > qixi") == row("festival")
    assert lifts.nearest("mid_autumn") == lifts.nearest("") == lifts.nearest(" > ") == -1


@given(st.text(max_size=40))
def test_any_text_is_a_scene_and_no_error(text: str) -> None:
    assert -1 <= lifts_of(world()).nearest(text) < 3
    assert path_of(path_of(text)) == path_of(text)


def test_expected_kept_orders_move_by_scene_times_channel_and_earnings_with_them(snapshot: Snapshot) -> None:
    plain = recommend(snapshot, Query("o-noodles", n=21))
    asked = recommend(snapshot, Query("o-noodles", n=21, scene="breakfast", channel="group"))
    before, after = kept(plain), kept(asked)
    assert set(before) == set(after) and len(before) > 10
    for product_id, mid in after.items():
        factor = (0.5 if product_id.startswith("k") else 2.0) * 1.5
        assert mid == pytest.approx(before[product_id] * factor, rel=1e-6)


def test_what_the_scene_lifts_moves_up_the_list() -> None:
    """Scores alone, worth without and with a calibration: kitchenware climbs at a festival in each."""
    for valued, calibrated in ((False, True), (True, False), (True, True)):
        model = world(valued=valued, calibrated=calibrated)
        is_home = (
            model.top_row_of(np.arange(model.n_products, dtype=np.int32))
            == np.unique(model.category_levels[0])[HOME]
        )
        plain, festive = ranked(model), ranked(model, scene="festival > mid_autumn")
        assert set(plain.product.tolist()) == set(festive.product.tolist())
        places = [np.flatnonzero(is_home[found.product]).mean() for found in (plain, festive)]
        assert places[1] < places[0], (valued, calibrated)


def test_a_channel_alone_leaves_the_order_as_it_is(snapshot: Snapshot) -> None:
    plain, private = (recommend(snapshot, Query("o-noodles", channel=c)) for c in (None, "private"))
    assert [p.product_id for p in plain.picks] == [p.product_id for p in private.picks]
    assert list(kept(private).values()) == pytest.approx([0.25 * mid for mid in kept(plain).values()])


@pytest.mark.parametrize(
    "asked", [{"scene": "under_the_bridge"}, {"channel": "sms"}, {"scene": "a > b", "channel": "live"}]
)
def test_a_scene_and_a_channel_nobody_knows_change_nothing(snapshot: Snapshot, asked: dict[str, str]) -> None:
    assert recommend(snapshot, Query("o-noodles", **asked)) == recommend(snapshot, Query("o-noodles"))  # type: ignore[arg-type]


def test_what_she_buys_herself_has_no_scene(snapshot: Snapshot) -> None:
    plain, asked = (
        recommend(snapshot, Query("o-noodles", target="self", scene=scene)) for scene in (None, "breakfast")
    )
    assert plain == asked


def test_without_a_scene_every_reply_is_bit_for_bit_what_it_was() -> None:
    base = valued_model(large_town())
    base = replace(base, calibrations={"circle": LINE})
    known = replace(base, scenes=replace(
        lifts_of(world()), top_row=np.unique(base.category_levels[0]).astype(np.int32)[:2]
    ))  # fmt: skip
    rows = np.arange(len(base.people.owners), dtype=np.int32)
    lists = [rank(scoring_of(model, rows, "circle"), Query("", n=20)) for model in (base, known)]
    for name in ("owner", "product", "score", "source", "worth", "deeper"):
        first, second = (getattr(found, name) for found in lists)
        assert first.tobytes() == second.tobytes(), name
    moved = rank(scoring_of(known, rows, "circle"), Query("", n=20, scene="breakfast"))
    assert moved.product.tobytes() != lists[1].product.tobytes()  # and the red control: a scene does move it


def test_a_pick_that_the_scene_lifts_says_so_with_its_figures(snapshot: Snapshot) -> None:
    reply = recommend(snapshot, Query("o-noodles", n=21, scene="breakfast"))
    said = {pick.product_id: [r for r in pick.reasons if r.code == "scene"] for pick in reply.picks}
    assert not any(found for product_id, found in said.items() if product_id.startswith("k"))  # halved
    (reason,) = next(found for product_id, found in said.items() if product_id.startswith("n"))
    assert reason.text == "for breakfast, Food brings 2.0 times as many kept orders (from 212 shares)"
    assert dict(reason.evidence) == {
        "scene": "breakfast", "category": "Food", "lift": 2.0, "n_shares": 212, "n_kept": 130,
        "n_expected": 60.0,
    }  # fmt: skip
    plain = recommend(snapshot, Query("o-noodles", n=21))
    assert not any(r.code == "scene" for pick in plain.picks for r in pick.reasons)


def test_a_category_that_the_scenes_never_saw_is_left_as_it_is() -> None:
    model = world()
    lifts = replace(
        lifts_of(model), top_row=np.unique(model.category_levels[0]).astype(np.int32)[:1],
        log_lift=np.full((3, 1), np.log(2.0), np.float32), n_shares=np.ones((3, 1), np.int32),
    )  # fmt: skip
    occasion = occasion_of(lifts, "breakfast", None, "circle")
    assert occasion is not None
    tops = np.unique(model.category_levels[0]).astype(np.int32)
    found = occasion.scene_lift(tops)
    assert found is not None and found.tolist() == pytest.approx([2.0, 1.0])
    assert occasion.told(int(tops[1])) is None


def test_an_older_snapshot_without_scenes_answers_as_ever(tmp_path: Path) -> None:
    without = snapshot_of(world(scenes=False), tmp_path / "older")
    plain, asked = (recommend(without, Query("o-noodles", scene=scene)) for scene in (None, "breakfast"))
    assert plain == asked
