"""Orders that ended badly lately, counted per product: the evidence of the circuit breaker.

A line ended badly when it was sent back for what may be the product's fault, complained of, or reviewed with
2 stars or less by who bought it; an owner's own orders are left out. Each member counts once per product: one
angry buyer is no burst.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa

from features.arrays import Array
from features.columns.outcomes import (
    days_counted,
    fault_returns,
    known_complaints,
    lines_by_age,
    order_lines,
    verified_reviews,
)
from features.contract import LOW_RATING
from features.expressions import SECONDS_PER_DAY, WEIGHT_UNIT, epoch_seconds
from features.window import Window
from recsys.circuit_breaker import NEVER
from recsys.quality import MAX_AGE_DAYS, maturity_by_age

KINDS = ("n_returns", "n_complaints", "n_low_ratings")


@dataclass(frozen=True, slots=True, eq=False)
class BadEndings:
    """One entry per product_row. `n_bad`, `n_lines` and one count of each of `KINDS` int32, in the
    newest days.

    float64: `exposure`, lines by the part of bad endings that usually falls into those days at their age;
    `n_bad_before` and `exposure_before`, the same of everything earlier. `first_us` int64, the first bad
    ending of the newest days (-1: none).
    """

    n_bad: Array
    n_lines: Array
    n_returns: Array
    n_complaints: Array
    n_low_ratings: Array
    exposure: Array
    n_bad_before: Array
    exposure_before: Array
    first_us: Array


def bad_endings(window: Window, days: int, at_second: int | None = None) -> BadEndings:
    """The bad endings known at the window's moment, or at an earlier second; the window must have times."""
    assert window.as_of_second is not None, "bad endings need times"
    at = window.as_of_second if at_second is None else min(at_second, window.as_of_second)
    since = at - days * SECONDS_PER_DAY
    n_products = window.count("products")
    with window.engine.scratch() as scratch:
        lines = order_lines(window, at)
        lines = scratch.keep(lines.filter(~lines.is_self))
        bad = scratch.keep(_bad_lines(window, lines, at))
        curve = _curve(window, lines, bad)
        ages = scratch.upload(pa.table({"age": np.arange(len(curve)), **_parts(curve, days)}))
        aged = lines.join(ages, lines.age_day == ages.age)
        exposed = aged.group_by("product_row").agg(
            n_lines=(aged.lately > 0).cast("int64").sum(), lately=aged.lately.sum(), before=aged.before.sum()
        )
        exposed = window.engine.fetch(exposed, ("product_row",))
        recent = bad.filter(bad.bad_second > since)
        counted = recent.group_by("product_row").agg(
            n_bad=recent.member_row.nunique(), first=recent.bad_second.min(),
            **{name: recent[name].sum() for name in KINDS},
        )  # fmt: skip
        lately = window.engine.fetch(counted, ("product_row",))
        earlier = bad.filter(bad.bad_second <= since)
        once = earlier.group_by("product_row").agg(n_bad=earlier.member_row.nunique())
        before = window.engine.fetch(once, ("product_row",))

    def spread(found: dict[str, Array], name: str, dtype: str = "int32", missing: int = 0) -> Array:
        values = np.full(n_products, missing, dtype=dtype)
        values[found["product_row"]] = found[name]
        return values

    first = spread(lately, "first", "int64", NEVER)
    return BadEndings(
        n_bad=spread(lately, "n_bad"), n_lines=spread(exposed, "n_lines"),
        **{name: spread(lately, name) for name in KINDS},
        exposure=spread(exposed, "lately", "float64") / WEIGHT_UNIT,
        n_bad_before=spread(before, "n_bad", "float64"),
        exposure_before=spread(exposed, "before", "float64") / WEIGHT_UNIT,
        first_us=np.where(first == NEVER, NEVER, first * 1_000_000),
    )  # fmt: skip


def _bad_lines(window: Window, lines: ibis.Table, at: int) -> ibis.Table:
    """product_row, member_row, start, bad_second (the first sign), a flag of each kind; a row per line."""
    back = fault_returns(window, at)
    told = known_complaints(window, at)
    low = verified_reviews(window, lines, at)
    low = low.filter(low.rating <= LOW_RATING)
    signs = (
        back.select(
            "order_code", "product_row", second=epoch_seconds(back.request_time), **_only("n_returns")
        )
        .union(
            told.select(
                "order_code",
                "product_row",
                second=epoch_seconds(told.complaint_time),
                **_only("n_complaints"),
            )
        )
        .union(
            low.select(
                order_code="reviewed",
                product_row="of",
                second=epoch_seconds(low.review_time),
                **_only("n_low_ratings"),
            )
        )
    )
    first = signs.group_by(sign_code="order_code", sign_row="product_row").agg(
        bad_second=signs.second.min(), **{name: signs[name].max() for name in KINDS}
    )
    joined = lines.join(first, [lines.order_code == first.sign_code, lines.product_row == first.sign_row])
    return joined.select("product_row", "member_row", "start", "bad_second", *KINDS)


def _only(kind: str) -> dict[str, ibis.Value]:
    return {name: ibis.literal(int(name == kind), type="int64") for name in KINDS}


def _curve(window: Window, lines: ibis.Table, bad: ibis.Table) -> Array:
    """The fraction of bad endings usually seen by each whole day of age."""
    late = ibis.greatest((bad.bad_second - bad.start) // SECONDS_PER_DAY, ibis.literal(0, type="int64"))
    day = ibis.least(late, ibis.literal(MAX_AGE_DAYS, type="int64")).fill_null(0)
    shown = bad.mutate(day=day.cast("int64"))
    n_back = days_counted(window, shown.group_by("day").agg(n=shown.count()))
    return maturity_by_age(lines_by_age(window, lines), n_back)


def _parts(curve: Array, days: int) -> dict[str, Array]:
    """The part of bad endings in the newest days and before them, of a line of each age, in exact units."""
    before = np.zeros(len(curve))
    before[days:] = curve[: len(curve) - days]
    before[-1] = curve[-1]  # the last age stands for every older one, of which nothing is new
    units = [np.asarray(np.rint(part * WEIGHT_UNIT), dtype=np.int64) for part in (curve - before, before)]
    return {"lately": units[0], "before": units[1]}
