"""Who would be glad of a product now: the snapshot's log of who came back to whom, with what came since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import islice

from recsys.audience import Audience, audience_or_empty
from recsys.audience_names import Names
from recsys.audience_told import Glad, glad_of
from recsys.snapshot import Snapshot
from serving.live.came_back import Came, with_came
from serving.live.facts import Facts

# Where taking events in took longer than this, it is not done again for ten times as long: a tenth of a core.
QUICK_S = 0.1
REST = 10


class AudienceNow:
    """The audience of one snapshot with the facts since; a log without events where it has none."""

    def __init__(self, snapshot_id: str, snapshot: Snapshot, facts: Facts) -> None:
        self.snapshot_id = snapshot_id
        self._snapshot, self._facts = snapshot, facts
        self._plain: Audience | None = None
        self._now: tuple[Audience, Names] | None = None
        self._version = -1
        self._took_s = self._not_before_s = 0.0
        self._lock = asyncio.Lock()
        self._behind: asyncio.Task[None] | None = None

    async def catch_up(self) -> None:
        """Take in what came since, on a thread; where that takes long, nobody who has one waits for it."""
        if self._now is None or self._took_s < QUICK_S:
            await self._take_in()
        elif self._behind is None or self._behind.done():
            self._behind = asyncio.create_task(self._take_in())

    async def _take_in(self) -> None:
        async with self._lock:
            version, started_s = self._facts.came_back.version, time.monotonic()
            if version == self._version or started_s < self._not_before_s:
                return
            events, own = self._facts.came_back.events(), dict(self._facts.own_member)
            self._now = await asyncio.to_thread(self._with, events, own)
            self._version = version
            self._took_s = took_s = time.monotonic() - started_s
            self._not_before_s = 0.0 if took_s < QUICK_S else started_s + (1 + REST) * took_s

    def glad(
        self, owner_id: str, product_id: str, time_us: int, n: int, is_gone: Callable[[str], bool]
    ) -> list[Glad]:
        """At most n of her circle, best first; whoever `is_gone` is left out. After `catch_up`."""
        if self._now is None:
            return []
        joined = sorted(self._facts.circle.get(owner_id, ()))
        found = glad_of(*self._now, owner_id, product_id, time_us, joined)
        return list(islice((glad for glad in found if not is_gone(glad.member_id)), n))

    def _with(self, events: list[Came], own_member: dict[str, str]) -> tuple[Audience, Names]:
        if self._plain is None:
            self._plain = audience_or_empty(self._snapshot)
        names = Names(self._snapshot, self._plain, own_member)
        timeless = self._plain.log.timeless and len(self._plain.log) > 0
        found = self._plain if timeless else with_came(self._plain, names, events)
        _ = found.log.by_owner, found.log.by_member, found.log.by_pair, found.log.by_product
        return found, names
