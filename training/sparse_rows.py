"""Rows of sparse matrices: the largest entries of each, counts beside them, entries at a pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.pairs import places_within
from recsys.sparse import Csr, CsrView

ROWS_AT_ONCE = 4096
CELLS_AT_ONCE = 1 << 24  # entries of a block of rows, were all of its columns there


def values_of(matrix: Csr, pattern: Csr) -> npt.NDArray[np.float32]:
    """The entries of a sorted matrix where a pattern has entries; the pattern may have fewer."""
    width = np.int64(matrix.shape[1])
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * width + matrix.indices
    wanted = np.repeat(np.arange(matrix.shape[0]), np.diff(pattern.indptr)) * width + pattern.indices
    found: npt.NDArray[np.float32] = matrix.data[np.searchsorted(keys, wanted)]
    return found


def ones_like(matrix: Csr) -> Csr:
    """float32 ones where the matrix has entries."""
    ones = np.ones(matrix.nnz, dtype=np.float32)
    return sparse.csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape)


def largest(matrix: Csr, limit: int) -> Csr:
    """The `limit` largest entries of each row, by column; ties by the smaller column."""
    matrix.sort_indices()
    lengths = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(matrix.shape[0]), lengths)
    at = np.flatnonzero(lengths[rows] > limit)  # only these rows lose anything
    if not len(at):
        return matrix
    at = at[matrix.data[at] >= _limits(rows[at], matrix.data[at], limit)]  # what is left is quickly sorted
    order = at[np.lexsort((matrix.indices[at], -matrix.data[at], rows[at]))]
    kept = lengths[rows] <= limit
    kept[order[places_within(rows[order]) < limit]] = True
    indptr = np.zeros(matrix.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.minimum(lengths, limit), out=indptr[1:])
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


def _limits(row: npt.NDArray[Any], value: npt.NDArray[Any], limit: int) -> npt.NDArray[Any]:
    """For each entry the `limit`-th largest value of its row; rows in order, each longer than that."""
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    lengths = np.diff(np.r_[starts, len(row)])
    found = np.empty(len(starts), dtype=value.dtype)
    step = max(1, CELLS_AT_ONCE // 2 // int(lengths.max()))
    for first in range(0, len(starts), step):
        n = lengths[first : first + step]
        width = int(n.max())
        table = np.full((len(n), width), -np.inf, dtype=value.dtype)
        begin = starts[first]
        table[np.arange(width) < n[:, None]] = value[begin : begin + int(n.sum())]
        found[first : first + step] = np.partition(table, width - limit, axis=1)[:, width - limit]
    return np.repeat(found, lengths)


def largest_with_counts(
    n_rows: int, block: Callable[[slice], tuple[Csr, Csr]], limit: int, count_name: str, n_columns: int = 0
) -> CsrView:
    """The `limit` largest weights of each row with a count beside each, a block of rows at a time.

    `block` gives the weights and the counts of a slice of rows; where a weight is there, a count is. On its
    way it makes nothing wider than `n_columns`, if that is told: then a block is of so few rows as fit.
    """
    parts, counts = [], []
    step = max(1, min(ROWS_AT_ONCE, CELLS_AT_ONCE // max(n_columns, 1)))
    for start in range(0, max(n_rows, 1), step):
        weights, counted = (sparse.csr_array(m) for m in block(slice(start, start + step)))
        weights.eliminate_zeros()  # a tie of no weight is none
        parts.append(largest(weights, limit))
        counted.sort_indices()
        counts.append(values_of(counted, parts[-1]))
    whole = sparse.csr_array(sparse.vstack(parts, format="csr"))
    return as_view(whole, {count_name: np.rint(np.concatenate(counts)).astype(np.int32)})


def as_view(matrix: Csr, extra: Mapping[str, npt.NDArray[Any]] | None = None) -> CsrView:
    """A CSR matrix as a snapshot keeps it."""
    return CsrView(
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32),
        matrix.shape[1], extra or {},
    )  # fmt: skip
