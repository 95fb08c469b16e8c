"""Arrow columns as the numpy arrays that graphs and columns are handed out in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]

NO_TIME = np.iinfo(np.int64).min  # what stands where there is no instant; the same bits as numpy's NaT
NO_ROW = -1  # what stands where there is no product, member, owner, supplier or category
UNKNOWN = -1  # what stands where a count or a price is not known
US_PER_DAY = 86_400_000_000  # microseconds; instants are int64 µs since 1970 UTC


def column_arrays(rows: pa.Table) -> dict[str, Array]:
    """Column name → read-only array: times as int64 µs since 1970 UTC, absent times `NO_TIME`, else -1."""
    return {name: _column_array(rows[name]) for name in rows.column_names}


def read_only(array: Array) -> Array:
    """The same array, no longer writable."""
    array.setflags(write=False)
    return array


def places_in(sorted_ids: Array, wanted: Array) -> Array:
    """The place of each wanted id in the sorted ids, int64; NO_ROW where it is absent."""
    if not len(sorted_ids):
        return np.full(len(wanted), NO_ROW, dtype=np.int64)
    place = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return np.where(sorted_ids[place] == wanted, place, NO_ROW)


def weighted_median_of_rows(rows: Array, values: Array, weights: Array) -> tuple[Array, Array]:
    """(row, lower weighted median of its values) of every row named."""
    order = np.lexsort((values, rows))
    rows, values, weights = rows[order], values[order], weights[order]
    if not len(rows):
        return rows, values
    begins = np.flatnonzero(np.r_[True, np.diff(rows) != 0])
    total = np.add.reduceat(weights, begins)
    group = np.cumsum(np.r_[True, np.diff(rows) != 0]) - 1
    running = np.cumsum(weights)
    running -= (running[begins] - weights[begins])[group]
    reached = np.flatnonzero(running * 2 >= total[group])
    _, first = np.unique(group[reached], return_index=True)
    return rows[begins], values[reached[first]]


def _column_array(column: pa.ChunkedArray) -> Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    if column.null_count:
        missing = NO_TIME if pa.types.is_timestamp(kind) else False if pa.types.is_boolean(kind) else -1
        column = pc.fill_null(column, pa.scalar(missing, type=column.type))
    return read_only(column.to_numpy())
