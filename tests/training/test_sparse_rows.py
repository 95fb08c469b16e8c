"""The largest entries of sparse rows, whatever the size of a block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys.sparse import Csr
from training import sparse_rows
from training.sparse_rows import largest, largest_with_counts, ones_like


def test_ties_go_to_the_smaller_column_and_short_rows_stay_whole() -> None:
    matrix = sparse.csr_array(np.array([[2, 1, 2, 2, 3], [0, 0, 1, 0, 0], [5, 0, 4, 4, 0]], dtype=np.float32))
    wanted = [[2, 0, 0, 0, 3], [0, 0, 1, 0, 0], [5, 0, 4, 0, 0]]
    assert largest(matrix, 2).toarray().tolist() == wanted


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40))
def test_largest_is_what_sorting_every_row_gives(seed: int, limit: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.integers(-3, 4, (9, 13)) * (rng.random((9, 13)) < 0.6)).astype(np.float32)
    matrix = sparse.csr_array(dense)
    wanted = np.zeros_like(dense)
    for row, values in enumerate(dense):
        there = np.flatnonzero(values)
        chosen = there[np.lexsort((there, -values[there]))][:limit]
        wanted[row, chosen] = values[chosen]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_rows, "CELLS_AT_ONCE", cells)
        assert (largest(matrix, limit).toarray() == wanted).all()


def test_no_block_is_larger_than_what_may_be_held_and_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = sparse.csr_array(np.random.default_rng(3).random((40, 25)).astype(np.float32))
    asked: list[int] = []

    def block(part: slice) -> tuple[Csr, Csr]:
        found = sparse.csr_array(matrix[part])
        asked.append(found.shape[0])
        return found, ones_like(found)

    whole = largest_with_counts(40, block, 4, "n", 25)
    assert asked == [40]
    monkeypatch.setattr(sparse_rows, "CELLS_AT_ONCE", 200)
    parts = largest_with_counts(40, block, 4, "n", 25)
    assert asked[1:] == [8] * 5
    assert np.array_equal(whole.data, parts.data)
    assert np.array_equal(whole.indices, parts.indices)
