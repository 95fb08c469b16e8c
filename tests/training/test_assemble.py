"""What a model is assembled from: hand-worked matrices."""

from __future__ import annotations

import numpy as np
import pytest

from training import sparse_rows
from training.assemble import _circle_orders, csr_of

NO_TIE = 0.0


def circle_orders(ties: list[tuple[int, int, float]], orders: list[tuple[int, int, float]]) -> dict:
    """(owner, product) → (weight, members) of a world of 2 owners, 3 members and 4 products."""
    circle = csr_of(*zip(*ties, strict=True), (2, 3))
    view = _circle_orders(circle, csr_of(*zip(*orders, strict=True), (3, 4)))
    owner = np.repeat(np.arange(2), np.diff(view.indptr))
    cells = zip(owner.tolist(), view.indices.tolist(), strict=True)
    values = zip(view.data.tolist(), view.extra["n_members"].tolist(), strict=True)
    return dict(zip(cells, values, strict=True))


ORDERS = [(0, 1, 2.0), (0, 3, 1.0), (1, 1, 1.0), (2, 2, 5.0)]


def test_a_circle_orders_what_its_members_order_by_their_ties() -> None:
    assert circle_orders([(0, 0, 1.0), (0, 1, 2.0), (1, 2, 0.5)], ORDERS) == {
        (0, 1): (4.0, 2), (0, 3): (1.0, 1), (1, 2): (2.5, 1),
    }  # fmt: skip


def test_a_tie_of_no_weight_adds_nothing_and_breaks_nothing() -> None:
    found = circle_orders([(0, 0, NO_TIE), (0, 1, 2.0), (1, 2, NO_TIE)], ORDERS)
    assert {cell: weight for cell, (weight, _) in found.items() if weight} == {(0, 1): 2.0}


def test_an_order_of_no_weight_breaks_nothing() -> None:
    found = circle_orders([(0, 0, 1.0), (1, 2, 1.0)], [(0, 1, 0.0), (0, 3, 1.0), (2, 2, 5.0)])
    assert found[0, 3] == (1.0, 1)


def test_red_control_a_product_of_weights_may_come_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts by place alone, as if both products stored the same cells, do not fit."""
    monkeypatch.setattr(sparse_rows, "values_of", lambda matrix, pattern: matrix.data[: pattern.nnz])
    found = circle_orders([(0, 0, NO_TIE), (0, 1, 2.0)], [*ORDERS[:3], (0, 0, 9.0)])
    assert found != {(0, 1): (2.0, 2)}
