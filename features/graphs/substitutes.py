"""Products bought by the same members, but hardly ever together: one in place of the other."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from features.arrays import Array
from features.engine import Scratch
from features.expressions import day_number
from features.graphs.pairs import both_ways, recent_products, strongest
from features.interactions import member_purchases, real_orders
from features.window import Window


@dataclass(frozen=True, slots=True)
class Substitutes:
    """Edges product → other, sorted by product_row, then the strongest first.

    `product_row`, `other_row` int32; `weight` float32 in (0, 1]; `n_members` int32: members who bought both.
    """

    product_row: Array
    other_row: Array
    weight: Array
    n_members: Array


def substitutes(
    window: Window,
    *,
    member_cap: int = 200,
    top_k: int = 50,
    min_members: int = 2,
    min_lift: float = 1.5,
    max_together: float = 0.2,
) -> Substitutes:
    """The `top_k` products that stand in for each product.

    n(p, q) members bought both, t(p, q) of them on one day at least once (in one order when timeless), N
    members bought anything. A pair of one leaf category counts when
        n(p, q) ≥ min_members, lift = n(p, q)·N / (n(p)·n(q)) ≥ min_lift, t / n ≤ max_together
    and weighs (1 − t / n) · n(p, q) / √(n(p)·n(q)). Products without a category pair among themselves.
    Only the `member_cap` most recent products of a member take part. Off, with an entry in `window.off`,
    when the dataset is timeless and no order holds two products: then nobody knows what was together.
    """
    if window.timeless and not _has_baskets(window):
        why = "the dataset is timeless and no order holds two products, so together and apart look alike"
        if ("substitutes", why) not in window.off:
            window.off.append(("substitutes", why))
        edges = window.table("orders").filter(ibis.literal(False)).select(
            "product_row", other_row="product_row", weight=ibis.literal(0.0).cast("float32"),
            n_members=ibis.literal(0).cast("int32"),
        )  # fmt: skip
        return Substitutes(**window.engine.fetch(edges))
    with window.engine.scratch() as scratch:
        edges = _edges(window, scratch, member_cap, top_k, min_members, min_lift, max_together)
        found = window.engine.fetch(edges, ("product_row", "rank_order", "other_row"))
    return Substitutes(found["product_row"], found["other_row"], found["weight"], found["n_members"])


def _has_baskets(window: Window) -> bool:
    orders = real_orders(window)
    sizes = orders.group_by("order_code").agg(size=orders.product_row.nunique())
    return window.engine.count(sizes.filter(sizes.size > 1).limit(1)) > 0


def _edges(
    window: Window,
    scratch: Scratch,
    member_cap: int,
    top_k: int,
    min_members: int,
    min_lift: float,
    max_together: float,
) -> ibis.Table:
    bought = scratch.keep(member_purchases(window, None))
    kept, _ = recent_products(scratch, bought, member_cap, window.timeless)
    leaves = window.table("products").select(leaf_of="product_row", leaf="category_row")
    kept = scratch.keep(
        kept.join(leaves, kept.product_row == leaves.leaf_of).select("member_row", "product_row", "leaf")
    )
    pairs = scratch.keep(_shared_members(kept, min_members))
    together = _together(window, kept)
    pairs = pairs.left_join(
        together, [pairs.product_row == together.low_row, pairs.other_row == together.high_row]
    )
    pairs = pairs.mutate(n_together=pairs.n_together.fill_null(0))
    n_buyers = window.engine.count(bought.select("member_row").distinct())
    return _ranked(pairs, kept, n_buyers, top_k, min_lift, max_together)


def _shared_members(kept: ibis.Table, min_members: int) -> ibis.Table:
    other = kept.select(other_member="member_row", other_row="product_row", other_leaf="leaf")
    pairs = kept.join(
        other,
        [kept.member_row == other.other_member, kept.leaf == other.other_leaf,
         kept.product_row < other.other_row],
    )  # fmt: skip
    counted = pairs.group_by("product_row", "other_row").agg(n=pairs.count())
    return counted.filter(counted.n >= min_members)


def _together(window: Window, kept: ibis.Table) -> ibis.Table:
    """low_row < high_row, n_together: members who bought both on one day, or in one order."""
    orders = real_orders(window)
    occasion = orders.order_code if window.timeless else day_number(orders.order_time)
    lines = orders.select(buyer="member_row", bought_row="product_row", occasion=occasion).distinct()
    lines = lines.join(kept, [lines.buyer == kept.member_row, lines.bought_row == kept.product_row])
    lines = lines.select("buyer", "bought_row", "occasion", "leaf")
    other = lines.select(other_buyer="buyer", high_row="bought_row", other_time="occasion", other_leaf="leaf")
    both = lines.join(
        other,
        [lines.buyer == other.other_buyer, lines.occasion == other.other_time,
         lines.leaf == other.other_leaf, lines.bought_row < other.high_row],
    )  # fmt: skip
    once = both.select("buyer", low_row="bought_row", high_row="high_row").distinct()
    return once.group_by("low_row", "high_row").agg(n_together=once.count())


def _ranked(
    pairs: ibis.Table, kept: ibis.Table, n_buyers: int, top_k: int, min_lift: float, max_together: float
) -> ibis.Table:
    sizes = kept.group_by(size_of="product_row").agg(size=kept.count())
    other_sizes = sizes.select(size_of_other="size_of", other_size="size")
    seen = pairs.join(sizes, pairs.product_row == sizes.size_of).drop("size_of")
    seen = seen.join(other_sizes, seen.other_row == other_sizes.size_of_other).drop("size_of_other")
    n, square = seen.n.cast("float64"), seen.size.cast("float64") * seen.other_size.cast("float64")
    apart = (seen.n - seen.n_together).cast("float64") / n
    seen = seen.mutate(weight=apart * n / square.sqrt(), lift=n * float(n_buyers) / square, apart=apart)
    seen = seen.filter((seen.lift >= min_lift) & (seen.apart >= 1.0 - max_together) & (seen.weight > 0))
    top = strongest(both_ways(seen, "n", "weight"), top_k)
    return top.select(
        "product_row",
        "other_row",
        weight=top.weight.cast("float32"),
        n_members=top.n.cast("int32"),
        rank_order=-top.rank_units,
    )
