"""What a friend really pays for each product now, and in the 30 days before.

Read of an offer: price, a coupon that anyone can use, shipping, the group's price, and what a stranger pays
elsewhere. Never read: the list price, the commission. A test holds this file to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import NO_ROW, Array, weighted_median_of_rows
from features.columns.products import ProductColumns
from features.expressions import SECONDS_PER_DAY, epoch_seconds
from features.window import Window
from recsys.value import NO_UNIT, UNITS

HISTORY_DAYS = 30
LONG_DAYS = 90  # a price raised for some weeks and cut again is measured against what it was before
LIKELY_TO_FILL = 0.5
GROUP_PRIOR = 5.0  # groups that the usual share of success is worth


@dataclass(frozen=True, slots=True, eq=False)
class Payable:
    """One entry per product_row; float64 in minor units, NaN where there is no price.

    `price`: after coupons, with shipping, for the whole product; `quantity`: units in it, > 0; `unit` int8:
    the place in `UNITS` (-1: none, the price is for a piece); `low_30`, `median_30`: of `price` in the last
    30 days, by the time each held; `usual`: the lower of `median_30` and the median of 90 days;
    `public_price`: what a stranger pays elsewhere.
    """

    price: Array
    quantity: Array
    unit: Array
    low_30: Array
    median_30: Array
    usual: Array
    public_price: Array


def payable(window: Window, columns: ProductColumns) -> Payable:
    """Payable prices at the window's moment; the price usually paid where a product has no offer."""
    n = window.count("products")
    price = np.where(columns.price_minor > 0, columns.price_minor.astype(np.float64), np.nan)
    low, median, usual, public = price.copy(), price.copy(), price.copy(), np.full(n, np.nan)
    quantity, unit = _sizes(window)
    if window.has("offers") and window.as_of_second is not None:
        long = _spans(window, _fill_rates(window))
        spans = _of_last(long, HISTORY_DAYS, window.as_of_second)
        rows, paid = spans["product_row"], spans["payable"]
        now = spans["holds"]
        price[rows[now]] = np.maximum(paid[now], 1.0)
        told = now & (spans["public_price"] >= 0)
        public[rows[told]] = spans["public_price"][told]
        lowest = np.full(n, np.inf)
        np.minimum.at(lowest, rows, np.maximum(paid, 1.0))
        low = np.where(np.isfinite(lowest), lowest, low)
        where, middle = weighted_median_of_rows(rows, np.maximum(paid, 1.0), spans["seconds"])
        median[where] = usual[where] = middle
        where, middle = weighted_median_of_rows(
            long["product_row"], np.maximum(long["payable"], 1.0), long["seconds"]
        )
        usual[where] = np.fmin(usual[where], middle)
    price = np.where(price > 0, price, np.nan)
    low = np.fmin(low, price)
    median, usual = (np.where(np.isnan(found), price, found) for found in (median, usual))
    return Payable(price, quantity, unit, low, median, usual, public)


def _sizes(window: Window) -> tuple[Array, Array]:
    """(quantity, unit) of each product; one piece where it does not say."""
    found = window.engine.fetch(
        window.table("products").select(
            "product_row", quantity=lambda t: t.unit_quantity.cast("float64"),
            unit=lambda t: ibis.cases(
                *[(t.unit_measure == name, place) for place, name in enumerate(UNITS)], else_=NO_ROW
            ).cast("int8"),
        ),
        ("product_row",),
    )  # fmt: skip
    sound = found["quantity"] > 0
    return np.where(sound, found["quantity"], 1.0), np.where(sound, found["unit"], NO_UNIT).astype(np.int8)


def _fill_rates(window: Window) -> Array:
    """P(a group for the product fills), from groups whose time is over: float64 per product_row."""
    n = window.count("products")
    if not window.has("group_buys"):
        return np.zeros(n)
    groups = window.table("group_buys")
    ended = groups.filter(groups.status.isin(("succeeded", "failed")))
    found = window.engine.fetch(
        ended.group_by("product_row").agg(
            n=ended.count(), good=(ended.status == "succeeded").cast("int64").sum()
        ),
        ("product_row",),
    )
    tried, good = np.zeros(n), np.zeros(n)
    tried[found["product_row"]], good[found["product_row"]] = found["n"], found["good"]
    usual = good.sum() / tried.sum() if tried.sum() else 0.0
    return np.asarray((good + GROUP_PRIOR * usual) / (tried + GROUP_PRIOR))


def _spans(window: Window, fill_rate: Array) -> dict[str, Array]:
    """Every offer that held in the last 90 days: what a friend paid by it, and when."""
    assert window.as_of_second is not None
    at = window.as_of_second
    offers = window.table("offers")
    begins = epoch_seconds(offers.effective_time)
    order = ibis.window(
        group_by=offers.product_row, order_by=[offers.effective_time, offers.price_minor.desc()]
    )
    offers = offers.mutate(begins=begins, next_begins=begins.lead().over(order))
    # `expire_time` may lie ahead: an announcement, not knowledge of the future
    ends = ibis.coalesce(ibis.least(
        ibis.coalesce(offers.next_begins, ibis.literal(at + 1, type="int64")),
        ibis.coalesce(epoch_seconds(offers.expire_time), ibis.literal(at + 1, type="int64")),
    ), ibis.literal(at + 1, type="int64"))  # fmt: skip
    offers = offers.mutate(ends=ends).filter(lambda t: t.ends > at - LONG_DAYS * SECONDS_PER_DAY)
    nothing = ibis.literal(0, type="int64")
    rows = window.engine.fetch(
        offers.select(
            "product_row", "begins", "ends", "price_minor",
            group_price=offers.group_price_minor, public_price=offers.public_price_minor,
            coupon=offers.coupon_minor.fill_null(nothing), shipping=offers.shipping_minor.fill_null(nothing),
        ),
        ("product_row", "begins", "price_minor"),
    )  # fmt: skip
    product = rows["product_row"]
    grouped = (rows["group_price"] >= 0) & (fill_rate[product] >= LIKELY_TO_FILL)
    base = np.where(grouped, np.minimum(rows["group_price"], rows["price_minor"]), rows["price_minor"])
    found = {
        "product_row": product,
        "payable": np.maximum(base - rows["coupon"], 0).astype(np.float64) + rows["shipping"],
        "begins": rows["begins"], "ends": rows["ends"],
        "holds": rows["ends"] > at,
        "public_price": rows["public_price"],
    }  # fmt: skip
    return _of_last(found, LONG_DAYS, at)


def _of_last(spans: dict[str, Array], days: int, at: int) -> dict[str, Array]:
    """The offers that held in the last `days`, with the seconds that each held in them."""
    since = at - days * SECONDS_PER_DAY
    held = spans["ends"] > since
    seconds = np.minimum(spans["ends"], at + 1) - np.maximum(spans["begins"], since)
    within = {name: values[held] for name, values in spans.items()}
    return within | {"seconds": np.maximum(seconds[held], 1).astype(np.float64)}
