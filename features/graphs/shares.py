"""The share graph: who shared what, to whom, and what came of it.

Three views of the same contacts: owner–product, owner–member, and the triple owner–member–product, which is
evidence about one product between two people and not about their friendship.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis

from features.arrays import Array
from features.engine import Scratch
from features.expressions import WEIGHT_UNIT, decayed_units
from features.order_weights import orders_with_weights, times_weight
from features.window import Window

REACTIONS = ("click", "add_to_cart", "reply")  # a view says little, mute and block say no
COUNTS = ("n_shares", "n_clicks", "n_events", "n_orders", "n_kept")


@dataclass(frozen=True, slots=True)
class ShareValues:
    """What one contact weighs on the day it happens; an order that came back weighs nothing."""

    share: float = 1.0
    event: float = 1.0
    order: float = 4.0
    half_life_days: float | None = 90.0
    weigh: bool = False  # orders by what they count as evidence, see `order_weights`


SHARE_VALUES = ShareValues()


@dataclass(frozen=True, slots=True)
class OwnerProduct:
    """Sorted by (owner_row, product_row): counts int32, `weight` float32, `last_time` int64 µs or None.

    `n_shares` of the product by her, `n_clicks` on them, `n_orders` credited to her, `n_kept` of those not
    returned as of the moment.
    """

    owner_row: Array
    product_row: Array
    n_shares: Array
    n_clicks: Array
    n_orders: Array
    n_kept: Array
    weight: Array
    last_time: Array | None


@dataclass(frozen=True, slots=True)
class OwnerMember:
    """Sorted by (owner_row, member_row): counts int32, `weight` float32, `last_time` int64 µs or None.

    `n_shares` to the member, `n_events` her clicks, carts and replies, `n_orders` lines she bought through
    the owner; `is_reciprocal` bool: the member owns a shop too and reached the owner the same way.
    """

    owner_row: Array
    member_row: Array
    n_shares: Array
    n_events: Array
    n_orders: Array
    weight: Array
    is_reciprocal: Array
    last_time: Array | None


@dataclass(frozen=True, slots=True)
class OwnerMemberProduct:
    """Sorted by (owner_row, member_row, product_row): `n` int32 contacts, `weight` float32, `last_time`."""

    owner_row: Array
    member_row: Array
    product_row: Array
    n: Array
    weight: Array
    last_time: Array | None


def owner_product(window: Window, values: ShareValues = SHARE_VALUES) -> OwnerProduct:
    """What each owner shared and with what success; weight = Σ value · 2^(-age / half-life) of contacts."""
    rows = contacts(window, values)
    rows = rows.filter(rows.product_row.notnull())
    keys = ("owner_row", "product_row")
    found = window.engine.fetch(_summed(rows, keys, ("n_shares", "n_clicks", "n_orders", "n_kept")), keys)
    return OwnerProduct(**_arrays(window, found))


def owner_member(window: Window, values: ShareValues = SHARE_VALUES) -> OwnerMember:
    """How close each owner and each single member are, by shares, reactions and orders between them."""
    keys = ("owner_row", "member_row")
    with window.engine.scratch() as scratch:
        edges = scratch.keep(owner_member_edges(window, values))
        found = window.engine.fetch(_with_reciprocity(window, scratch, edges), keys)
    return OwnerMember(**_arrays(window, found))


def triple(window: Window, values: ShareValues = SHARE_VALUES) -> OwnerMemberProduct:
    """What passed between one owner and one member about one product."""
    rows = contacts(window, values)
    rows = rows.filter(rows.product_row.notnull() & rows.member_row.notnull())
    keys = ("owner_row", "member_row", "product_row")
    found = window.engine.fetch(_summed(rows.mutate(n=ibis.literal(1, type="int64")), keys, ("n",)), keys)
    return OwnerMemberProduct(**_arrays(window, found))


def owner_member_edges(window: Window, values: ShareValues) -> ibis.Table:
    """Expression: owner_row, member_row, n_shares, n_events, n_orders, weight, last_time."""
    rows = contacts(window, values)
    rows = rows.filter(rows.member_row.notnull())
    return _summed(rows, ("owner_row", "member_row"), ("n_shares", "n_events", "n_orders"))


def contacts(window: Window, values: ShareValues) -> ibis.Table:
    """One row per share, reaction and credited order, `units` of 2^-32 and the five counts.

    `owner_row` is always there, `member_row` and `product_row` where known. An owner's own clicks and her
    orders through her own link are left out; a share to herself is a share to nobody in particular.
    """

    def build() -> ibis.Table:
        return _shares(window, values).union(_reactions(window, values), _orders(window, values))

    return window.once(("contacts", values), build)


def returned_lines(window: Window) -> ibis.Table:
    """order_code and product_row of the order lines returned, once each."""

    def build() -> ibis.Table:
        returns = window.table("returns")
        returned = returns.select(returned_code="order_code", returned_row="product_row")
        return returned.filter(returned.returned_code.notnull()).distinct()

    return window.once("returned_lines", build)


def _shares(window: Window, values: ShareValues) -> ibis.Table:
    shares = _without_self(window, window.table("shares"), "recipient_member_row")
    units = decayed_units(shares.share_time, window.as_of_second, values.half_life_days, value=values.share)
    member = ibis.ifelse(shares.is_own, ibis.null("int32"), shares.recipient_member_row)
    return _contact(shares, member, shares.share_time, units, n_shares=1)


def _reactions(window: Window, values: ShareValues) -> ibis.Table:
    events = window.table("share_events")
    events = events.filter(events.owner_row.notnull() & events.event_type.isin(REACTIONS))
    events = _without_self(window, events, "member_row")
    events = events.filter(~events.is_own)
    units = decayed_units(events.event_time, window.as_of_second, values.half_life_days, value=values.event)
    clicks = (events.event_type == "click").cast("int64")
    return _contact(events, events.member_row, events.event_time, units, n_clicks=clicks, n_events=1)


def _orders(window: Window, values: ShareValues) -> ibis.Table:
    orders = orders_with_weights(window, values.weigh)
    orders = orders.filter(orders.owner_row.notnull() & ~orders.is_self)
    returned = returned_lines(window)
    orders = orders.left_join(
        returned,
        [orders.order_code == returned.returned_code, orders.product_row == returned.returned_row],
    )
    is_kept = orders.returned_code.isnull()
    units = decayed_units(orders.order_time, window.as_of_second, values.half_life_days, value=values.order)
    units = times_weight(units, orders.line_weight)
    units = ibis.ifelse(is_kept, units, ibis.literal(0, type="int64"))
    kept = is_kept.cast("int64")
    return _contact(orders, orders.member_row, orders.order_time, units, n_orders=1, n_kept=kept)


def _contact(
    rows: ibis.Table, member: ibis.Value, time: ibis.Value, units: ibis.Value, **counts: ibis.Value | int
) -> ibis.Table:
    numbers = {name: counts.get(name, 0) for name in COUNTS}
    return rows.select(
        "owner_row",
        "product_row",
        member_row=member,
        contact_time=time,
        units=units,
        **{
            name: ibis.literal(number, type="int64") if isinstance(number, int) else number
            for name, number in numbers.items()
        },
    )


def _without_self(window: Window, rows: ibis.Table, member: str) -> ibis.Table:
    """The rows with `is_own`: the member is the owner herself."""
    own = window.owner_members.select(own_owner="owner_row", own_member="member_row")
    rows = rows.left_join(own, rows.owner_row == own.own_owner)
    is_own = (rows.own_member == rows[member]).fill_null(False)
    return rows.mutate(is_own=is_own).drop("own_owner", "own_member")


def _summed(rows: ibis.Table, keys: tuple[str, ...], counts: tuple[str, ...]) -> ibis.Table:
    sums = {name: rows[name].sum().cast("int32") for name in counts}
    units, last_time = rows.units.sum(), rows.contact_time.max()
    summed = rows.group_by(*keys).agg(**sums, units=units, last_time=last_time)
    weight = (summed.units.cast("float64") / float(WEIGHT_UNIT)).cast("float32")
    return summed.select(*keys, *counts, "last_time", weight=weight)


def _arrays(window: Window, found: dict[str, Array]) -> dict[str, Any]:
    return {**found, "last_time": None if window.timeless else found["last_time"]}


def _with_reciprocity(window: Window, scratch: Scratch, edges: ibis.Table) -> ibis.Table:
    own = window.owner_members.select(own_owner="owner_row", own_member="member_row")
    people = scratch.keep(
        edges.join(own, edges.owner_row == own.own_owner)
        .select(from_member="own_member", to_member="member_row")
        .distinct()
    )
    back = people.select(back_to="from_member", back_from="to_member")
    rows = edges.left_join(own, edges.owner_row == own.own_owner).drop("own_owner")
    rows = rows.left_join(back, [rows.member_row == back.back_to, rows.own_member == back.back_from])
    # `back` has each pair once, so no edge is doubled
    return rows.mutate(is_reciprocal=rows.back_to.notnull()).drop("own_member", "back_to", "back_from")
