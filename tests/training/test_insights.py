"""What suppliers may learn of a dataset: counted by hand, and nothing of fewer than 10 members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.columns.reasons import REASONS
from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.insights import Insights
from training.config import Graphs
from training.insights import insights, told
from training.read_inputs import read_inputs

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DEFECT, SIZE, ANY = REASONS.index("quality_defect"), REASONS.index("size_fit"), len(REASONS) - 1


def insights_of(folder: Path, *, as_of: datetime = NOW, later: bool = False) -> Insights:
    """s0 sells tea to 40 members, 12 of whom say it was defective and 3 that it did not fit; s1 sells pans
    to 20, one of whom sends hers back. Both are of one category, all buyers in the circle of one shop.
    """
    orders: dict[str, list[Any]] = {"order_id": [], "order_time": [], "member_id": [], "product_id": []}
    returns: dict[str, list[Any]] = {
        "return_id": [], "order_id": [], "product_id": [], "request_time": [], "reason_code": []
    }  # fmt: skip
    for product, n, reasons in (
        ("tea", 40, ["quality_defect"] * 12 + ["size_fit"] * 3), ("pan", 20, ["quality_defect"]),
    ):  # fmt: skip
        for row in range(n):
            when = NOW - timedelta(days=20)
            for name, value in zip(orders, (f"{product}{row}", when, f"m{row}", product), strict=True):
                orders[name].append(value)
            if row < len(reasons):
                told_on = when + timedelta(days=3)
                back = (f"r{product}{row}", f"{product}{row}", product, told_on, reasons[row])
                for name, value in zip(returns, back, strict=True):
                    returns[name].append(value)
    if later:
        orders["order_id"].append("later")
        orders["order_time"].append(NOW + timedelta(days=1))
        orders["member_id"].append("m0")
        orders["product_id"].append("pan")
    n = len(orders["order_id"])
    with DatasetWriter(folder) as writer:
        writer.append("products", {
            "product_id": ["pan", "tea"], "title": ["Pan", "Tea"], "category": ["A", "A"],
            "supplier_id": ["s1", "s0"],
        })  # fmt: skip
        writer.append("suppliers", {"supplier_id": ["s0", "s1"]})
        writer.append("circle", {"owner_id": ["shop"] * 40, "member_id": [f"m{row}" for row in range(40)]})
        prices = [900 if product == "tea" else 3000 for product in orders["product_id"]]
        writer.append("orders", orders | {"quantity": [1] * n, "price_minor": prices})
        writer.append("returns", returns)
    with open_window(open_dataset(folder), as_of) as window:
        found = insights(window, read_inputs(window, Graphs()))
    assert found is not None
    return found


def test_reasons_are_counted_per_supplier_beside_the_category(tmp_path: Path) -> None:
    found = insights_of(tmp_path / "d")
    assert found.supplier_lines.tolist() == [40, 20]
    assert found.supplier_members.tolist() == [40, 20]
    assert found.reason_lines[0, ANY] == -1, "15 less 12 would say that 3 gave the other reason"
    assert found.reason_lines[0, SIZE] == -1
    # 13 of 60 lines of the category came back as defective
    assert found.reason_expected[:, DEFECT].tolist() == pytest.approx([40 * 13 / 60, 20 * 13 / 60])
    assert found.reason_lines[1, DEFECT] == -1


def test_demand_is_by_price_and_of_ten_members_or_more(tmp_path: Path) -> None:
    found = insights_of(tmp_path / "d")
    bands = (found.demand_low, found.demand_high, found.demand_members)
    assert np.stack(bands, axis=1).tolist() == [[0, 901, 40], [901, 3001, 20]]
    assert set(found.demand_owners.tolist()) == {0}, "one shop is fewer than ten"


def test_what_happens_later_is_not_read(tmp_path: Path) -> None:
    one, other = insights_of(tmp_path / "one"), insights_of(tmp_path / "other", later=True)
    assert np.array_equal(one.supplier_lines, other.supplier_lines)
    assert np.array_equal(one.demand_members, other.demand_members)


def test_a_reason_kept_back_cannot_be_worked_out_from_the_others() -> None:
    members = np.array([[30, 4, 12, 0, 46], [30, 20, 12, 0, 62], [4, 0, 0, 0, 4], [8, 7, 30, 0, 45]])
    shown = told(members.astype(np.int32))
    assert shown.tolist() == [
        [True, False, False, True, True],  # 4 alone would be 46 less the rest
        [True] * 5,
        [False, True, True, True, False],
        [False, False, True, True, True],  # 15 members together
    ]


def test_red_control_the_plain_rule_would_give_a_reason_away() -> None:
    members = np.array([[30, 4, 12, 46]])
    plain = members >= 10
    assert members[0, -1] - members[0, :-1][plain[0, :-1]].sum() == 4
    shown = told(members.astype(np.int32))
    assert members[0, -1] - members[0, :-1][shown[0, :-1]].sum() >= 10
