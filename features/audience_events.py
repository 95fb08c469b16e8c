"""Who came back to whom for what, as one list of events: reactions, shares to one person, credited orders.

Two ways in: coded by a window (training), and by name from any dataset (what has happened since).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np

from features.arrays import Array
from features.contract import EVENT_WEIGHTS, MAX_TEST_PRICE_MINOR, ORDER_WEIGHT, SHARE_WEIGHT
from features.dataset import Dataset
from features.engine import DuckDBEngine, Engine
from features.expressions import Expression
from features.reading import read_table
from features.window import Window

MAX_EVENTS = 2_000_000  # above this, each owner keeps her latest events and a summary of the older ones
MAX_EVENTS_PER_OWNER = 200
COLUMNS = ("owner", "member", "product", "time", "weight")


@dataclass(frozen=True, slots=True)
class AudienceEvents:
    """Events sorted by time, owner, member, product.

    owner, member, product: rows int32 (-1: none) from a window, ids from `named_events`; `time_us` int64
    µs since 1970 UTC, 0 in a timeless dataset; `weight` float32.
    """

    owner: Array
    member: Array
    product: Array
    time_us: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.owner)


def window_events(window: Window) -> AudienceEvents:
    """The events a window knows; an owner's older ones are summed up where there are very many."""
    tables = []
    if window.has("share_events", "member_id"):
        rows = window.table("share_events")
        tables.append(_picked(rows, rows.owner_row, rows.member_row, rows.event_time, _event_weight(rows)))
    if window.has("shares", "recipient_id"):
        rows = window.table("shares")
        weight = ibis.literal(SHARE_WEIGHT)
        tables.append(_picked(rows, rows.owner_row, rows.recipient_member_row, rows.share_time, weight))
    if window.has("orders"):
        rows = window.table("orders")
        rows = rows.filter(~rows.is_test & ~rows.is_self)
        weight = ibis.literal(ORDER_WEIGHT)
        tables.append(_picked(rows, rows.owner_row, rows.member_row, rows.order_time, weight))
    if not tables:
        nothing = np.zeros(0, dtype="int32")
        return AudienceEvents(nothing, nothing, nothing, nothing.astype("int64"), nothing.astype("float32"))
    with window.engine.scratch() as scratch:
        events = scratch.keep(_whole(tables))
        if window.engine.count(events) > MAX_EVENTS:
            events = _summed_up(events)
        return _fetched(window.engine, events)


def named_events(dataset: Dataset, *, memory_limit_mb: int = 2000, threads: int = 1) -> AudienceEvents:
    """The events of a dataset by id, whichever of its tables are there; a catalogue is not needed."""
    engine = DuckDBEngine(memory_limit_mb=memory_limit_mb, threads=threads)
    try:
        tables = []
        if "share_events" in dataset.tables:
            rows = _with_share(engine, dataset, read_table(engine, dataset, "share_events"))
            tables.append(_named(rows, rows.member_id, rows.event_time, _event_weight(rows)))
        if "shares" in dataset.tables:
            rows = read_table(engine, dataset, "shares")
            tables.append(_named(rows, rows.recipient_id, rows.share_time, ibis.literal(SHARE_WEIGHT)))
        if "orders" in dataset.tables:
            rows = _with_share(engine, dataset, read_table(engine, dataset, "orders"))
            rows = rows.filter((rows.price_minor > MAX_TEST_PRICE_MINOR).fill_null(True))
            tables.append(_named(rows, rows.member_id, rows.order_time, ibis.literal(ORDER_WEIGHT)))
        if not tables:
            nothing = np.zeros(0, dtype=object)
            return AudienceEvents(
                nothing, nothing, nothing, np.zeros(0, dtype="int64"), np.zeros(0, dtype="float32")
            )
        return _fetched(engine, _whole(tables))
    finally:
        engine.close()


def named_owner_members(dataset: Dataset) -> dict[str, str]:
    """owner_id → member_id where the dataset's owners table says it."""
    if "owners" not in dataset.tables:
        return {}
    engine = DuckDBEngine(memory_limit_mb=500, threads=1)
    try:
        rows = read_table(engine, dataset, "owners").select("owner_id", "member_id")
        found = engine.fetch(rows.filter(rows.member_id.notnull()), ("owner_id", "member_id"))
        return dict(zip(found["owner_id"].tolist(), found["member_id"].tolist(), strict=True))
    finally:
        engine.close()


def _event_weight(rows: ibis.Table) -> Expression:
    cases = [(rows.event_type == name, ibis.literal(weight)) for name, weight in EVENT_WEIGHTS.items()]
    return ibis.cases(*cases, else_=ibis.literal(0.0))


def _picked(
    rows: ibis.Table, owner: Expression, member: Expression, time: Expression, weight: Expression
) -> ibis.Table:
    product = rows.product_row.fill_null(-1).cast("int32")
    return rows.select(owner=owner, member=member, product=product, time=time, weight=weight)


def _named(rows: ibis.Table, member: Expression, time: Expression, weight: Expression) -> ibis.Table:
    product = rows.product_id.fill_null("")
    return rows.select(owner=rows.owner_id, member=member, product=product, time=time, weight=weight)


def _with_share(engine: Engine, dataset: Dataset, rows: ibis.Table) -> ibis.Table:
    """Owner and product from the share that a row names, where the row leaves them open."""
    if "shares" not in dataset.tables:
        return rows
    shares = read_table(engine, dataset, "shares").select(
        from_share="share_id", share_owner="owner_id", share_product="product_id"
    )
    rows = rows.left_join(shares, rows.share_id == shares.from_share)
    return rows.mutate(
        owner_id=ibis.coalesce(rows.owner_id, rows.share_owner),
        product_id=ibis.coalesce(rows.product_id, rows.share_product),
    )


def _whole(tables: list[ibis.Table]) -> ibis.Table:
    events = tables[0] if len(tables) == 1 else ibis.union(*tables)
    return events.filter(events.owner.notnull() & events.member.notnull() & (events.weight > 0))


def _summed_up(events: ibis.Table) -> ibis.Table:
    """Each owner's latest events, and one row for each member of the older ones, at the time of its last."""
    window = ibis.window(
        group_by=events.owner, order_by=[events.time.desc(), events.member, events.product, events.weight]
    )
    placed = events.mutate(place=ibis.row_number().over(window))
    latest = placed.filter(placed.place < MAX_EVENTS_PER_OWNER).select(*COLUMNS)
    older = placed.filter(placed.place >= MAX_EVENTS_PER_OWNER).group_by("owner", "member")
    summed = older.agg(time=lambda t: t.time.max(), weight=lambda t: t.weight.sum())
    summed = summed.mutate(product=ibis.literal(-1, type="int32")).select(*COLUMNS)
    return ibis.union(latest, summed)


def _fetched(engine: Engine, events: ibis.Table) -> AudienceEvents:
    found: dict[str, Any] = engine.fetch(events, ("time", "owner", "member", "product", "weight"))
    time = found["time"]
    timeless = len(time) > 0 and bool((time < 0).all())
    return AudienceEvents(
        found["owner"], found["member"], found["product"],
        time * 0 if timeless else time, found["weight"].astype("float32"),
    )  # fmt: skip
