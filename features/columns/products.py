"""What is known of each product at the moment: demand, returns, price, stock, category, supplier."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import NO_ROW, NO_TIME, UNKNOWN, Array, read_only
from features.expressions import SECONDS_PER_DAY, WEIGHT_UNIT, decayed_units, epoch_seconds
from features.graphs.shares import returned_lines
from features.interactions import real_orders
from features.window import Window

DEFAULT_RETURN_DAYS = 14  # the window to return a product whose own is not given
DELIVERY_DAYS = 7  # from order to delivery where the delivery is not recorded
PRICE_FROM_NOTHING, PRICE_FROM_OFFER, PRICE_FROM_ORDERS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ProductColumns:
    """One entry per product_row in every array.

    int32: `n_orders` (order lines), `n_members`, `n_recent_orders_7`, `n_recent_orders_30` (-1 when
    timeless), `n_returns` (lines returned), `n_mature` (lines delivered whose time to return is over; all
    of them when timeless), `category_row` (leaf, -1 none), `supplier_row` (-1 none).
    `first_time` int64 µs of the first order (NO_TIME). `popularity` float64: order lines, older ones
    counting less. `price_minor` int64 (-1 unknown), `price_source` int8 (0 none, 1 the offer that holds,
    2 the lower median of the prices paid), `currency` tuple of str ("" unknown). `stock_quantity` int64
    at the last count (-1: never counted).
    """

    n_orders: Array
    n_members: Array
    n_recent_orders_7: Array
    n_recent_orders_30: Array
    first_time: Array
    n_returns: Array
    n_mature: Array
    popularity: Array
    price_minor: Array
    price_source: Array
    currency: tuple[str, ...]
    stock_quantity: Array
    category_row: Array
    supplier_row: Array


def product_columns(window: Window, *, half_life_days: float = 30.0) -> ProductColumns:
    """Columns of every product in `window.ids["products"]`; test orders are left out."""
    fetch, by_row = window.engine.fetch, ("product_row",)
    orders = fetch(_order_counts(window, half_life_days), by_row)
    catalogue = fetch(window.table("products").select("product_row", "category_row", "supplier_row"), by_row)
    price, source, currency = _prices(window)
    stock = fetch(_stock(window), by_row)
    n_products = window.count("products")

    def spread(found: dict[str, Array], name: str, missing: int, dtype: str = "int32") -> Array:
        column = np.full(n_products, missing, dtype=dtype)
        column[found["product_row"]] = found[name]
        return read_only(column)

    n_recent = {
        days: read_only(np.full(n_products, UNKNOWN, dtype=np.int32))
        if window.timeless
        else spread(orders, f"n_recent_orders_{days}", 0)
        for days in (7, 30)
    }
    return ProductColumns(
        n_orders=spread(orders, "n_orders", 0),
        n_members=spread(orders, "n_members", 0),
        n_recent_orders_7=n_recent[7],
        n_recent_orders_30=n_recent[30],
        first_time=spread(orders, "first_time", NO_TIME, "int64"),
        n_returns=spread(orders, "n_returns", 0),
        n_mature=spread(orders, "n_mature", 0),
        popularity=spread(orders, "popularity", 0, "float64"),
        price_minor=price,
        price_source=source,
        currency=currency,
        stock_quantity=spread(stock, "available_quantity", UNKNOWN, "int64"),
        category_row=spread(catalogue, "category_row", NO_ROW),
        supplier_row=spread(catalogue, "supplier_row", NO_ROW),
    )


def within_days(window: Window, time: ibis.Value, days: int) -> ibis.Value:
    """Whether an instant lies in the last `days` days up to the moment; true when timeless."""
    if window.as_of_second is None:
        return ibis.literal(True)
    return epoch_seconds(time) > window.as_of_second - days * SECONDS_PER_DAY


def _order_counts(window: Window, half_life_days: float) -> ibis.Table:
    """product_row with the columns that come from orders and returns."""
    lines = real_orders(window)
    returned = returned_lines(window)
    lines = lines.left_join(
        returned, [lines.order_code == returned.returned_code, lines.product_row == returned.returned_row]
    )
    lines = lines.mutate(
        units=decayed_units(lines.order_time, window.as_of_second, half_life_days),
        in_7=within_days(window, lines.order_time, 7).cast("int64"),
        in_30=within_days(window, lines.order_time, 30).cast("int64"),
        came_back=lines.returned_code.notnull().cast("int64"),
    )
    lines = _with_maturity(window, lines)
    counted = lines.group_by("product_row").agg(
        n_orders=lines.count(),
        n_members=lines.member_row.nunique(),
        n_recent_orders_7=lines.in_7.sum(),
        n_recent_orders_30=lines.in_30.sum(),
        first_time=lines.order_time.min(),
        n_returns=lines.came_back.sum(),
        n_mature=lines.mature.sum(),
        units=lines.units.sum(),
    )
    popularity = counted.units.cast("float64") / float(WEIGHT_UNIT)
    return counted.mutate(popularity=popularity).drop("units")


def _with_maturity(window: Window, lines: ibis.Table) -> ibis.Table:
    """`mature` int64: 1 when the line was delivered and its time to return is over."""
    if window.as_of_second is None:
        return lines.mutate(mature=ibis.literal(1, type="int64"))
    products = window.table("products")
    days = products.select(days_of="product_row", days=products.return_days.fill_null(DEFAULT_RETURN_DAYS))
    lines = lines.join(days, lines.product_row == days.days_of).drop("days_of")
    if window.has("orders", "delivered_time"):
        arrived = epoch_seconds(lines.delivered_time)  # NULL while it is under way: not mature
    else:
        arrived = epoch_seconds(lines.order_time) + DELIVERY_DAYS * SECONDS_PER_DAY
    over = arrived + lines.days * SECONDS_PER_DAY <= window.as_of_second
    return lines.mutate(mature=over.fill_null(False).cast("int64")).drop("days")


def _prices(window: Window) -> tuple[Array, Array, tuple[str, ...]]:
    """(price_minor, price_source, currency) of every product."""
    n_products = window.count("products")
    price = np.full(n_products, UNKNOWN, dtype=np.int64)
    source = np.full(n_products, PRICE_FROM_NOTHING, dtype=np.int8)
    currency = np.full(n_products, "", dtype=object)
    if window.priceless:
        return read_only(price), read_only(source), tuple(currency)
    paid = window.engine.fetch(_median_paid(window), ("product_row",))
    price[paid["product_row"]] = paid["price_minor"]
    source[paid["product_row"]] = PRICE_FROM_ORDERS
    offers = offers_now(window, "price_minor", "currency")
    found = window.engine.fetch(offers.drop("currency"), ("product_row",))
    price[found["product_row"]] = found["price_minor"]
    source[found["product_row"]] = PRICE_FROM_OFFER
    currency[found["product_row"]] = window.engine.fetch_strings(offers, "currency", "product_row")
    spoken = sorted({str(code) for code in currency if code})
    if len(spoken) == 1:  # orders name no currency; where the shop has just one, it is that
        currency[source == PRICE_FROM_ORDERS] = spoken[0]
    return read_only(price), read_only(source), tuple(str(code) for code in currency)


def offers_now(window: Window, *columns: str) -> ibis.Table:
    """product_row and these columns of the offer that holds at the moment."""
    offers = window.table("offers")
    if window.as_of_second is not None:
        ends = epoch_seconds(offers.expire_time)
        offers = offers.filter(ends.isnull() | (ends > window.as_of_second))
    return _latest(offers, "effective_time").select("product_row", *columns)


def _stock(window: Window) -> ibis.Table:
    return _latest(window.table("stock"), "stock_time").select("product_row", "available_quantity")


def _latest(rows: ibis.Table, time: str) -> ibis.Table:
    order = [rows[time].desc(), *(rows[name].asc() for name in rows.columns if name != time)]
    newest = ibis.row_number().over(ibis.window(group_by=rows.product_row, order_by=order))
    return rows.mutate(place=newest).filter(lambda t: t.place == 0)


def _median_paid(window: Window) -> ibis.Table:
    """product_row, price_minor: the lower median over order lines, an exact integer on every engine."""
    lines = real_orders(window)
    lines = lines.filter(lines.price_minor.notnull())
    prices = lines.group_by("product_row", "price_minor").agg(n=lines.count())
    upward = ibis.window(
        group_by=prices.product_row, order_by=prices.price_minor, preceding=None, following=0
    )
    within = ibis.window(group_by=prices.product_row)
    prices = prices.mutate(n_up_to=prices.n.sum().over(upward), n_all=prices.n.sum().over(within))
    half = prices.filter(prices.n_up_to * 2 >= prices.n_all)
    return half.group_by("product_row").agg(price_minor=half.price_minor.min())
