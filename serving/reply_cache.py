"""Replies that were given before: the same question to the same snapshot has the same picks.

A list that exploration draws for each reply is never kept. What is kept is bounded in bytes; the reply that
was asked for longest ago goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from recsys.domain import Query

OVERHEAD_BYTES = 600  # what a kept reply takes beside its body, measured with 200,000 of them


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply's body after its request id, and what the counters want to know of it.

    `version`: of the live state that it was worked out from. `until_us`: when it changes by the passing of
    time alone, None: never.
    """

    rest: bytes
    picks_by_source: Mapping[str, int]
    fallback: str | None
    is_short: bool
    version: int = 0
    until_us: int | None = None

    def at(self, version: int, until_us: int | None) -> KeptReply:
        """The same, known to hold at a version of the live state."""
        return replace(self, version=version, until_us=until_us)


class ReplyCache:
    """At most `max_bytes` of replies of one snapshot; a reply of another one empties it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._snapshot_id = ""
        self._n_bytes = 0
        self._kept: OrderedDict[Query, KeptReply] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, snapshot_id: str, query: Query) -> KeptReply | None:
        """The reply to this question, None where it is not kept."""
        if snapshot_id != self._snapshot_id:
            return None
        found = self._kept.get(query)
        if found is not None:
            self._kept.move_to_end(query)
        return found

    def keep(self, snapshot_id: str, query: Query, reply: KeptReply) -> None:
        """Keep a reply, and let the oldest go where there are too many."""
        if snapshot_id != self._snapshot_id:
            self._snapshot_id, self._n_bytes = snapshot_id, 0
            self._kept.clear()
        known = self._kept.pop(query, None)
        self._n_bytes += _size(reply) - (0 if known is None else _size(known))
        self._kept[query] = reply
        while self._n_bytes > self._max_bytes:
            self._n_bytes -= _size(self._kept.popitem(last=False)[1])


def _size(reply: KeptReply) -> int:
    return len(reply.rest) + OVERHEAD_BYTES
