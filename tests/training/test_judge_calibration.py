"""What a snapshot expected of shares, held against what came of them; a world written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_model import AS_OF, small_model, town

from features.dataset import DatasetWriter, open_dataset
from features.window import Window, open_window
from recsys.calibration import Calibration
from recsys.model import Model
from training.judge_calibration import judge_calibration

DAY = timedelta(days=1)
HALF = Calibration(np.array([0, 1], dtype=np.float32), np.array([0.5, 0.5], dtype=np.float32))


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Window]:
    """Four shares after the cut, one of a product and one by an owner that nobody knew; one before it."""
    with DatasetWriter(tmp_path / "town") as writer:
        products = [*town().products, "later"]
        writer.append("products", {
            "product_id": products, "title": products, "category": ["Food"] * len(products),
        })  # fmt: skip
        writer.append("shares", {
            "share_id": [f"s{i}" for i in range(6)],
            "share_time": [AS_OF - DAY, *[AS_OF + n * DAY for n in range(1, 6)]],
            "owner_id": ["o-noodles", "o-noodles", "o-noodles", "o-kitchen", "o-kitchen", "o-later"],
            "product_id": ["n0", "n0", "n0", "k1", "later", "n0"],
        })  # fmt: skip
        writer.append("orders", {
            "order_id": ["a", "b", "c"], "order_time": [AS_OF + 6 * DAY] * 3, "member_id": ["m0", "m1", "m9"],
            "product_id": ["n0", "n0", "later"], "quantity": [1] * 3, "price_minor": [500] * 3,
            "share_id": ["s0", "s2", "s4"],
        })  # fmt: skip
    with open_window(open_dataset(tmp_path / "town"), memory_limit_mb=500) as window:
        yield window


def model() -> Model:
    return replace(small_model(town()), calibrations={"circle": HALF, "self": HALF})


def test_shares_after_the_cut_of_what_the_snapshot_knows_are_counted(late: Window) -> None:
    check = judge_calibration(model(), late, AS_OF, "circle")
    assert check is not None
    assert check.n_shares == 3  # two of n0, one of k1
    assert check.predicted == pytest.approx(0.5)
    assert check.seen == pytest.approx(1 / 3)  # the order through s0 came of a share before the cut
    assert check.error > 0


def test_without_a_cut_a_calibration_or_for_herself_there_is_nothing_to_check(late: Window) -> None:
    assert judge_calibration(model(), late, None, "circle") is None
    assert judge_calibration(replace(model(), calibrations={}), late, AS_OF, "circle") is None
    assert judge_calibration(model(), late, AS_OF, "self") is None
    assert judge_calibration(model(), late, AS_OF + 30 * DAY, "circle") is None
