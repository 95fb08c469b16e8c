from __future__ import annotations

from pathlib import Path

import numpy as np

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.audience import PLAIN, rank_members
from recsys.audience_log import HOUR_US, EventLog
from recsys.ranker import BoostedTrees
from training.audience import fit_audience, learn_ranker


def habits(n_events: int, seed: int) -> EventLog:
    """Forty owners, each with three members of her own, of whom the last comes most often."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, 40, n_events)
    member = 40 + owner * 3 + np.minimum(rng.integers(0, 6, n_events), 2)
    return EventLog(
        owner.astype(np.int32), member.astype(np.int32), rng.integers(0, 500, n_events).astype(np.int32),
        np.arange(n_events, dtype=np.int64) * HOUR_US, np.ones(n_events, dtype=np.float32), 160,
    )  # fmt: skip


def test_the_ranker_learns_from_the_logs_own_later_events() -> None:
    log = habits(900, seed=1)
    ranker = learn_ranker(log, seed=0)
    assert isinstance(ranker, BoostedTrees)
    assert ranker.text == getattr(learn_ranker(log, seed=0), "text", None)


def test_too_few_events_are_ranked_by_the_plain_blend() -> None:
    assert learn_ranker(habits(100, seed=1), seed=0) is PLAIN


def test_a_world_without_times_has_an_audience_from_recipients(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d", timeless=True, priceless=True) as writer:
        writer.append("products", {"product_id": ["p"], "title": ["P"], "category": ["c"]})
        writer.append("owners", {"owner_id": ["a", "b", "c"], "member_id": ["a", "b", "c"]})
        writer.append("shares", {
            "share_id": ["1", "2", "3"], "owner_id": ["a", "a", "a"], "product_id": ["p"] * 3,
            "recipient_id": ["c", "b", "c"],
        })  # fmt: skip
    with open_window(open_dataset(tmp_path / "d")) as window:
        found = fit_audience(window, window.ids["owners"], window.ids["members"], window.owner_member, 0)
    assert found is not None
    assert found.ranker is PLAIN
    ranked = rank_members(found, np.array([0], np.int32), np.array([0], np.int32), np.array([0]), 2)
    assert ranked.member.tolist() == [2, 1]


def test_a_world_without_reactions_and_circle_has_none(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d", timeless=True, priceless=True) as writer:
        writer.append("products", {"product_id": ["p"], "title": ["P"], "category": ["c"]})
        writer.append("orders", {
            "order_id": ["1"], "member_id": ["m"], "product_id": ["p"], "quantity": [1],
        })  # fmt: skip
    with open_window(open_dataset(tmp_path / "d")) as window:
        assert (
            fit_audience(window, window.ids["owners"], window.ids["members"], window.owner_member, 0) is None
        )
