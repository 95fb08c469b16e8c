"""What is known of each owner's circle: its members and ties, what they pay, what they buy."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa

from features.arrays import UNKNOWN, Array, read_only
from features.columns.products import within_days
from features.engine import Scratch
from features.expressions import top_per_group
from features.graphs.shares import SHARE_VALUES, ShareValues, owner_member_edges
from features.interactions import circle_demand
from features.window import Window

PRICE_QUANTILES = (10, 25, 50, 75, 90)  # per cent


@dataclass(frozen=True, slots=True)
class Circle:
    """Rows of a CSR matrix owners × members: owner o has `member_row[start[o]:start[o + 1]]`, ascending.

    `start` int64 of n_owners + 1, `member_row` int32, `tie` float32 > 0: 1 for standing in the circle table
    plus the weight of the share graph between the two.
    """

    start: Array
    member_row: Array
    tie: Array


@dataclass(frozen=True, slots=True)
class CircleColumns:
    """What each circle bought, an entry per owner_row.

    `price_band` int64 of (n_owners, 5): the 10, 25, 50, 75 and 90 % quantiles in minor units of the prices
    her circle's members paid, to two leading digits; -1 where nothing was bought. `category_start` int64 of
    n_owners + 1, `category_row` and `n_members` int32: how many of her circle's members bought from a
    category (any node of the tree) in 30 days, the most first; ever, when timeless.
    """

    price_band: Array
    category_start: Array
    category_row: Array
    n_members: Array


def circle(window: Window, values: ShareValues = SHARE_VALUES) -> Circle:
    """Everybody in each circle: the circle table and whoever the share graph joins to her, herself not."""
    found = window.engine.fetch(circle_members(window, values), ("owner_row", "member_row"))
    start = _starts(found["owner_row"], window.count("owners"))
    return Circle(start, found["member_row"], found["tie"])


def circle_columns(
    window: Window, *, top_categories: int = 50, values: ShareValues = SHARE_VALUES
) -> CircleColumns:
    """Price bands and top categories of each circle; test orders are left out."""
    with window.engine.scratch() as scratch:
        members = circle_members(window, values).select("owner_row", "member_row")
        bands = window.engine.fetch(_price_bands(window, scratch, members), ("owner_row", "share"))
        categories = window.engine.fetch(
            _top_categories(window, scratch, members, top_categories),
            ("owner_row", "rank_order", "category_row"),
        )
    price_band = np.full((window.count("owners"), len(PRICE_QUANTILES)), UNKNOWN, dtype=np.int64)
    column = np.searchsorted(PRICE_QUANTILES, bands["share"])
    price_band[bands["owner_row"], column] = bands["price"]
    return CircleColumns(
        read_only(price_band),
        _starts(categories["owner_row"], window.count("owners")),
        categories["category_row"],
        categories["n_members"],
    )


def circle_members(window: Window, values: ShareValues) -> ibis.Table:
    """owner_row, member_row, tie float32, each pair once."""
    return window.once(("circle_members", values), lambda: _ties(window, values))


def _ties(window: Window, values: ShareValues) -> ibis.Table:
    known = window.table("circle")
    one = ibis.literal(1.0)
    known = known.select("owner_row", "member_row").distinct().mutate(base=one, weight=one * 0)
    met = owner_member_edges(window, values)
    met = met.filter(met.weight > 0)
    met = met.select("owner_row", "member_row", base=one * 0, weight=met.weight.cast("float64"))
    both = known.union(met)
    # at most one row of each kind per pair, so these sums are of one number and zeros: exact
    ties = both.group_by("owner_row", "member_row").agg(base=both.base.sum(), weight=both.weight.sum())
    own = window.owner_members.select(own_owner="owner_row", own_member="member_row")
    ties = ties.anti_join(own, [ties.owner_row == own.own_owner, ties.member_row == own.own_member])
    return ties.select("owner_row", "member_row", tie=(ties.base + ties.weight).cast("float32"))


def two_leading_digits(price: ibis.Value) -> ibis.Value:
    """The price rounded down to two leading digits, in integers alone: 1299 → 1200."""
    cases = [(price < 10 ** (digits + 2), price - price % 10**digits) for digits in range(16)]
    return ibis.cases(*cases, else_=price)


def _price_bands(window: Window, scratch: Scratch, members: ibis.Table) -> ibis.Table:
    """owner_row, share (per cent), price: quantiles over the order lines of the circle."""
    lines = circle_demand(window)
    lines = lines.filter(lines.price_minor.notnull())
    if window.priceless:
        lines = lines.filter(ibis.literal(False))
    paid = lines.select(buyer="member_row", price=two_leading_digits(lines.price_minor))
    per_member = scratch.keep(paid.group_by("buyer", "price").agg(n=paid.count()))
    joined = members.join(per_member, members.member_row == per_member.buyer)
    per_owner = scratch.keep(joined.group_by("owner_row", "price").agg(n=joined.n.sum()))
    upward = ibis.cumulative_window(group_by=per_owner.owner_row, order_by=per_owner.price)
    within = ibis.window(group_by=per_owner.owner_row)
    summed = scratch.keep(
        per_owner.mutate(n_up_to=per_owner.n.sum().over(upward), n_all=per_owner.n.sum().over(within))
    )
    quantiles = []
    for share in PRICE_QUANTILES:
        reached = summed.filter(summed.n_up_to * 100 >= summed.n_all * share)
        lowest = reached.group_by("owner_row").agg(price=reached.price.min())
        quantiles.append(lowest.mutate(share=ibis.literal(share, type="int64")))
    return quantiles[0].union(*quantiles[1:])


def _top_categories(window: Window, scratch: Scratch, members: ibis.Table, limit: int) -> ibis.Table:
    """owner_row, category_row, n_members, rank_order: the most bought from first."""
    lines = circle_demand(window)
    lines = lines.filter(within_days(window, lines.order_time, 30))
    node, above = window.categories.ancestors()
    tree = scratch.upload(pa.table({"node": node, "above": above}))
    products = window.table("products").select(bought="product_row", leaf="category_row")
    bought = (
        lines.join(products, lines.product_row == products.bought).select("member_row", "leaf").distinct()
    )
    nodes = bought.join(tree, bought.leaf == tree.node)
    nodes = scratch.keep(nodes.select(buyer="member_row", category_row="above").distinct())
    joined = members.join(nodes, members.member_row == nodes.buyer)
    counted = joined.group_by("owner_row", "category_row").agg(n_members=joined.count())
    top = top_per_group(counted, "owner_row", "n_members", "category_row", limit)
    return top.select(
        "owner_row", "category_row", n_members=top.n_members.cast("int32"), rank_order=-top.n_members
    )


def _starts(owner_row: Array, n_owners: int) -> Array:
    return read_only(np.searchsorted(owner_row, np.arange(n_owners + 1)).astype(np.int64))
