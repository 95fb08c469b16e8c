"""The report of an experiment, worked out by hand and held to its errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from features.dataset import DatasetWriter, open_dataset
from features.exposures import Exposures, exposures
from features.row_check import micros
from features.window import open_window
from recsys.assignment import EVERYBODY_ALONE, Clusters, policy_of, policy_rows
from recsys.cli import build_app
from recsys.errors import DataError
from recsys.experiment import Experiment, Policy
from training.experiments.report import ExperimentReport, experiment_report, mismatch_p, report_of
from training.experiments.report_text import report_json, report_text

START, DAY = datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=1)
AUTUMN = Experiment("autumn", "s", (Policy("now", "a"), Policy("new", "b")), START, START + 30 * DAY)
OWNERS = [f"o{row}" for row in range(8)]
TOML = """name = "autumn"
salt = "s"
start = 2026-11-01T00:00:00Z
end = 2026-12-01T00:00:00Z
[[policies]]
name = "now"
snapshot_id = "a"
[[policies]]
name = "new"
snapshot_id = "b"
"""


def label(owner: str) -> str:
    return AUTUMN.label(policy_of(AUTUMN, owner))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight owners exposed on day 1, o7 by the wrong policy; each shares before, after, and after the end."""
    path = tmp_path_factory.mktemp("experiment") / "town"
    wrong = next(p for p in ("now", "new") if AUTUMN.name + "/" + p != label("o7"))
    labels = [label(owner) for owner in OWNERS[:7]] + [f"autumn/{wrong}"]
    shares = [
        (f"{o}-{at}", o, when) for o in OWNERS for at, when in enumerate((-DAY, 2 * DAY, 3 * DAY, 40 * DAY))
    ]
    with DatasetWriter(path) as writer:
        writer.append("products", {"product_id": ["p"], "title": ["P"], "category": ["X"]})
        writer.append("impressions", {
            "request_id": [f"r{o}" for o in OWNERS] + ["old", "other"],
            "impression_time": [START + DAY] * 8 + [START - DAY, START + DAY],
            "owner_id": [*OWNERS, "o9", "o8"], "product_id": ["p"] * 10, "position": [1] * 10,
            "propensity": [1.0] * 7 + [None] + [1.0] * 2,
            "experiment": [*labels, "autumn/now", "autumnal/now"],
        })  # fmt: skip
        writer.append("shares", {
            "share_id": [s for s, _, _ in shares], "share_time": [START + when for *_, when in shares],
            "owner_id": [o for _, o, _ in shares], "product_id": ["p"] * len(shares),
        })  # fmt: skip
        ordered = [f"{o}-{at}" for o in OWNERS for at in (0, 1, 3)] + ["o1-2"]
        writer.append("orders", {
            "order_id": [f"b{row}" for row in range(len(ordered))],
            "order_time": [START + 41 * DAY] * len(ordered), "member_id": ["m"] * len(ordered),
            "product_id": ["p"] * len(ordered), "quantity": [1] * len(ordered),
            "price_minor": [500] * len(ordered), "share_id": ordered,
        })  # fmt: skip
        writer.append("returns", {
            "return_id": ["x"], "order_id": [f"b{ordered.index('o0-1')}"], "product_id": ["p"],
            "request_time": [START + 41 * DAY],
        })  # fmt: skip
    return path


def test_owners_shares_and_kept_orders_are_counted_from_the_first_impression_to_the_end(town: Path) -> None:
    with open_window(open_dataset(town)) as window:
        found = exposures(window, AUTUMN)
    assert found.owner_id.tolist() == OWNERS  # o9 was shown something before, o8 by another experiment
    assert np.bincount(found.share_owner).tolist() == [2] * 8
    assert np.bincount(found.share_owner, found.n_kept).tolist() == [0, 2, 1, 1, 1, 1, 1, 1]
    assert (found.n_impressions.sum(), found.n_without_propensity.sum()) == (8, 1)


def test_each_owner_counts_for_the_policy_she_was_assigned(town: Path) -> None:
    found = experiment_report(town, AUTUMN)
    side = policy_rows(AUTUMN, OWNERS)
    kept = np.array([0, 2, 1, 1, 1, 1, 1, 1])
    for row, policy in enumerate(found.policies):
        assert policy.n_owners == (side == row).sum()
        assert policy.n_kept == kept[side == row].sum()
        assert policy.n_shares == 2 * policy.n_owners
        assert float(policy.rates["kept_per_owner"].value) == pytest.approx(kept[side == row].mean())
    assert (found.n_crossed, found.n_without_propensity, found.n_days) == (1, 1, 30)
    assert "go on: too few clusters" in report_text(found)


def test_the_command_prints_text_and_json(town: Path, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TOML)
    call = ["experiment", "report", str(town), "--experiment", str(tmp_path / "e.toml")]
    said = CliRunner().invoke(build_app(), call)
    assert said.exit_code == 0 and "1 impressions were shown by another policy" in said.output
    found = json.loads(CliRunner().invoke(build_app(), [*call, "--json"]).output)
    assert [policy["name"] for policy in found["policies"]] == ["now", "new"]


def test_the_command_writes_clusters_of_a_town(small_town: Path, tmp_path: Path) -> None:
    call = [
        "experiment",
        "clusters",
        str(small_town),
        "--out",
        str(tmp_path / "c.parquet"),
        "--overlap",
        "0.05",
    ]
    said = CliRunner().invoke(build_app(), [*call, "--json"])
    assert said.exit_code == 0
    assert json.loads(said.output)["n_owners"] == 30


def test_without_its_impressions_an_experiment_is_refused(small_town: Path) -> None:
    with pytest.raises(DataError, match="no impression says autumn/POLICY"):
        experiment_report(small_town, AUTUMN)


def test_a_lost_part_of_one_policy_is_a_mismatch_by_hand() -> None:
    assert mismatch_p([60, 40], [1.0, 1.0]) == pytest.approx(0.0455003, rel=1e-5)  # chi-square 4
    assert mismatch_p([75, 25], [3.0, 1.0]) == 1.0


def simulated(seed: int, n_owners: int = 400, lift: float = 1.0) -> ExperimentReport:
    """Owners in clusters of two who share daily for 14 days."""
    rng = np.random.default_rng(seed)
    owner = np.sort(np.array([f"w{seed}-{row}" for row in range(n_owners)]))
    clusters = Clusters(owner, np.repeat(owner[::2], 2))
    side = policy_rows(AUTUMN, clusters.cluster_id)
    rate = 0.3 * np.repeat(rng.gamma(4, 1 / 4, n_owners // 2), 2) * np.where(side == 1, lift, 1.0)
    n, start, day = len(owner), micros(START), 86_400_000_000
    place, days = np.repeat(np.arange(n), 14), np.tile(np.arange(14), n)
    found = Exposures(
        owner, np.full(n, start), np.arange(n), np.array(["now", "new"])[side], np.ones(n, np.int64),
        np.zeros(n, np.int64), place, start + days * day, rng.poisson(rate[place]),
    )  # fmt: skip
    return report_of(found, AUTUMN, clusters, START + 14 * DAY)


def aa_reports(n_reports: int) -> tuple[int, int]:
    """How many of so many reports of no effect were stopped, and in how many the last interval excludes 0."""
    found = [simulated(seed).policies[1] for seed in range(n_reports)]
    stopped = sum(policy.stop_day is not None for policy in found)
    return stopped, sum(bool(p.differences["kept_per_owner"].excludes(0.0)) for p in found if p.differences)


def test_the_whole_report_of_aa_experiments_errs_within_its_level() -> None:
    stopped, apart = aa_reports(50)
    assert stopped <= 2
    assert apart <= 8  # of 50 at 5 %: more comes twice in 1,000


@pytest.mark.long
def test_a_thousand_reports_of_aa_experiments_err_in_five_of_a_hundred_and_stop_in_fewer() -> None:
    stopped, apart = aa_reports(1_000)
    assert stopped <= 50
    assert 30 <= apart <= 70


def test_an_effect_stops_the_experiment_and_says_which_way() -> None:
    found = simulated(1, lift=2.0)
    assert found.policies[1].stop_day is not None
    assert "stop: better" in report_text(found)
    assert report_json(simulated(1, lift=0.4))["policies"][1]["verdict"].startswith("stop: worse")


def test_a_mismatch_withholds_the_verdict_and_red_control_the_same_without_loss_does_not() -> None:
    assert not report_of(alone(1.0), AUTUMN, EVERYBODY_ALONE, START + DAY).mismatched
    by_owner = report_of(alone(0.7), AUTUMN, EVERYBODY_ALONE, START + DAY)
    assert by_owner.mismatched
    assert "no verdict" in report_text(by_owner) and "WARNING" in report_text(by_owner)


def alone(kept_part: float) -> Exposures:
    """Owners each alone, of whom a part of the new policy's were never logged."""
    owner = np.sort(np.array([f"w{row}" for row in range(2_000)]))
    side = policy_rows(AUTUMN, owner)
    here = (side == 0) | (np.random.default_rng(0).random(2_000) < kept_part)
    owner, side, n = owner[here], side[here], int(here.sum())
    start = micros(START)
    return Exposures(
        owner, np.full(n, start), np.arange(n), np.array(["now", "new"])[side], np.ones(n, np.int64),
        np.zeros(n, np.int64), np.arange(n), np.full(n, start), np.ones(n, np.int64),
    )  # fmt: skip
