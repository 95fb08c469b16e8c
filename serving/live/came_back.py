"""Who came back to which owner for what since the snapshot: reactions, shares to one person, orders.

The same rows with the same weights as a training counts (`features/audience_events.py`), by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.contract import EVENT_WEIGHTS, MAX_TEST_PRICE_MINOR, ORDER_WEIGHT, SHARE_WEIGHT
from recsys.audience import Audience
from recsys.audience_names import Names, grown

MAX_EVENTS = 200_000  # the newest that came in count

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Came:
    """One event; owner and product may be told by the share that it names alone."""

    time_us: int
    member_id: str
    weight: float
    owner_id: str | None
    product_id: str | None
    share_id: str | None


class CameBack:
    """The events in the order in which they came in, and whose the shares are that they name."""

    def __init__(self) -> None:
        self.version = 0  # grows with every event and share
        self._events: dict[Came, None] = {}
        self._shares: dict[str, tuple[str, str, int]] = {}  # share: owner, product, when

    def apply(self, table_name: str, row: Row) -> None:
        """Take in one row; applied twice it says the same."""
        if table_name == "shares" and "share_id" in row:
            self._shares[row["share_id"]] = (row["owner_id"], row["product_id"], row["share_time"])
            self.version += 1
        if (found := _came(table_name, row)) is None or found in self._events:
            return
        self._events[found] = None
        self.version += 1
        if len(self._events) > MAX_EVENTS:
            del self._events[next(iter(self._events))]

    def forget_member(self, is_hers: Callable[[str], bool]) -> None:
        """Drop the events of the members that `is_hers` names."""
        hers = {name: is_hers(name) for name in {event.member_id for event in self._events}}
        self._keep(event for event in self._events if not hers[event.member_id])

    def let_go(self, since_us: int) -> None:
        """Drop what is older than a moment."""
        self._keep(event for event in self._events if event.time_us >= since_us)
        self._shares = {name: share for name, share in self._shares.items() if share[2] >= since_us}

    def events(self) -> list[Came]:
        """Those whose owner is known, with what the shares they name tell of them."""
        told = []
        for event in self._events:
            owner_id, product_id, _ = self._shares.get(event.share_id or "", (None, None, 0))
            owner_id, product_id = event.owner_id or owner_id, event.product_id or product_id
            if owner_id is not None:
                told.append(Came(event.time_us, event.member_id, event.weight, owner_id, product_id, None))
        return told

    def _keep(self, kept: Iterable[Came]) -> None:
        found = dict.fromkeys(kept)
        if len(found) != len(self._events):
            self._events = found
            self.version += 1


def with_came(audience: Audience, names: Names, events: list[Came]) -> Audience:
    """The audience that knows these events besides."""
    return grown(
        audience, names, [event.owner_id or "" for event in events], [event.member_id for event in events],
        [event.product_id or "" for event in events],
        np.array([event.time_us for event in events], dtype=np.int64),
        np.array([event.weight for event in events], dtype=np.float32),
    )  # fmt: skip


def _came(table_name: str, row: Row) -> Came | None:
    member, weight = row.get("member_id"), 0.0
    if table_name == "share_events":
        time_us, weight = row["event_time"], EVENT_WEIGHTS.get(row["event_type"], 0.0)
    elif table_name == "shares":
        time_us, weight, member = row["share_time"], SHARE_WEIGHT, row.get("recipient_id")
    elif table_name == "orders":
        time_us = row["order_time"]
        weight = ORDER_WEIGHT if row["price_minor"] > MAX_TEST_PRICE_MINOR else 0.0
    if member is None or not weight or not ("owner_id" in row or "share_id" in row):
        return None
    return Came(time_us, member, weight, row.get("owner_id"), row.get("product_id"), row.get("share_id"))
