"""Many strings in two arrays, so that a million of them open at once and cost no Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recsys.errors import SnapshotError

ITERATION_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class StringColumn:
    """One string per row: row r is `blob[offsets[r]:offsets[r + 1]]`, UTF-8.

    offsets int64 (n_rows + 1), blob uint8 (n_bytes): the layout of Arrow's large_string, which can therefore
    take both without a copy.
    """

    offsets: npt.NDArray[np.int64]
    blob: npt.NDArray[np.uint8]
    _starts: memoryview[int] = field(init=False, repr=False)
    _bytes: memoryview[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # one element of a memoryview is read several times faster than one of an array
        object.__setattr__(self, "_starts", self.offsets.data)
        object.__setattr__(self, "_bytes", self.blob.data)

    @classmethod
    def of(cls, values: Iterable[str]) -> Self:
        """A column in memory; SnapshotError when a value is no string or cannot be written as UTF-8."""
        encoded = [_encode(value, row) for row, value in enumerate(values)]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        blob = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        offsets.flags.writeable = False
        return cls(offsets, blob)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self):
            raise IndexError(f"row must be in [0, {len(self)}); got {row}")
        return str(self._bytes[self._starts[row] : self._starts[row + 1]], "utf-8")

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> list[str]:
        """The strings of these rows, in their order; IndexError when a row is outside [0, n_rows)."""
        wanted = np.asarray(rows, dtype=np.int64)
        if not wanted.size:
            return []
        if wanted.min() < 0 or wanted.max() >= len(self):
            raise IndexError(f"rows must be in [0, {len(self)}); got {wanted.min()} to {wanted.max()}")
        starts, stops = self.offsets[wanted].tolist(), self.offsets[wanted + 1].tolist()
        return [str(self._bytes[a:b], "utf-8") for a, b in zip(starts, stops, strict=True)]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), ITERATION_ROWS):
            bounds = self.offsets[start : start + ITERATION_ROWS + 1].tolist()
            for a, b in pairwise(bounds):
                yield str(self._bytes[a:b], "utf-8")


def _encode(value: Any, row: int) -> bytes:
    if not isinstance(value, str):
        raise SnapshotError(f"row {row}: must be a string; got {value!r}; write '' where there is none")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise SnapshotError(f"row {row}: must be writable as UTF-8; got {value!r}") from None
