"""Numbers into the dataset's columns, fast: ids, instants, words; and tables written in bounded chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.dataset import DatasetWriter
from training.town.draw import Array

DIGITS = 12
ROWS_PER_CHUNK = 500_000
TIME = pa.timestamp("us", tz="UTC")
PREFIXES = {
    "products": "p", "members": "m", "owners": "o", "suppliers": "s", "shares": "sh", "events": "ev",
    "orders": "or", "returns": "rt", "reviews": "rv", "complaints": "cp", "groups": "gb", "links": "l",
}  # fmt: skip
WIDTHS = {"products": 6, "members": 7, "owners": 4, "suppliers": 3}  # at least; all other numbers have 9
_FOUR_DIGITS = np.frombuffer("".join(f"{i:04d}" for i in range(10_000)).encode(), dtype=np.uint32)


def ids(kind: str, numbers: Array, n_all: int = 0) -> pa.Array:
    """Ids such as `p000123`, null where the number is negative; `n_all`, how many there are, sets width."""
    numbers = np.asarray(numbers, dtype=np.int64)
    width = max(WIDTHS.get(kind, 9), len(str(max(n_all - 1, 0))))
    prefix = PREFIXES[kind].encode()
    rest = np.abs(numbers)
    fours = np.empty((len(numbers), DIGITS // 4), dtype=np.uint32)
    for place in (2, 1, 0):
        rest, part = np.divmod(rest, 10_000) if rest.any() else (rest, rest)
        fours[:, place] = _FOUR_DIGITS[part]
    digits = fours.view(np.uint8)
    size = len(prefix) + width
    text = np.empty((len(numbers), size), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    text[:, len(prefix) :] = digits[:, DIGITS - width :]
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(size)
    valid = numbers >= 0
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.StringArray.from_buffers(
        len(numbers), pa.py_buffer(offsets), pa.py_buffer(text), bitmap, int((~valid).sum())
    )


def times(us: Array, missing: Array | None = None) -> pa.Array:
    """Instants from microseconds since 1970, null where `missing`."""
    return pa.array(np.asarray(us, dtype=np.int64), mask=missing).cast(TIME)


def numbers(values: Array, missing: Array | None = None) -> pa.Array:
    """Numbers, null where `missing`."""
    return pa.array(np.asarray(values), mask=missing)


def words(codes: Array, vocabulary: Sequence[str]) -> pa.Array:
    """Words by code, null where the code is negative."""
    codes = np.asarray(codes, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(list(vocabulary))).cast(
        pa.string()
    )


class Sink:
    """Collects rows of tables and hands them to the dataset's writer in large chunks; counts them."""

    def __init__(self, writer: DatasetWriter) -> None:
        self.n_rows: dict[str, int] = {}
        self._writer = writer
        self._waiting: dict[str, list[pa.Table]] = {}
        self._n_waiting: dict[str, int] = {}

    def add(self, name: str, columns: Mapping[str, pa.Array]) -> None:
        """Rows of one table."""
        table = pa.table(dict(columns))
        self.n_rows[name] = self.n_rows.get(name, 0) + table.num_rows
        self._waiting.setdefault(name, []).append(table)
        self._n_waiting[name] = self._n_waiting.get(name, 0) + table.num_rows
        if self._n_waiting[name] >= ROWS_PER_CHUNK:
            self._hand_over(name)

    def finish(self) -> None:
        """Hand over what waits."""
        for name in list(self._waiting):
            self._hand_over(name)

    def _hand_over(self, name: str) -> None:
        waiting = self._waiting.pop(name, [])
        self._n_waiting[name] = 0
        if waiting:
            self._writer.append(name, pa.concat_tables(waiting).combine_chunks())


def as_columns(matrix: NDArray[np.float32]) -> pa.Array:
    """A matrix as one column of fixed-size lists."""
    flat = pa.array(np.ascontiguousarray(matrix).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
