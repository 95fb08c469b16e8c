"""CsrView against scipy and against hand-worked rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recsys.sparse import CsrView


@pytest.fixture
def view() -> CsrView:
    """Row 0: columns 1, 3; row 1: none; row 2: columns 2, 0 (in that order)."""
    return CsrView(
        indptr=np.array([0, 2, 2, 4]),
        indices=np.array([1, 3, 2, 0], dtype=np.int32),
        data=np.array([1, 2, 3, 4], dtype=np.float32),
        n_columns=4,
        extra={"n_members": np.array([10, 20, 30, 40])},
    )


def test_a_row_is_a_view_of_its_entries(view: CsrView) -> None:
    indices, data = view.row(2)
    assert (indices.tolist(), data.tolist()) == ([2, 0], [3, 4])
    assert view.extra["n_members"][view.span(0)].tolist() == [10, 20]
    assert view.row(1)[0].size == 0
    assert np.shares_memory(indices, view.indices)


def test_many_rows_keep_their_order_and_their_extras(view: CsrView) -> None:
    assert view.positions([2, 1, 0, 2]).tolist() == [2, 3, 0, 1, 2, 3]
    part = view.rows([2, 1])
    assert part.to_scipy().toarray().tolist() == [[4, 0, 3, 0], [0, 0, 0, 0]]
    assert part.extra["n_members"].tolist() == [30, 40]
    assert view.positions([]).tolist() == [] and view.rows([]).shape == (0, 4)


def test_scipy_shares_the_entries(view: CsrView) -> None:
    matrix = view.to_scipy()
    assert isinstance(matrix, sparse.csr_array)
    assert np.shares_memory(matrix.indices, view.indices) and np.shares_memory(matrix.data, view.data)
    assert matrix.toarray().tolist() == [[0, 1, 0, 2], [0, 0, 0, 0], [4, 0, 3, 0]]
    assert (view.shape, view.nnz) == ((3, 4), 4)


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_is_refused(view: CsrView, row: int) -> None:
    with pytest.raises(IndexError, match="must be in"):
        view.row(row)
    with pytest.raises(IndexError, match="must be in"):
        view.positions([row])
