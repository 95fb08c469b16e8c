"""Products bought by the same members, time-decayed, cosine-normalised, hubs damped."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from features.arrays import Array
from features.engine import Scratch
from features.expressions import decayed_units
from features.graphs.pairs import both_in_large_sets, both_ways, count_both, recent_products, strongest
from features.interactions import member_purchases, real_orders
from features.order_weights import times_weight
from features.window import Window

PURCHASE_UNIT = 2**16  # one purchase today; a product of two is then in units of 2^-32, and sums stay exact
PAIRS_PER_BLOCK = 20_000_000  # about 1 GB of sums


@dataclass(frozen=True, slots=True)
class CoPurchase:
    """Edges product → other, sorted by product_row, then the strongest first.

    `product_row`, `other_row` int32; `weight` float32 > 0, at most 1 unless `hub_damping` is below 0;
    `n_members` int32: distinct members who bought both, ever; `n_baskets` int32: orders that hold both.
    """

    product_row: Array
    other_row: Array
    weight: Array
    n_members: Array
    n_baskets: Array


def co_purchase(
    window: Window,
    *,
    half_life_days: float | None = 90.0,
    member_cap: int = 200,
    hub_damping: float = 0.0,
    top_k: int = 50,
    min_members: int = 2,
    weigh: bool = False,
) -> CoPurchase:
    """The `top_k` products that go with each product.

    A member m who bought p has a(m, p) = 2^(-age of her last purchase / half-life), 1 when timeless. Then
        weight(p → q) = Σ_m a(m,p)·a(m,q) / √(Σ_m a(m,p)² · Σ_m a(m,q)²) / n_members(q)^hub_damping
    Only the `member_cap` most recent products of a member take part in the weight; the two counts are of
    everybody and everything. The cosine damps hubs by itself; `hub_damping` above 0 does so more, which
    suits "goes with", below 0 less, which suits "buys next" (Beidian's next purchases, N@20 of the plain
    sum over her purchases: .043 at 0.1, .051 at 0, .059 at -0.2, .061 at -0.3). Pairs of fewer than
    `min_members` members are left out, and so are test orders. `weigh` makes a(m, p) smaller where all her
    lines of p look staged, see `order_weights`.
    """
    with window.engine.scratch() as scratch:
        edges = _edges(window, scratch, half_life_days, member_cap, hub_damping, top_k, min_members, weigh)
        found = window.engine.fetch(edges, ("product_row", "rank_order", "other_row"))
    return CoPurchase(
        found["product_row"], found["other_row"], found["weight"], found["n_members"], found["n_baskets"]
    )


def _edges(
    window: Window,
    scratch: Scratch,
    half_life_days: float | None,
    member_cap: int,
    hub_damping: float,
    top_k: int,
    min_members: int,
    weigh: bool,
) -> ibis.Table:
    bought = scratch.keep(_bought(window, half_life_days, weigh))
    kept, large = recent_products(scratch, bought, member_cap, window.timeless)
    blocks = [scratch.keep(block) for block in _pair_sums(window, kept, min_members)]
    pairs = blocks[0].union(*blocks[1:]) if len(blocks) > 1 else blocks[0]
    weighed = _weigh(pairs, kept, bought, hub_damping)
    top = scratch.keep(strongest(weighed, top_k))
    counted = _with_counts(window, scratch, top, bought, kept, large)
    return counted.select(
        "product_row",
        "other_row",
        weight=counted.weight.cast("float32"),
        n_members=counted.n_members.cast("int32"),
        n_baskets=counted.n_baskets.cast("int32"),
        rank_order=-counted.rank_units,
    )


def _bought(window: Window, half_life_days: float | None, weigh: bool) -> ibis.Table:
    """member_row, product_row, last_time, units: each product of each member once."""
    rows = member_purchases(window, None, weigh)
    units = decayed_units(rows.last_time, window.as_of_second, half_life_days, unit=PURCHASE_UNIT)
    return rows.select("member_row", "product_row", "last_time", units=times_weight(units, rows.most))


def _pair_sums(window: Window, kept: ibis.Table, min_members: int) -> list[ibis.Table]:
    """product_row < other_row, shared_units (2^-32), n_kept (members with both among their kept ones).

    In blocks of products, so that the sums of one block fit into memory together.
    """
    sizes = kept.group_by("member_row").agg(size=kept.count())
    n_pairs = sizes.agg(n=(sizes.size * (sizes.size - 1) // 2).sum().fill_null(0).cast("int64"))
    n_blocks = 1 + int(window.engine.fetch(n_pairs)["n"][0]) // PAIRS_PER_BLOCK
    second = kept.select(other_member="member_row", other_row="product_row", other_units="units")
    blocks = []
    for block in range(n_blocks):
        first = kept.filter(kept.product_row % n_blocks == block)
        first = first.select("member_row", "product_row", "units")
        pairs = first.join(
            second, [first.member_row == second.other_member, first.product_row < second.other_row]
        )
        summed = pairs.group_by("product_row", "other_row").agg(
            shared_units=(pairs.units * pairs.other_units).sum(), n_kept=pairs.count()
        )
        blocks.append(summed.filter(summed.n_kept >= min_members))
    return blocks


def _weigh(pairs: ibis.Table, kept: ibis.Table, bought: ibis.Table, hub_damping: float) -> ibis.Table:
    """product_row, other_row, n_kept, weight float64: each pair from both sides."""
    lengths = kept.group_by("product_row").agg(square_units=(kept.units * kept.units).sum())
    lengths = lengths.select(of_row="product_row", length=lengths.square_units.cast("float64").sqrt())
    sizes = bought.group_by(size_row="product_row").agg(n_members=bought.count())
    damping = sizes.n_members.cast("float64") ** ibis.literal(-float(hub_damping))
    sizes = sizes.select("size_row", damping=damping)
    per_product = lengths.join(sizes, lengths.of_row == sizes.size_row).drop("size_row")
    mine = per_product.select(of_row="of_row", length="length")
    other = per_product.select(of_other="of_row", other_length="length", damping="damping")
    seen = both_ways(pairs, "shared_units", "n_kept")
    seen = seen.join(mine, seen.product_row == mine.of_row).drop("of_row")
    seen = seen.join(other, seen.other_row == other.of_other).drop("of_other")
    cosine = seen.shared_units.cast("float64") / (seen.length * seen.other_length)
    return seen.select("product_row", "other_row", "n_kept", weight=cosine * seen.damping)


def _with_counts(
    window: Window,
    scratch: Scratch,
    top: ibis.Table,
    bought: ibis.Table,
    kept: ibis.Table,
    large: ibis.Table,
) -> ibis.Table:
    """The edges with n_members and n_baskets of everybody, the cap undone."""
    low = ibis.least(top.product_row, top.other_row)
    high = ibis.greatest(top.product_row, top.other_row)
    once = scratch.keep(top.select(product_row=low, other_row=high).distinct())
    # what members over the cap bought besides: their true count in place of the one of kept products
    all_of_large = _sets_of(bought, large)
    kept_of_large = _sets_of(kept, large)
    true_large = both_in_large_sets(once, all_of_large)
    kept_large = both_in_large_sets(once, kept_of_large)
    more = true_large.union(kept_large.mutate(n=-kept_large.n))
    more = more.group_by(low_row="product_row", high_row="other_row").agg(n_more=more.n.sum())
    orders = real_orders(window)
    lines = orders.select(set_row="order_code", product_row="product_row").distinct()
    baskets = count_both(scratch, once, lines)
    baskets = baskets.select(low_row2="product_row", high_row2="other_row", n_in_baskets="n")
    rows = top.mutate(low=low, high=high)
    rows = rows.left_join(more, [rows.low == more.low_row, rows.high == more.high_row])
    rows = rows.drop("low_row", "high_row")
    rows = rows.left_join(baskets, [rows.low == baskets.low_row2, rows.high == baskets.high_row2])
    return rows.mutate(
        n_members=rows.n_kept + rows.n_more.fill_null(0), n_baskets=rows.n_in_baskets.fill_null(0)
    )


def _sets_of(bought: ibis.Table, large: ibis.Table) -> ibis.Table:
    mine = bought.semi_join(large, bought.member_row == large.large_row)
    return mine.select(set_row="member_row", product_row="product_row")
