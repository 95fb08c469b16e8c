"""What came of each share, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.dataset import DatasetWriter, open_dataset
from features.share_outcomes import ShareOutcomes, share_outcomes
from features.window import open_window

NOW = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ORDERS = {  # o2 came back, o3 is through her own link, o4 a test, o5 another product of the share, o6 of none
    "order_id": ["o1", "o2", "o3", "o4", "o5", "o6"], "order_time": [NOW] * 6,
    "member_id": ["m2", "m3", "m1", "m2", "m2", "m2"], "product_id": ["a", "a", "a", "a", "b", "a"],
    "quantity": [1] * 6, "price_minor": [500, 500, 500, 1, 500, 500], "owner_id": ["w1"] * 6,
    "share_id": ["s1", "s1", "s1", "s1", "s1", None],
}  # fmt: skip


SHARES = {
    "share_id": ["s1", "s2", "s3"], "share_time": [NOW - 3 * DAY, NOW - 2 * DAY, NOW - 2 * DAY],
    "owner_id": ["w1", "w2", "w1"], "product_id": ["a", "b", "a"],
}  # fmt: skip


def outcomes(
    folder: Path, orders: dict[str, Any], as_of: datetime = NOW, shares: dict[str, Any] = SHARES
) -> ShareOutcomes | None:
    with DatasetWriter(folder / "town") as writer:
        writer.append("products", {"product_id": ["a", "b"], "title": ["A", "B"], "category": ["X", "X"]})
        writer.append("owners", {"owner_id": ["w1", "w2"], "member_id": ["m1", "m2"]})
        writer.append("shares", shares)
        writer.append("orders", orders)
        writer.append("returns", {
            "return_id": ["r1"], "order_id": ["o2"], "product_id": ["a"], "request_time": [NOW],
        })  # fmt: skip
    with open_window(open_dataset(folder / "town"), as_of, memory_limit_mb=500) as window:
        return share_outcomes(window)


def test_orders_count_where_a_friend_meant_them_and_kept_where_they_did_not_come_back(tmp_path: Path) -> None:
    found = outcomes(tmp_path, ORDERS)
    assert found is not None
    assert (found.owner_row.tolist(), found.product_row.tolist()) == ([0, 0, 1], [0, 0, 1])
    assert found.n_orders.tolist() == [2, 0, 0]
    assert found.n_kept.tolist() == [1, 0, 0]
    assert (found.n_kept.dtype, found.owner_row.dtype) == ("int32", "int32")
    day = int(DAY.total_seconds() * 1_000_000)
    assert (found.share_time - found.share_time[0]).tolist() == [0, day, day]
    assert found.where(found.n_orders > 0).share_time.tolist() == [found.share_time[0]]


def test_what_came_after_the_moment_is_not_known(tmp_path: Path) -> None:
    found = outcomes(tmp_path, ORDERS, NOW - DAY)
    assert found is not None
    assert found.n_orders.tolist() == [0, 0, 0]


def test_where_no_order_names_a_share_nothing_is_told(tmp_path: Path) -> None:
    assert outcomes(tmp_path, {name: rows for name, rows in ORDERS.items() if name != "share_id"}) is None


@pytest.mark.parametrize("with_orders", ["s0", "s9"])
def test_shares_of_one_instant_stand_by_what_they_led_to(tmp_path: Path, with_orders: str) -> None:
    shares = {
        "share_id": ["s0", "s9"], "share_time": [NOW - DAY] * 2, "owner_id": ["w1"] * 2,
        "product_id": ["a"] * 2,
    }  # fmt: skip
    found = outcomes(tmp_path, ORDERS | {"share_id": [with_orders] * 6}, shares=shares)
    assert found is not None
    assert found.n_orders.tolist() == [0, 3]
