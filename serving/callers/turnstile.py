"""Lets waiting requests through one at a time, each caller in her turn, and sends the rest away at once.

Endpoints answer inline, so a burst that reached the event loop would be worked off to its end while new
arrivals wait unseen in the kernel. Here requests pass until they took five milliseconds of a turn of the
loop, then the loop reads what has arrived, so a request that cannot be served in time is refused in a moment.
A full queue gives up the newest of the caller who has the most waiting: a noisy one loses her own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from serving.errors import RETRY_AFTER, ServiceError

MAX_WAITING = 512
MAX_WAIT_S = 1.0
MAX_IN_FLIGHT = 512
TURN_S = 0.005  # of work that requests may do in one turn of the loop; the last of them ends when it ends


@dataclass(slots=True)
class _Waiting:
    """One request in the queue and when it came."""

    turn: asyncio.Future[None]
    since: float


class Turnstile:
    """The queue before one event loop's work, bounded in length, in time and in requests under way."""

    def __init__(
        self,
        max_waiting: int = MAX_WAITING,
        max_wait_s: float = MAX_WAIT_S,
        max_in_flight: int = MAX_IN_FLIGHT,
        turn_s: float = TURN_S,
    ) -> None:
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._max_in_flight = max_in_flight
        self._turn_s = turn_s
        self._start(None)

    def _start(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._turn_taken = False
        self._turn_since = 0.0
        self._n_waiting = 0
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()  # in the order of their next turns
        self._in_flight: Counter[str] = Counter()

    async def enter(self, bucket: str) -> None:
        """Return when it is this request's turn; ServiceError overloaded when it will not be soon.

        Whoever entered leaves by `leave`.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._start(loop)
        n_mine, n_all = self._in_flight[bucket], self._in_flight.total()
        if n_all >= self._max_in_flight or (n_mine and n_mine >= self._max_in_flight // 2):
            raise _overloaded()
        if not self._turn_taken:
            self._turn_taken = True
            self._turn_since = time.monotonic()
            loop.call_soon(self._next)
        elif self._n_waiting or time.monotonic() - self._turn_since >= self._turn_s:
            await self._wait(loop, bucket)
        self._in_flight[bucket] += 1

    def leave(self, bucket: str) -> None:
        """The request is answered."""
        self._in_flight[bucket] -= 1
        if not self._in_flight[bucket]:
            del self._in_flight[bucket]

    async def _wait(self, loop: asyncio.AbstractEventLoop, bucket: str) -> None:
        if self._n_waiting >= self._max_waiting:
            self._make_room_for(bucket)
        waiting = _Waiting(loop.create_future(), time.monotonic())
        self._queues.setdefault(bucket, deque()).append(waiting)
        self._n_waiting += 1
        await waiting.turn

    def _make_room_for(self, bucket: str) -> None:
        longest = max(self._queues, key=lambda name: len(self._queues[name]))
        if len(self._queues[longest]) <= len(self._queues.get(bucket, ())) + 1:
            raise _overloaded()
        self._take(longest, newest=True).turn.set_exception(_overloaded())

    def _take(self, bucket: str, *, newest: bool = False) -> _Waiting:
        queue = self._queues[bucket]
        waiting = queue.pop() if newest else queue.popleft()
        if not queue:
            del self._queues[bucket]
        self._n_waiting -= 1
        return waiting

    def _next(self) -> None:
        """Give the turn to whoever waits longest of the caller whose turn it is."""
        now = time.monotonic()
        while self._queues:
            bucket = next(iter(self._queues))
            waiting = self._take(bucket)
            if bucket in self._queues:
                self._queues.move_to_end(bucket)
            if waiting.turn.done():  # its request was cancelled, or refused to make room
                continue
            if now - waiting.since > self._max_wait_s:
                waiting.turn.set_exception(_overloaded())
                continue
            self._turn_since = now
            waiting.turn.set_result(None)
            assert self._loop is not None
            self._loop.call_soon(self._next)
            return
        self._turn_taken = False


def _overloaded() -> ServiceError:
    return ServiceError(
        "overloaded", "there is more to do than can be done in time; try again soon", RETRY_AFTER
    )
