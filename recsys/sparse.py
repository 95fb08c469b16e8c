"""Sparse rows over memory-mapped arrays."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

Extra = Mapping[str, npt.NDArray[Any]]
Csr = sparse.csr_array[Any, tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class CsrView:
    """A compressed sparse row matrix whose entries may carry further columns.

    indptr int64 (n_rows + 1); indices int32 (nnz), each in [0, n_columns); data any number (nnz);
    extra: name → array (nnz). Entry e of row r stands at indptr[r] <= e < indptr[r + 1] in all of them, in
    the order in which they were written (not necessarily by column).
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    data: npt.NDArray[Any]
    n_columns: int
    extra: Extra = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows, empty ones too."""
        return len(self.indptr) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_columns)."""
        return self.n_rows, self.n_columns

    @property
    def nnz(self) -> int:
        """Entries stored."""
        return len(self.indices)

    def span(self, row: int) -> slice:
        """Where the entries of a row stand in indices, data and every extra."""
        if not 0 <= row < self.n_rows:
            raise IndexError(f"row must be in [0, {self.n_rows}); got {row}")
        return slice(int(self.indptr[row]), int(self.indptr[row + 1]))

    def row(self, row: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
        """(indices, data) of one row, as views."""
        span = self.span(row)
        return self.indices[span], self.data[span]

    def positions(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        """Where the entries of these rows stand, row after row; int64 (sum of their lengths)."""
        wanted = np.asarray(rows, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= self.n_rows):
            raise IndexError(f"rows must be in [0, {self.n_rows}); got {wanted.min()} to {wanted.max()}")
        starts = self.indptr[wanted]
        lengths = self.indptr[wanted + 1] - starts
        before = np.cumsum(lengths) - lengths
        shifts: npt.NDArray[np.int64] = np.repeat(starts - before, lengths)
        shifts += np.arange(shifts.size)
        return shifts

    def rows(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> CsrView:
        """The matrix of these rows in their order, copied out, extras included."""
        wanted = np.asarray(rows, dtype=np.int64)
        positions = self.positions(wanted)
        indptr = np.zeros(wanted.size + 1, dtype=np.int64)
        np.cumsum(self.indptr[wanted + 1] - self.indptr[wanted], out=indptr[1:])
        extra = {name: values[positions] for name, values in self.extra.items()}
        return CsrView(indptr, self.indices[positions], self.data[positions], self.n_columns, extra)

    def to_scipy(self) -> Csr:
        """The matrix for scipy, sharing indices and data (indptr is copied to int32); extras stay behind.

        The arrays are read-only: what sorts or changes in place must copy first.
        """
        # scipy wants one dtype for both index arrays and would else copy the longer one to int64
        indptr = self.indptr.astype(np.int32) if self.nnz <= np.iinfo(np.int32).max else self.indptr
        return sparse.csr_array((self.data, self.indices, indptr), shape=self.shape, copy=False)


def csr_of_parts(
    data: npt.NDArray[Any], indices: npt.NDArray[np.int32], indptr: npt.NDArray[np.int32], n_columns: int
) -> Csr:
    """The matrix of these arrays, not looked at: they must fit each other.

    scipy's own constructor checks them for longer than a request takes to use a row or two; a copy of an
    empty matrix takes them as they are.
    """
    found = copy.copy(_empty(len(indptr) - 1, n_columns))
    found.data, found.indices, found.indptr = data, indices, indptr
    return found


def with_values(matrix: Csr, values: npt.NDArray[Any]) -> Csr:
    """The same cells with other values, sharing their places."""
    found = copy.copy(matrix)
    found.data = values
    return found


def rows_of(matrix: Csr) -> npt.NDArray[np.int64]:
    """The row of each stored value; int64 (nnz,)."""
    indptr = matrix.indptr
    return np.repeat(np.arange(len(indptr) - 1), indptr[1:] - indptr[:-1])


@lru_cache(maxsize=8)
def _empty(n_rows: int, n_columns: int) -> Csr:
    empty: Any = sparse.csr_array((n_rows, n_columns), dtype=np.float32)  # its stub takes this for one axis
    return cast(Csr, empty)
