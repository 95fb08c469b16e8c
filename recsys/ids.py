"""Which id stands in which row, without a dict: ids are sorted, so a row is found by halving."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.columns import StringColumn

MAX_ID_BYTES = 1024
BLOCK_ROWS = 1 << 14
# below one question per so many ids, halving for each is quicker than walking through all blocks
ROWS_PER_QUESTION = 64


class IdList(StringColumn):
    """Unique ids sorted by their UTF-8 bytes (which is also how Python sorts str); row = place in the order.

    An id has 1 to 1024 bytes and no NUL.
    """

    __slots__ = ()

    def row(self, id_: str) -> int:
        """The row of an id, -1 when it is absent."""
        key = _as_key(id_)
        if not key:
            return -1
        row = self._first_not_before(key)
        return row if row < len(self) and self._key(row) == key else -1

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.row(id_) >= 0

    def rows(self, ids: Sequence[str] | npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """The rows of many ids, int32 (len(ids)), -1 where absent; sorted questions are quickest."""
        if len(ids) * ROWS_PER_QUESTION < len(self):
            return np.fromiter((self.row(i) for i in ids), dtype=np.int32, count=len(ids))
        found = np.full(len(ids), -1, dtype=np.int32)
        keys = [_as_key(i) for i in ids]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        ordered = [keys[i] for i in order]
        low = bisect_left(ordered, b"\x01")  # the empty keys stand before it: they are no ids
        for start in range(0, len(self), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(self))
            high = bisect_left(ordered, self._key(stop), low) if stop < len(self) else len(ordered)
            if low < high:
                block = _place_in(self.fixed_width(start, stop), ordered[low:high])
                found[order[low:high]] = np.where(block >= 0, block + start, -1)
            low = high
        return found

    def fixed_width(self, start: int, stop: int) -> npt.NDArray[np.bytes_]:
        """The ids of rows start to stop as one numpy array of bytes, as wide as the longest of them."""
        bounds = self.offsets[start : stop + 1]
        lengths = np.diff(bounds)
        width = max(int(lengths.max(initial=1)), 1)
        content = self.blob[bounds[0] : bounds[-1]]
        if content.size == width * lengths.size:
            return content.view(f"S{width}")
        grid = np.zeros((lengths.size, width), dtype=np.uint8)
        grid[np.arange(width) < lengths[:, None]] = content
        return grid.reshape(-1).view(f"S{width}")

    def _key(self, row: int) -> bytes:
        return bytes(self._bytes[self._starts[row] : self._starts[row + 1]])

    def _first_not_before(self, key: bytes) -> int:
        starts, content = self._starts, self._bytes
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) >> 1
            if content[starts[middle] : starts[middle + 1]].tobytes() < key:
                low = middle + 1
            else:
                high = middle
        return low


def _as_key(id_: str) -> bytes:
    """The bytes to look for, b"" when it cannot be an id (numpy's bytes cannot tell a NUL at the end)."""
    try:
        key = id_.encode("utf-8")
    except UnicodeEncodeError:
        return b""
    return b"" if len(key) > MAX_ID_BYTES or b"\0" in key else key


def _place_in(block: npt.NDArray[np.bytes_], keys: list[bytes]) -> npt.NDArray[np.int64]:
    """Where each sorted key stands in the sorted block, -1 when it does not."""
    width = block.dtype.itemsize
    fitting = np.array([len(key) <= width for key in keys])
    asked = np.array(
        [key if fits else b"" for key, fits in zip(keys, fitting, strict=True)], dtype=block.dtype
    )
    places = np.minimum(np.searchsorted(block, asked), len(block) - 1)
    return np.where(fitting & (block[places] == asked), places, -1)
