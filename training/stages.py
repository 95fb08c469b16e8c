"""What each stage of a run took: measurements for the run card, never for the snapshot."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Say = Callable[[str], None]


def peak_memory_mb() -> int:
    """The most resident memory that this process ever held, megabytes, mapped files counted."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


class Stages:
    """Says each stage as it begins, and remembers what those before took."""

    def __init__(
        self, say: Say, clock: Callable[[], float] = time.monotonic, peak: Callable[[], int] = peak_memory_mb
    ) -> None:
        self._say, self._clock, self._peak = say, clock, peak
        self._name: str | None = None
        self._since = self._first = clock()
        self._done: list[dict[str, Any]] = []

    def __call__(self, name: str) -> None:
        """The stage that went on is over, this one begins."""
        self._close()
        self._name = name
        self._say(name)

    def ended(self) -> list[dict[str, Any]]:
        """stage, seconds, peak_memory_mb (the most the process ever held when the stage ended), in order."""
        self._close()
        return list(self._done)

    @property
    def seconds(self) -> float:
        """Seconds since the first stage could begin."""
        return self._clock() - self._first

    def _close(self) -> None:
        now = self._clock()
        if self._name is not None:
            took = round(now - self._since, 2)
            self._done.append({"stage": self._name, "seconds": took, "peak_memory_mb": self._peak()})
        self._name, self._since = None, now
