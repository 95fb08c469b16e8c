"""How much each order line counts as evidence of demand: less where it looks staged.

1. The k-th line of one member for one product within four weeks counts 1/k: many orders by few are few.
2. What owners buy through each other's links counts, product by product, at most as much as what everybody
   else buys of it (or three times the usual proportion, where many buyers are owners): a ring of shops cannot
   make a product popular by itself.

Nobody is accused and nothing is left out: the line stays in the dataset, in its buyer's history and in how
orders ended. Without times there are no weeks, and every line counts in full.
"""

from __future__ import annotations

import ibis

from features.expressions import Expression, day_number
from features.window import Window

WHOLE = 2**10  # a line that counts in full
REPEAT_DAYS = 28
TIMES_USUAL = 3.0


def orders_with_weights(window: Window, weigh: bool) -> ibis.Table:
    """The order lines that somebody meant with `line_weight` int64 in [1, WHOLE]; WHOLE where not weighed."""
    if not weigh or window.timeless:
        return _meant(window).mutate(line_weight=ibis.literal(WHOLE, type="int64"))
    return window.once("orders_with_weights", lambda: _weighed(window))


def times_weight(units: Expression, line_weight: Expression) -> Expression:
    """Units of a line by its weight, at least 1: int64."""
    return ibis.greatest(units * line_weight // WHOLE, ibis.literal(1, type="int64")).cast("int64")


def _meant(window: Window) -> ibis.Table:
    orders = window.table("orders")
    return orders.filter(~orders.is_test)


def _weighed(window: Window) -> ibis.Table:
    orders = _meant(window)
    buyers = window.owner_members.select(buying_owner="member_row").distinct()
    orders = orders.left_join(buyers, orders.member_row == buyers.buying_owner)
    between = orders.buying_owner.notnull() & orders.owner_row.notnull() & ~orders.is_self
    orders = orders.mutate(is_between=between.cast("int64")).drop("buying_owner")
    order = [orders.order_time.asc(), orders.order_code.asc()]
    month = day_number(orders.order_time) // REPEAT_DAYS
    nth = ibis.row_number().over(
        ibis.window(group_by=[orders.member_row, orders.product_row, month], order_by=order)
    )
    orders = orders.mutate(nth=nth.cast("int64") + 1)
    return _capped(window, orders)


def _capped(window: Window, orders: ibis.Table) -> ibis.Table:
    """`line_weight` of both rules, the columns between dropped."""
    counts = orders.group_by(counted_row="product_row").agg(
        n_between=orders.is_between.sum(), n_other=(1 - orders.is_between).sum()
    )
    total = window.engine.fetch(counts.agg(a=counts.n_between.sum(), b=counts.n_other.sum()))
    n_between, n_other = (int(total[name][0]) for name in ("a", "b"))
    times = max(1, round(TIMES_USUAL * n_between / n_other)) if n_between and n_other else 0
    whole = ibis.literal(WHOLE, type="int64")
    room = (counts.n_other + 1) * times * WHOLE // ibis.greatest(counts.n_between, 1)
    counts = counts.mutate(room=ibis.least(room, whole) if times else whole)
    orders = orders.join(counts, orders.product_row == counts.counted_row)
    kept = ibis.ifelse(orders.is_between == 1, orders.room, whole)
    weight = ibis.greatest(kept // orders.nth, ibis.literal(1, type="int64")).cast("int64")
    return orders.mutate(line_weight=weight).drop(
        "counted_row", "n_between", "n_other", "room", "nth", "is_between"
    )
