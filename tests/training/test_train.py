"""Training end to end on a small town: a snapshot that serves, twice the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.dataset import DatasetWriter
from recsys.domain import Query
from recsys.errors import DataError, UsageError
from recsys.ranker import Blend, BoostedTrees
from recsys.recommend import model_of, rank_many, recommend
from recsys.run_card import run_card_path
from recsys.snapshot import open_snapshot
from training.config import config_from
from training.town.truth import World
from training.train import train

QUICK = {
    "operators": {
        "spectral_factors": [4],
        "als_factors": [8],
        "als_alpha": [10.0],
        "als_regularization": [5.0],
        "als_iterations": 3,
    },
    "audience": {"max_pairs": 20_000, "n_trees": 8},
    "ranker": {"n_trees": 8, "n_negatives": 20, "n_moments": 1, "min_examples": 50, "max_folds": 2},
}


@pytest.fixture(scope="module")
def trained(small_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("snapshots") / "town"
    train(small_town, out, config=QUICK)
    return out


def test_snapshot_serves_picks_with_reasons_to_every_owner(trained: Path) -> None:
    snapshot = open_snapshot(trained)
    for owner_id in list(snapshot.ids("owners"))[:20]:
        reply = recommend(snapshot, Query(owner_id, n=10))
        assert len(reply.picks) == 10 or reply.shorter_because
        assert all(pick.reasons for pick in reply.picks)
        assert len({pick.product_id for pick in reply.picks}) == len(reply.picks)


def test_both_targets_have_learned_rankers(trained: Path) -> None:
    rankers = model_of(open_snapshot(trained)).rankers
    assert isinstance(rankers["self"], BoostedTrees)
    assert isinstance(rankers["circle"], BoostedTrees)


def test_same_dataset_config_and_seed_give_the_same_snapshot(
    small_town: Path, trained: Path, tmp_path: Path
) -> None:
    again = train(small_town, tmp_path / "again", config=QUICK)
    assert again.snapshot_id == open_snapshot(trained).manifest.snapshot_id


def test_another_seed_gives_another_snapshot(small_town: Path, trained: Path, tmp_path: Path) -> None:
    other = train(small_town, tmp_path / "other", config=QUICK | {"run": {"seed": 5}})
    assert other.snapshot_id != open_snapshot(trained).manifest.snapshot_id


def test_run_card_beside_the_snapshot_says_what_it_cost_and_what_is_off(trained: Path) -> None:
    card = json.loads(run_card_path(trained).read_text("utf-8"))
    assert card["train_seconds"] > 0
    assert card["peak_memory_mb"] > 0
    assert card["config"]["ranker"]["n_trees"] == 8
    assert [stage["stage"] for stage in card["stages"]][-2:] == ["writing the snapshot", "auditing lists"]
    assert sum(stage["seconds"] for stage in card["stages"]) == pytest.approx(card["train_seconds"], abs=0.5)
    assert {"dataset_hash", "as_of", "off", "counts", "snapshot_id", "audits"} <= set(card)
    assert card["audits"]["exposure"]["worth_kept_at_cap"]


def test_as_of_an_earlier_moment_knows_less(small_town: Path, trained: Path, tmp_path: Path) -> None:
    moment = datetime(2026, 1, 20, tzinfo=UTC)
    earlier = train(small_town, tmp_path / "earlier", as_of=moment, config=QUICK)
    counts = open_snapshot(trained).manifest.fields["counts"]
    assert earlier.card["as_of"] == moment.isoformat()
    assert 0 < earlier.card["counts"]["purchases"] < counts["purchases"]


def test_a_taken_place_is_refused_before_any_work(small_town: Path, trained: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        train(small_town, trained, config=QUICK)


def test_a_broken_dataset_leaves_no_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "products.csv").write_text("product_id,title,category\np1,Soap,Home\n", "utf-8")
    (folder / "orders.csv").write_text(
        "order_id,order_time,member_id,product_id,quantity,price_minor\no1,2026-01-01T00:00:00Z,m1,p1,1,-5\n",
        "utf-8",
    )
    with pytest.raises(DataError, match="price_minor"):
        train(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_few_orders_to_learn_from_are_ranked_by_a_blend(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "tiny", timeless=True, priceless=True) as writer:
        catalogue = {"product_id": ["a", "b", "c"], "title": ["A", "B", "C"], "category": ["x"] * 3}
        writer.append("products", catalogue)
        writer.append(
            "orders",
            {"order_id": ["1", "2", "3"], "member_id": ["m", "m", "n"], "product_id": ["a", "b", "a"],
             "quantity": [1, 1, 1]},
        )  # fmt: skip
    train(tmp_path / "tiny", tmp_path / "snapshot", config=config_from({}))
    snapshot = open_snapshot(tmp_path / "snapshot")
    assert isinstance(model_of(snapshot).rankers["self"], Blend)
    picks = recommend(snapshot, Query("n", n=2, target="self", unseen=True)).picks
    assert picks[0].product_id == "b"


def test_shares_without_orders_still_train(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "shares", priceless=True) as writer:
        writer.append("products", {"product_id": ["a", "b"], "title": ["A", "B"], "category": ["x"] * 2})
        when = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[us]")
        writer.append(
            "share_events",
            {"event_id": ["1", "2"], "event_time": when, "event_type": ["click"] * 2,
             "owner_id": ["o", "o"], "product_id": ["a", "b"], "member_id": ["m", "m"]},
        )  # fmt: skip
    train(tmp_path / "shares", tmp_path / "snapshot")
    snapshot = open_snapshot(tmp_path / "snapshot")
    late = datetime(2026, 3, 1, tzinfo=UTC)
    assert recommend(snapshot, Query("o", n=2, as_of=late)).picks
    assert recommend(snapshot, Query("o", n=2)).shorter_because == "shared_recently"


def test_ranking_many_gives_what_recommend_gives(trained: Path) -> None:
    snapshot = open_snapshot(trained)
    rows = np.arange(len(snapshot.ids("owners")), dtype=np.int32)
    chunks = list(rank_many(snapshot, rows, 5))
    owner = np.concatenate([chunk.owner_row for chunk in chunks])
    product = np.concatenate([chunk.product_row for chunk in chunks])
    for row in rows[:10]:
        reply = recommend(snapshot, Query(snapshot.ids("owners")[int(row)], n=5))
        wanted = snapshot.ids("products").take(product[owner == row])
        assert [pick.product_id for pick in reply.picks] == wanted


def test_a_pick_for_a_circle_says_what_a_share_brings_near_the_hidden_truth(
    trained: Path, small_town: Path
) -> None:
    snapshot, world = open_snapshot(trained), World.load(small_town)
    said, true = [], []
    for owner_id in snapshot.ids("owners"):
        for pick in recommend(snapshot, Query(owner_id, n=5)).picks:
            if pick.expected is not None:
                said.append(pick.expected.kept.mid)
                true += world.expected_kept_orders([owner_id], [pick.product_id]).tolist()
                assert pick.expected.kept.low <= pick.expected.kept.high
                assert pick.expected.earnings is not None
    assert len(said) > 50
    assert 0.5 < sum(said) / sum(true) < 2.0
    assert model_of(snapshot).calibrations.keys() == {"circle"}
