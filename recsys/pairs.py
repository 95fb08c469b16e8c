"""Owner–product pairs of a chunk, and what is looked up for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.sparse import Csr, rows_of

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

MAX_DENSE_VALUES = 16_000_000  # a dense score table of a chunk may have this many cells (64 MB)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Owner–product pairs of one chunk, sorted by owner, then product, each once.

    owner int32 (n_pairs): position in the chunk; product int32 (n_pairs): product row.
    """

    owner: Rows
    product: Rows

    def __len__(self) -> int:
        return len(self.owner)


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Candidates of one source with its own scores, in any order; same shapes as `Pairs`."""

    owner: Rows
    product: Rows
    score: Floats


NOTHING = Proposals(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def values_at(matrix: Csr, pairs: Pairs) -> Floats:
    """float32 (n_pairs,) entries of a sparse matrix; 0 where nothing is stored."""
    n_rows, n_columns = matrix.shape
    if not len(pairs) or not matrix.nnz:
        return np.zeros(len(pairs), dtype=np.float32)
    if n_rows == 1:
        table = np.zeros(n_columns, dtype=np.float32)
        table[matrix.indices] = matrix.data
        return table[pairs.product]
    if n_rows * n_columns <= MAX_DENSE_VALUES:
        return np.asarray(matrix.toarray()[pairs.owner, pairs.product], dtype=np.float32)
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    keys = rows_of(matrix) * n_columns + matrix.indices
    wanted = pairs.owner.astype(np.int64) * n_columns + pairs.product
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, matrix.data[at], np.float32(0)).astype(np.float32)


def places_within(owner: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """0, 1, 2 … within each run of equal values; int32 (n,)."""
    place = np.arange(len(owner), dtype=np.int32)
    starts = place.copy()
    starts[1:][owner[1:] == owner[:-1]] = 0
    place -= np.maximum.accumulate(starts)
    return place


def divided(values: Floats, by: Floats) -> Floats:
    """values / by, 0 where `by` is not positive; float32."""
    return np.divide(values, by, out=np.zeros(values.shape, dtype=np.float32), where=by > 0)
