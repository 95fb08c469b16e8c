"""The commission of the offer that holds, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.columns.commission import commission_rates
from features.dataset import DatasetWriter, open_dataset
from features.window import open_window

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
# product, days before now, rate, days until it ends
OFFERS = (
    ("a", 9, 0.1, None), ("a", 2, 0.3, None), ("a", -1, 0.9, None), ("b", 9, 0.0, None),
    ("c", 9, 0.2, -1), ("d", 9, None, None),
)  # fmt: skip


def rates(folder: Path, offers: tuple[Any, ...] = OFFERS) -> list[float] | None:
    products = ["a", "b", "c", "d", "e"]
    with DatasetWriter(folder / "dataset") as writer:
        writer.append("products", {"product_id": products, "title": products, "category": ["x"] * 5})
        writer.append("orders", {
            "order_id": ["1"], "order_time": [NOW], "member_id": ["m"], "product_id": ["a"],
            "quantity": [1], "price_minor": [100],
        })  # fmt: skip
        writer.append("offers", {
            "product_id": [o[0] for o in offers], "effective_time": [NOW - o[1] * DAY for o in offers],
            "price_minor": [100] * len(offers), "currency": ["CNY"] * len(offers),
            "commission_rate": [o[2] for o in offers],
            "expire_time": [None if o[3] is None else NOW + o[3] * DAY for o in offers],
        })  # fmt: skip
    with open_window(open_dataset(folder / "dataset"), NOW) as window:
        found = commission_rates(window)
    return None if found is None else found.tolist()


def test_the_offer_that_holds_now_says_it(tmp_path: Path) -> None:
    """a: the later of two, not the one to come; b: 0 is a rate; c ended; d does not say; e has none."""
    assert rates(tmp_path) == pytest.approx([0.3, 0.0, -1, -1, -1])


def test_without_any_rate_there_is_nothing_to_break_ties_by(tmp_path: Path) -> None:
    assert rates(tmp_path, (("a", 9, None, None),)) is None
