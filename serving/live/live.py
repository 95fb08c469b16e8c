"""The live state of one process: picks from the serving snapshot as things are now.

The store is the one place that replicas agree through: each process reads the rows that came since it last
looked, in their order, and so meets its own events as it meets those of others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from features.row_check import micros
from recsys.audience_told import Glad
from recsys.domain import FatigueTold, Pick, Query, Reply
from recsys.explain_value import explain_value_of
from recsys.fatigue import fatigue_of, fatigue_told
from recsys.live import OwnerNow, shared_at
from recsys.model import Model
from recsys.recommend import recommend_of
from serving.live.audience_now import AudienceNow
from serving.live.facts import Facts, Row
from serving.live.laid_over import LaidOver
from serving.reply_cache import KeptReply
from serving.snapshots import Served, SnapshotKeeper
from serving.store.keeper import StoreKeeper
from serving.store.seam import StoreError
from serving.store.store import Store

LOOK_EVERY_S = 0.2
ROWS_AT_ONCE = 5_000  # read in a thread
APPLY_AT_ONCE = 250  # on the event loop; then requests have their turn
BEHIND_AFTER_US = 5_000_000
LET_GO_EVERY_US = 3_600_000_000
SECOND_US = 1_000_000
LATE_US = 60 * SECOND_US  # so long at most a row is received before it can be read


@dataclass(frozen=True, slots=True)
class News:
    """What the store holds beyond what was read: rows by table with their last seq, and erasures."""

    rows: list[tuple[str, Row]]
    last_seq: int
    erased: frozenset[str]
    last_erasure: int
    is_all: bool
    received_us: tuple[int, ...] = ()  # when each row was received


class Live:
    """The facts of one process and the snapshot they are laid over; without a store it changes nothing."""

    def __init__(
        self, clock: Callable[[], datetime], shares_a_day: int, *, is_on: bool,
        on_seen: Callable[[float | None, float], None] = lambda _lag_s, _read_s: None,
    ) -> None:  # fmt: skip
        self.facts = Facts()
        self.is_on = is_on
        self.lag_s: float | None = None  # of the last reading that found rows, see `have_seen`
        self._on_seen = on_seen
        self._clock = clock
        self._shares_a_day = shares_a_day
        self._laid: LaidOver | None = None
        self._audience: AudienceNow | None = None
        self._is_erased: Callable[[str], bool] = lambda _member_id: False
        self._erased: frozenset[str] = frozenset()
        self._seq = self._erasure_seq = 0
        self._read_us: int | None = None  # when all that the store held was last known
        self._let_go_us = 0
        self._seen_since_us: int | None = None

    def now_us(self) -> int:
        """The moment, in microseconds since 1970."""
        return micros(self._clock())

    @property
    def is_behind(self) -> bool:
        """Whether there is a store and what it holds could not be read lately."""
        return self.is_on and (self._read_us is None or self.now_us() - self._read_us > BEHIND_AFTER_US)

    def answer(self, served: Served, query: Query) -> Reply:
        """The reply of a snapshot as things are now."""
        laid = self.laid_over(served)
        if laid is None:
            return served.recommend(query)
        return recommend_of(laid.model, query, self._owner_now(laid, query.owner_id))

    def pick_of(
        self, served: Served, owner_id: str, product_id: str, scene: str | None = None,
        channel: str | None = None,
    ) -> Pick | None:  # fmt: skip
        """One product as this owner's list would tell it; None where gates close it, or it is not known."""
        query = Query(owner_id, n=1, product_ids=(product_id,), scene=scene, channel=channel)
        return next(iter(self.answer(served, query).picks), None)

    def model_of(self, served: Served) -> Model | None:
        """The model of a snapshot as things are now; None where it has none."""
        laid = self.laid_over(served)
        return served.model if laid is None else laid.model

    def fatigue_of(self, served: Served, owner_id: str) -> FatigueTold | None:
        """How tired her circle is; None without a store."""
        laid = self.laid_over(served)
        if laid is None:
            return None
        row = laid.model.people.owners.row(owner_id)
        return fatigue_told(laid.model, fatigue_of(laid.model, row, self._owner_now(laid, owner_id)))

    def explain(self, served: Served, product_id: str) -> Mapping[str, Any] | None:
        """The good value of a product, of one that came after the snapshot too; None: nobody knows it."""
        found = served.explain_value(product_id)
        if found is not None or (model := self.model_of(served)) is None:
            return found
        return explain_value_of(model, product_id)

    async def audience_of(
        self, served: Served, owner_id: str, product_id: str, n: int
    ) -> list[Glad] | None:  # fmt: skip
        """At most n of her circle who would be glad of a product now; None where nobody knows the product."""
        model = self.model_of(served)
        if served.snapshot is None or model is None or not model.knows(product_id):
            return None
        found = self._audience
        if found is None or found.snapshot_id != served.snapshot_id:
            self._audience = found = AudienceNow(served.snapshot_id, served.snapshot, self.facts)
        await found.catch_up()
        return found.glad(owner_id, product_id, self.now_us(), n, self._is_erased)

    def shared_since(self, served: Served, owner_id: str, since_us: int) -> dict[int, int]:
        """Product row → when she last shared it, after a moment; {} without a store."""
        laid = self.laid_over(served)
        if laid is None:
            return {}
        known = shared_at(laid.model, laid.model.people.owners.row(owner_id), since_us)
        newer = self._owner_now(laid, owner_id).shared_us
        return {**known, **{row: time_us for row, time_us in newer.items() if time_us > since_us}}

    def groups_short(self, served: Served, owner_id: str) -> dict[str, tuple[int, int]]:
        """Product → (members required, end in µs) of groups of hers that lack one; {} without a store."""
        laid = self.laid_over(served)
        return {} if laid is None else laid.groups_short(owner_id, self.now_us())

    def rebuy_due(self, served: Served, owner_id: str) -> dict[int, int]:
        """Product row → people of her circle who may be running out of it; {} without a store."""
        laid = self.laid_over(served)
        return {} if laid is None else laid.rebuy_due(owner_id, self._owner_now(laid, owner_id).circle_orders)

    def _owner_now(self, laid: LaidOver, owner_id: str) -> OwnerNow:
        return laid.owner_now(owner_id, self.now_us(), self._shares_a_day)

    def laid_over(self, served: Served) -> LaidOver | None:
        """The facts over this snapshot; None where there is no store, or nothing to lay them over."""
        if not self.is_on or served.model is None:
            return None
        laid = self._laid
        if laid is None or laid.snapshot_id != served.snapshot_id:
            suppliers = None if served.snapshot is None else served.snapshot.ids("suppliers")
            self._laid = laid = LaidOver(
                served.snapshot_id, served.model, self.facts, self.now_us(), suppliers
            )
        return laid

    def stamped(self, kept: KeptReply, served: Served, owner_id: str) -> KeptReply:
        """A reply worked out now, with what is needed to tell whether it still holds."""
        laid = self.laid_over(served)
        until_us = None if laid is None else laid.holds_until_us(owner_id, self.now_us())
        version = self.facts.version if laid is None else laid.version
        return kept.at(version, until_us)

    def still_holding(self, kept: KeptReply, served: Served, owner_id: str) -> KeptReply | None:
        """The kept reply if nothing of hers changed since, with a newer stamp; None: work it out again."""
        if kept.until_us is not None and self.now_us() >= kept.until_us:
            return None
        if kept.version == self.facts.version:
            return kept
        laid, changes = self.laid_over(served), self.facts.changes_since(kept.version)
        if laid is None or changes is None or laid.is_behind:
            return None
        for change in set(changes):
            in_list = change.product_id is not None and orjson.dumps(change.product_id) in kept.rest
            if laid.concerns(change, owner_id, is_shown=in_list):
                return None
        return kept.at(self.facts.version, kept.until_us)

    def note(self, table_name: str, row: Row) -> None:
        """Take in a row that this process has just stored, before it is read back."""
        self.facts.apply(table_name, row)

    def read(self, store: Store) -> News:
        """What the store holds beyond what was taken in; on a thread."""
        found = store.rows_after(self._seq, ROWS_AT_ONCE)
        erasures = store.erasures_after(self._erasure_seq)
        return News(
            [(row.table_name, orjson.loads(row.content)) for row in found],
            found[-1].seq if found else self._seq,
            frozenset(erasure.id_hash for erasure in erasures),
            erasures[-1].seq if erasures else self._erasure_seq,
            len(found) < ROWS_AT_ONCE,
            tuple(row.received_time for row in found),
        )

    async def take_in(self, news: News, hash_of: Callable[[str], str]) -> None:
        """Apply what was read, letting requests through."""
        for start in range(0, len(news.rows), APPLY_AT_ONCE):
            for table_name, row in news.rows[start : start + APPLY_AT_ONCE]:
                self.facts.apply(table_name, row)
            await asyncio.sleep(0)
        if news.erased:
            self._erased |= news.erased
            erased = self._erased
            self._is_erased = lambda member_id: hash_of(member_id) in erased
            self.facts.forget_member(lambda member_id: hash_of(member_id) in news.erased)
        self._seq, self._erasure_seq = news.last_seq, news.last_erasure
        now_us = self.now_us()
        if self._laid is not None and self._laid.is_price_due(now_us):
            self.facts.prices_moved()
        self._seen_since_us = self._read_us
        if news.is_all:
            self._read_us = now_us
        if now_us - self._let_go_us > LET_GO_EVERY_US:
            self._let_go_us = now_us
            self.facts.let_go(now_us)

    @property
    def read_age_s(self) -> float | None:
        """Seconds since all that the store held was last known; None without a store, or before that."""
        return None if self._read_us is None else (self.now_us() - self._read_us) / SECOND_US

    def have_seen(self, news: News) -> None:
        """Note how long the row waited that waited longest from being received until lists showed it.

        Nothing is noted of what is read at the start, nor of rows that an erasure changed and so moved to the
        end: both were received long before the reading before this one.
        """
        if self._read_us is None:
            return
        lag_s = None
        if self._seen_since_us is not None:
            since_us = self._seen_since_us - LATE_US
            received_us = min((time_us for time_us in news.received_us if time_us >= since_us), default=None)
            if received_us is not None:
                self.lag_s = lag_s = max(0, self.now_us() - received_us) / SECOND_US
        self._on_seen(lag_s, self._read_us / SECOND_US)

    def refresh(self, served: Served | None) -> None:
        """Bring the model up to the facts; on a thread."""
        if served is not None and (laid := self.laid_over(served)) is not None:
            laid.refresh(self.now_us())


async def catch_up(live: Live, store: Store, keeper: SnapshotKeeper) -> bool:
    """Read once and take it in; whether that was all. StoreError when the store cannot be read."""
    news = await asyncio.to_thread(live.read, store)
    await live.take_in(news, store.hash_of)
    await asyncio.to_thread(live.refresh, keeper.served)
    live.have_seen(news)
    return news.is_all


async def keep_live(
    live: Live, store: StoreKeeper, keeper: SnapshotKeeper, every_s: float = LOOK_EVERY_S
) -> None:
    """Catch up again and again; a store that cannot be read leaves what was known."""
    while True:
        is_all = True
        with contextlib.suppress(StoreError):
            is_all = await catch_up(live, store.store, keeper)
        if is_all:
            await asyncio.sleep(every_s)
