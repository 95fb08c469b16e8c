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


def column_arrays(rows: pa.Table) -> dict[str, Array]:
    """Column name → read-only array: times as int64 µs since 1970 UTC, absent times `NO_TIME`, else -1."""
    return {name: _column_array(rows[name]) for name in rows.column_names}


def read_only(array: Array) -> Array:
    """The same array, no longer writable."""
    array.setflags(write=False)
    return array


def _column_array(column: pa.ChunkedArray) -> Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    if column.null_count:
        missing = NO_TIME if pa.types.is_timestamp(kind) else False if pa.types.is_boolean(kind) else -1
        column = pc.fill_null(column, pa.scalar(missing, type=column.type))
    return read_only(column.to_numpy())
