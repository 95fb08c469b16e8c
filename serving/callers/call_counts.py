"""How many calls each key made lately, counted for all worker processes of one host together.

A small file of fixed size, mapped by every worker, holds for each bucket the calls of this window and of the
one before; the calls of the last `WINDOW_S` seconds are this window's and the part of the one before that
still counts. One lock of the file orders the workers. Counts of other hosts are not in it: with several
replicas a key may call so often at each.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path

WINDOW_S = 10
N_SLOTS = 8192
N_LOOKED_AT = 8  # a bucket lives in one of these slots after its own
_SLOT = struct.Struct("<qqqq")  # tag, window, calls in it, calls in the one before
FILE_BYTES = N_SLOTS * _SLOT.size


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls per second, over any `WINDOW_S` seconds; 0 is no bound."""

    per_second: float

    @property
    def per_window(self) -> float:
        """Calls in one window."""
        return self.per_second * WINDOW_S


class CallCounts:
    """The counts of one host's workers, one thread each; without a path those of this process alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._descriptor = -1
        if path is not None:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._descriptor, FILE_BYTES)
        self._map = mmap.mmap(self._descriptor, FILE_BYTES)

    def close(self) -> None:
        """Let the file go; the counts stay in it."""
        self._map.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def call(self, bucket: str, allowance: Allowance, now: float) -> int:
        """0 when the call is within the allowance, which counts it; otherwise the seconds until one is.

        `now` in seconds of a clock that all workers share.
        """
        if allowance.per_second <= 0:
            return 0
        if self._descriptor < 0:
            return self._count(bucket, allowance.per_window, now)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            return self._count(bucket, allowance.per_window, now)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _count(self, bucket: str, allowed: float, now: float) -> int:
        window, passed = divmod(now, WINDOW_S)
        tag = int.from_bytes(hashlib.blake2b(bucket.encode(), digest_size=8).digest(), "little", signed=True)
        slot, this, before = self._find(tag, int(window))
        part = 1 - passed / WINDOW_S
        if this + before * part + 1 > allowed:
            return _seconds_until_free(this, before, allowed, passed)
        _SLOT.pack_into(self._map, slot, tag, int(window), this + 1, before)
        return 0

    def _find(self, tag: int, window: int) -> tuple[int, int, int]:
        """Where the bucket's counts are, and what they are; the stalest slot when it has none."""
        stalest, stalest_window = 0, 1 << 62
        for step in range(N_LOOKED_AT):
            place = (tag + step) % N_SLOTS * _SLOT.size
            its_tag, its_window, this, before = _SLOT.unpack_from(self._map, place)
            if its_tag == tag:
                if its_window == window:
                    return place, this, before
                return place, 0, this if its_window == window - 1 else 0
            if its_window < stalest_window:
                stalest, stalest_window = place, its_window
        return stalest, 0, 0


def _seconds_until_free(this: int, before: int, allowed: float, passed: float) -> int:
    """Whole seconds, at least 1, until one more call is within the allowance if none is made meanwhile."""
    if before and this + 1 <= allowed:
        needed = WINDOW_S * (1 - (allowed - this - 1) / before)
        return max(1, -int(-(needed - passed) // 1))
    in_next = WINDOW_S * (1 - (allowed - 1) / this) if this else WINDOW_S
    return max(1, -int(-(WINDOW_S - passed + max(0.0, in_next)) // 1))
