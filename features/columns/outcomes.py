"""How delivered orders ended, counted per product: the evidence that quality is computed from.

Only what an order line vouches for counts: returns and complaints of a line, reviews by who bought it, the
days until delivery, and who came back for more. Nothing that a supplier can write is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import Array
from features.columns.products import DEFAULT_RETURN_DAYS, DELIVERY_DAYS
from features.contract import EXCUSED_FAULTS, LOW_RATING, OWN_CHOICE
from features.expressions import SECONDS_PER_DAY, WEIGHT_UNIT, Expression, decayed_units, epoch_seconds
from features.interactions import real_orders
from features.window import Window
from recsys.quality import MAX_AGE_DAYS, maturity_by_age

REVIEW_HALF_LIFE_DAYS = 180.0
INCENTIVISED_WEIGHT = 0.3
WORST_SEVERITY = 4
REBUY_AFTER_DAYS = 30  # a buyer has had the time to come back


@dataclass(frozen=True, slots=True, eq=False)
class ReturnedLines:
    """Order lines sent back for what may be the product's fault, one entry each.

    `product_row` int32; `n_together` lines that the same member sent back at the same moment; `n_by_member`
    such lines of hers ever; `quantity` pieces; `delay_days` from delivery (from the order, where none is
    recorded) to request; all float64.
    """

    product_row: Array
    n_together: Array
    n_by_member: Array
    quantity: Array
    delay_days: Array


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Counts per product_row at a moment, float64 unless said.

    `n_lines` order lines; `n_mature` int32, those delivered whose time to return is over; `exposure`: every
    delivered line by the fraction of returns usually seen by its age; `n_returns` lines sent back, the
    customer's own choice and the carrier's fault left out; `complaints`: the gravest complaint of each line,
    severity over 4; `rating_weight` and `low_weight`: verified reviews and those of 2 or less; `n_delivered`
    lines whose delivery is recorded, `n_late` of them after more than 7 days; `n_trials` buyers who had 30
    days to come back, `n_rebuys` of them who did; `log_quantity`, `log_price`: mean log of the pieces in a
    line and of the price paid for one, 0 where none is known.
    """

    n_lines: Array
    n_mature: Array
    exposure: Array
    n_returns: Array
    complaints: Array
    rating_weight: Array
    low_weight: Array
    n_delivered: Array
    n_late: Array
    n_trials: Array
    n_rebuys: Array
    log_quantity: Array
    log_price: Array
    returned: ReturnedLines


def outcomes(window: Window, at_second: int | None = None) -> Outcomes:
    """The outcomes known at the window's moment, or at an earlier second; the window must have times."""
    assert window.as_of_second is not None, "outcomes need times"
    at = window.as_of_second if at_second is None else min(at_second, window.as_of_second)
    n_products = window.count("products")
    with window.engine.scratch() as scratch:
        lines = scratch.keep(order_lines(window, at))
        returned = _returned(window, lines, at)
        curve = _maturity(window, lines, returned)
        ages = scratch.upload(pa.table({"age": np.arange(len(curve)), "units": _units(curve)}))
        aged = lines.left_join(ages, lines.age_day == ages.age)
        counts = aged.group_by("product_row").agg(
            n_lines=aged.count(), n_mature=aged.mature.sum(), exposure=aged.units.sum(),
            n_delivered=aged.n_delivered.sum(), n_late=aged.n_late.sum(), pieces=aged.log_pieces.sum(),
            n_priced=aged.n_priced.sum(), paid=aged.log_paid.sum(),
        )  # fmt: skip
        found = window.engine.fetch(counts, ("product_row",))
        parts = {
            "complaints": window.engine.fetch(_complaints(window, lines, at), ("product_row",)),
            "reviews": window.engine.fetch(_reviews(window, lines, at), ("product_row",)),
            "rebuys": window.engine.fetch(_rebuys(lines, at), ("product_row",)),
        }

    def spread(columns: dict[str, Array], name: str, unit: float = 1.0) -> Array:
        values = np.zeros(n_products)
        values[columns["product_row"]] = columns[name] / unit
        return values

    n_lines = spread(found, "n_lines")
    return Outcomes(
        n_lines=n_lines,
        n_mature=spread(found, "n_mature").astype(np.int32),
        exposure=spread(found, "exposure", WEIGHT_UNIT),
        n_returns=np.bincount(returned.product_row, minlength=n_products).astype(np.float64),
        complaints=spread(parts["complaints"], "severity", WORST_SEVERITY),
        rating_weight=spread(parts["reviews"], "units", WEIGHT_UNIT),
        low_weight=spread(parts["reviews"], "low_units", WEIGHT_UNIT),
        n_delivered=spread(found, "n_delivered"),
        n_late=spread(found, "n_late"),
        n_trials=spread(parts["rebuys"], "n_trials"),
        n_rebuys=spread(parts["rebuys"], "n_rebuys"),
        log_quantity=spread(found, "pieces", WEIGHT_UNIT) / np.maximum(n_lines, 1),
        log_price=spread(found, "paid", WEIGHT_UNIT) / np.maximum(spread(found, "n_priced"), 1),
        returned=returned,
    )


def order_lines(window: Window, at: int) -> ibis.Table:
    """Order lines up to `at`: start of the time to return, whole days of age, maturity, delivery."""
    orders = real_orders(window)
    orders = orders.filter(epoch_seconds(orders.order_time) <= at)
    ordered, delivered = epoch_seconds(orders.order_time), epoch_seconds(orders.delivered_time)
    seen = delivered.notnull() & (delivered <= at)
    slow = delivered - ordered > DELIVERY_DAYS * SECONDS_PER_DAY
    has_delivery = window.has("orders", "delivered_time")
    start = ibis.ifelse(seen, delivered, ibis.null("int64")) if has_delivery else ordered
    orders = orders.select(
        "order_code", "product_row", "member_row", "is_self", "quantity", "price_minor",
        ordered=ordered, start=start,
        n_delivered=seen.fill_null(False).cast("int64"),
        n_late=(seen & slow).fill_null(False).cast("int64"),
    )  # fmt: skip
    products = window.table("products")
    days = products.select(days_of="product_row", days=products.return_days.fill_null(DEFAULT_RETURN_DAYS))
    lines = orders.join(days, orders.product_row == days.days_of).drop("days_of")
    wait = 0 if has_delivery else DELIVERY_DAYS
    over = lines.start + (lines.days + wait) * SECONDS_PER_DAY <= at
    age = ((ibis.literal(at, type="int64") - lines.start) // SECONDS_PER_DAY).cast("int64")
    pieces = ibis.greatest(lines.quantity, ibis.literal(1, type="int64")).cast("float64").ln()
    priced = (lines.price_minor > 0).fill_null(False)
    paid = ibis.ifelse(priced, lines.price_minor, ibis.literal(1, type="int64")).cast("float64").ln()
    return lines.mutate(
        n_priced=priced.cast("int64"),
        log_paid=(paid * float(WEIGHT_UNIT)).round().cast("int64"),
        mature=over.fill_null(False).cast("int64"),
        age_day=ibis.least(age, ibis.literal(MAX_AGE_DAYS, type="int64")),
        log_pieces=(pieces * float(WEIGHT_UNIT)).round().cast("int64"),
    ).drop("days", "price_minor")


def fault_returns(window: Window, at: int) -> ibis.Table:
    """The rows of returns up to `at` that may be the product's fault."""
    returns = window.table("returns")
    returns = returns.filter(returns.order_code.notnull() & (epoch_seconds(returns.request_time) <= at))
    excused = returns.fault.isin(EXCUSED_FAULTS).fill_null(False)
    chosen = (returns.fault.isnull() | (returns.fault == "unknown")) & returns.reason_code.isin(OWN_CHOICE)
    return returns.filter(~excused & ~chosen.fill_null(False))


def _returned(window: Window, lines: ibis.Table, at: int) -> ReturnedLines:
    """The returns up to `at` that may be the product's fault; a line counts once, with its first request."""
    returns = fault_returns(window, at)
    first = returns.group_by(back_code="order_code", back_row="product_row").agg(
        request=epoch_seconds(returns.request_time).min(), pieces=returns.quantity.sum()
    )
    joined = lines.join(first, [lines.order_code == first.back_code, lines.product_row == first.back_row])
    rows = window.engine.fetch(
        joined.select("product_row", "member_row", "request", "pieces", "quantity", "ordered", "start"),
        ("member_row", "request", "product_row", "ordered"),
    )
    members, requests = rows["member_row"], rows["request"]
    begins = np.ones(len(members), dtype=bool)
    begins[1:] = (members[1:] != members[:-1]) | (requests[1:] != requests[:-1])
    moment = np.cumsum(begins) - 1
    together = np.bincount(moment, minlength=1)[moment] if len(moment) else np.zeros(0)
    by_member = np.bincount(members, minlength=1)[members] if len(members) else np.zeros(0)
    start = np.where(rows["start"] >= 0, rows["start"], requests)  # refused at the door: back at once
    pieces = np.where(rows["pieces"] > 0, rows["pieces"], rows["quantity"])
    return ReturnedLines(
        product_row=rows["product_row"].astype(np.int32),
        n_together=together.astype(np.float64),
        n_by_member=by_member.astype(np.float64),
        quantity=np.maximum(pieces, 1).astype(np.float64),
        delay_days=np.maximum(requests - start, 0) / SECONDS_PER_DAY,
    )


def _maturity(window: Window, lines: ibis.Table, returned: ReturnedLines) -> npt.NDArray[np.float64]:
    """The fraction of returns usually seen by each whole day of age."""
    days = np.minimum(returned.delay_days.astype(np.int64), MAX_AGE_DAYS)
    n_back = np.bincount(days, minlength=MAX_AGE_DAYS + 1).astype(np.float64)
    return maturity_by_age(lines_by_age(window, lines), n_back)


def lines_by_age(window: Window, lines: ibis.Table) -> npt.NDArray[np.float64]:
    """How many delivered lines are of each whole day of age, the last also of all older."""
    ages = lines.filter(lines.age_day.notnull())
    return days_counted(window, ages.group_by(day="age_day").agg(n=ages.count()))


def days_counted(window: Window, counts: ibis.Table) -> npt.NDArray[np.float64]:
    """float64 (MAX_AGE_DAYS + 1,) of rows `day`, `n`; 0 for a day without one."""
    found = window.engine.fetch(counts, ("day",))
    n_at_day = np.zeros(MAX_AGE_DAYS + 1)
    n_at_day[found["day"]] = found["n"]
    return n_at_day


def _units(curve: Array) -> Array:
    return np.asarray(np.rint(curve * WEIGHT_UNIT), dtype=np.int64)


def _complaints(window: Window, lines: ibis.Table, at: int) -> ibis.Table:
    """product_row, severity: the gravest complaint of each order line, 1 to 4 (2 when not said)."""
    told = known_complaints(window, at)
    worst = told.group_by(told_code="order_code", told_row="product_row").agg(
        severity=told.severity.fill_null(2).max()
    )
    joined = lines.join(worst, [lines.order_code == worst.told_code, lines.product_row == worst.told_row])
    return joined.group_by("product_row").agg(severity=joined.severity.sum())


def known_complaints(window: Window, at: int) -> ibis.Table:
    """The complaints up to `at` that name an order."""
    told = window.table("complaints")
    return told.filter(told.order_code.notnull() & (epoch_seconds(told.complaint_time) <= at))


def verified_reviews(window: Window, lines: ibis.Table, at: int) -> ibis.Table:
    """Reviews up to `at` of an order line by the member who bought it, her own shop's left out.

    Whoever names somebody else's order is no buyer.
    """
    reviews = window.table("reviews")
    reviews = reviews.filter(reviews.order_code.notnull() & (epoch_seconds(reviews.review_time) <= at))
    reviews = reviews.select(
        "review_id", "review_time", "rating", "incentivised", "names_member",
        reviewed="order_code", of="product_row", reviewer="member_row",
    )  # fmt: skip
    bought = lines.filter(~lines.is_self)
    told = reviews.join(bought, [reviews.reviewed == bought.order_code, reviews.of == bought.product_row])
    return told.filter(~told.names_member | (told.reviewer == told.member_row).fill_null(False))


def _reviews(window: Window, lines: ibis.Table, at: int) -> ibis.Table:
    """product_row, units, low_units: the latest verified review of each buyer."""
    told = verified_reviews(window, lines, at)
    newest = ibis.row_number().over(
        ibis.window(
            group_by=[told.member_row, told.product_row],
            order_by=[told.review_time.desc(), told.review_id.asc()],
        )
    )
    told = told.mutate(place=newest).filter(lambda t: t.place == 0)
    paid = told.incentivised.fill_null(False)
    whole = decayed_units(told.review_time, at, REVIEW_HALF_LIFE_DAYS)
    part = decayed_units(told.review_time, at, REVIEW_HALF_LIFE_DAYS, value=INCENTIVISED_WEIGHT)
    told = told.mutate(units=ibis.ifelse(paid, part, whole))
    low: Expression = ibis.ifelse(told.rating <= LOW_RATING, told.units, ibis.literal(0, type="int64"))
    return (
        told.mutate(low=low)
        .group_by("product_row")
        .agg(units=lambda t: t.units.sum(), low_units=lambda t: t.low.sum())
    )


def _rebuys(lines: ibis.Table, at: int) -> ibis.Table:
    """product_row, n_trials, n_rebuys: buyers who had the time to come back, and who did on another day."""
    pairs = lines.group_by("member_row", "product_row").agg(
        first=lines.ordered.min(), last=lines.ordered.max()
    )
    pairs = pairs.filter(pairs.first <= at - REBUY_AFTER_DAYS * SECONDS_PER_DAY)
    again = (pairs.last >= pairs.first + SECONDS_PER_DAY).cast("int64")
    return pairs.group_by("product_row").agg(n_trials=pairs.count(), n_rebuys=again.sum())
