"""Pairs of products inside sets (a member's purchases, a basket): capped, counted, ranked."""

from __future__ import annotations

import ibis

from features.engine import Scratch
from features.expressions import top_per_group

RANK_UNIT = 2**40  # weights are ranked as integers, so that engines that differ in the last bit agree
MAX_SET_FOR_ALL_PAIRS = 48  # larger sets are looked up edge by edge, which grows with their size only


def recent_products(
    scratch: Scratch, bought: ibis.Table, cap: int, timeless: bool
) -> tuple[ibis.Table, ibis.Table]:
    """(kept, large): at most `cap` products of each member, and the members that had more.

    The most recent ones stay; without times a choice by a hash of member and product, the same each time.
    """
    sizes = bought.group_by(large_row="member_row").agg(size=bought.count())
    large = scratch.keep(sizes.filter(sizes.size > cap).select("large_row"))
    light = bought.anti_join(large, bought.member_row == large.large_row)
    heavy = bought.semi_join(large, bought.member_row == large.large_row)
    order = [_mixed(heavy).asc()] if timeless else [heavy.last_time.desc(), _mixed(heavy).asc()]
    place = ibis.row_number().over(
        ibis.window(group_by=heavy.member_row, order_by=[*order, heavy.product_row.asc()])
    )
    heavy = heavy.mutate(place=place).filter(lambda t: t.place < cap).drop("place")
    return scratch.keep(light.union(heavy)), large


def _mixed(rows: ibis.Table) -> ibis.Expr:
    """A hash of member and product in plain integer arithmetic, alike on every engine."""
    prime = 2_147_483_647
    start = (
        rows.member_row.cast("int64") * 48_271 + rows.product_row.cast("int64") * 69_621 + 12_345
    ) % prime
    mixed = (start * start + rows.product_row.cast("int64")) % prime  # below 2^62: cannot overflow
    return (mixed * mixed + rows.member_row.cast("int64")) % prime


def both_in_large_sets(edges: ibis.Table, members: ibis.Table) -> ibis.Table:
    """How many sets hold both ends of an edge: (product_row, other_row, n), edges with none left out.

    `edges` (product_row, other_row); `members` (set_row, product_row), each once. Grows with the number of
    edges of the products in the sets, not with the square of the sets.
    """
    first = members.select(set_row="set_row", in_set="product_row")
    with_first = edges.join(first, edges.product_row == first.in_set).drop("in_set")
    second = members.select(other_set="set_row", other_in_set="product_row")
    both = with_first.join(
        second, [with_first.set_row == second.other_set, with_first.other_row == second.other_in_set]
    )
    return both.group_by("product_row", "other_row").agg(n=both.count())


def both_in_small_sets(edges: ibis.Table, members: ibis.Table) -> ibis.Table:
    """The same count by forming every pair of every set: for sets of a few products."""
    first = members.select("set_row", low_row="product_row")
    second = members.select(other_set="set_row", high_row="product_row")
    pairs = first.join(second, [first.set_row == second.other_set, first.low_row < second.high_row])
    counted = pairs.group_by("low_row", "high_row").agg(n=pairs.count())
    found = edges.join(counted, [edges.product_row == counted.low_row, edges.other_row == counted.high_row])
    return found.select("product_row", "other_row", "n")


def count_both(scratch: Scratch, edges: ibis.Table, members: ibis.Table) -> ibis.Table:
    """In how many sets both ends of each edge stand: (product_row, other_row, n), product_row < other_row."""
    sizes = members.group_by(sized_row="set_row").agg(size=members.count())
    sizes = scratch.keep(sizes.filter(sizes.size > 1))
    sized = members.join(sizes, members.set_row == sizes.sized_row).drop("sized_row")
    small = sized.filter(sized.size <= MAX_SET_FOR_ALL_PAIRS).drop("size")
    large = sized.filter(sized.size > MAX_SET_FOR_ALL_PAIRS).drop("size")
    # a set is either small or large, so the two counts add up
    counts = both_in_small_sets(edges, small).union(both_in_large_sets(edges, large))
    return counts.group_by("product_row", "other_row").agg(n=counts.n.sum())


def both_ways(pairs: ibis.Table, *columns: str) -> ibis.Table:
    """Each pair seen from both of its products."""
    turned = pairs.select(*columns, product_row="other_row", other_row="product_row")
    return pairs.select(*columns, "product_row", "other_row").union(
        turned.select(*columns, "product_row", "other_row")
    )


def strongest(edges: ibis.Table, top_k: int) -> ibis.Table:
    """The `top_k` edges of each product by weight, equal ones by the smaller other_row."""
    ranked = edges.mutate(rank_units=(edges.weight * float(RANK_UNIT)).round().cast("int64"))
    return top_per_group(ranked, "product_row", "rank_units", "other_row", top_k)
