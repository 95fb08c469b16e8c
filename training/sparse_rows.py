"""Rows of sparse matrices: the largest entries of each, entries at a pattern, ones at a pattern."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.operators import Csr


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
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(matrix.nnz) - matrix.indptr[rows]
    kept = np.zeros(matrix.nnz, dtype=bool)
    kept[order[place < limit]] = True
    indptr = np.zeros(matrix.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows[kept], minlength=matrix.shape[0]), out=indptr[1:])
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)
