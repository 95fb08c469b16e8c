"""What moves, what is bought again and which groups filled, on worlds small enough to count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.arrays import NO_TIME
from features.columns.groups import GroupBuys, group_buys
from features.columns.momentum import Momentum, momentum
from features.columns.rebuy import rebuy_gaps
from features.dataset import DatasetWriter
from features.window import open_window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


# order, days ago, member, product
ORDERS = [
    ("o1", 60, "ann", "soap"), ("o2", 40, "ann", "soap"), ("o3", 3, "ann", "soap"),
    ("o4", 10, "bea", "soap"), ("o5", 2, "cyd", "soap"), ("o6", 1, "cyd", "tea"), ("o7", 1, "dan", "tea"),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movement") / "world"
    with DatasetWriter(path) as writer:
        writer.append("products", {
            "product_id": ["milk", "soap", "tea"], "title": ["Milk", "Soap", "Tea"], "category": ["A"] * 3,
            "available_time": [None, None, ago(5)],
        })  # fmt: skip
        writer.append("owners", {"owner_id": ["shop"], "member_id": ["ann"]})
        writer.append("orders", {
            "order_id": [o for o, *_ in ORDERS], "order_time": [ago(d) for _, d, _, _ in ORDERS],
            "member_id": [m for *_, m, _ in ORDERS], "product_id": [p for *_, p in ORDERS],
            "quantity": [1] * 7, "price_minor": [500] * 7,
        })  # fmt: skip
        writer.append("returns", {
            "return_id": ["r1"], "order_id": ["o7"], "product_id": ["tea"], "request_time": [ago(0.5)],
        })  # fmt: skip
        # group, product, initiator, opened, required, status, ends
        groups: list[tuple[Any, ...]] = [
            ("g1", "soap", "shop", 30, 2, "succeeded", 29), ("g2", "soap", "ann", 20, 2, "failed", 19),
            ("g3", "tea", "shop", 0.5, 2, "open", -0.5), ("g4", "tea", "zoe", 3, 2, None, None),
            ("g5", "tea", "shop", 4, 1, None, None),
        ]  # fmt: skip
        writer.append("group_buys", {
            "group_buy_id": [g[0] for g in groups], "product_id": [g[1] for g in groups],
            "initiator_id": [g[2] for g in groups], "open_time": [ago(g[3]) for g in groups],
            "required_count": [g[4] for g in groups], "status": [g[5] for g in groups],
            "expire_time": [None if g[6] is None else ago(g[6]) for g in groups],
        })  # fmt: skip
        writer.append("group_buy_joins", {
            "group_buy_id": ["g2", "g3", "g3", "g5"], "member_id": ["bea", "bea", "bea", "cyd"],
            "join_time": [ago(19.5), ago(0.4), ago(0.3), ago(3.5)],
        })  # fmt: skip
    return path


def seen(path: Path, look: Any) -> Any:
    from features.dataset import open_dataset

    with open_window(open_dataset(path), NOW) as window:
        return look(window)


def test_members_who_kept_it_are_counted_week_and_weeks_before(world: Path) -> None:
    found: Momentum = seen(world, momentum)
    assert found.n_recent.tolist() == [0, 2, 1]  # ann and cyd; dan's tea came back
    assert found.n_before.tolist() == [0, 1, 0]  # bea; what is older than 28 days counts for neither
    assert found.n_lines.tolist() == [0, 5, 2]
    assert found.n_kept.tolist() == [0, 5, 1]
    assert found.first_time.tolist() == [NO_TIME, us(ago(60)), us(ago(5))]
    assert found.start_time == us(ago(60))


def test_gaps_are_days_between_purchases_of_the_same_member(world: Path) -> None:
    found = seen(world, rebuy_gaps)
    assert found.product_row.tolist() == [1, 1]
    assert found.gap_days.tolist() == [20, 37]
    assert found.n.tolist() == [1, 1]


def test_a_group_is_full_failed_or_open(world: Path) -> None:
    found: GroupBuys = seen(world, group_buys)
    # g1 says so; g2 says so; g3 has one of two and half a day left; g4's day is over; g5 is full
    assert found.outcome.tolist() == [1, 0, -1, 0, 1]
    assert found.owner_row.tolist() == [0, 0, 0, -1, 0]  # ann is the shop's own member, zoe owns none
    assert found.n_joined.tolist() == [0, 1, 1, 0, 1]
    assert found.expire_time.tolist()[3] == us(ago(2))
