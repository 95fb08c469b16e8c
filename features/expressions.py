"""Expressions that several graphs share: whole seconds, days, and decay in exact fixed-point units.

Sums of floats depend on the order of the rows, and a parallel engine promises none. So every weight is
rounded to an integer number of units first; sums of integers are exact, and one division ends it.
"""

from __future__ import annotations

from typing import Any

import ibis

WEIGHT_UNIT = 2**32  # one whole share, click or order
SECONDS_PER_DAY = 86_400

Expression = Any  # an Ibis value expression; Ibis ships no types


def epoch_seconds(time: Expression) -> Expression:
    """Whole seconds since 1970 UTC, rounded down alike on every engine: int64."""
    return time.truncate("s").epoch_seconds().cast("int64")


def day_number(time: Expression) -> Expression:
    """Days since 1970 UTC: int64."""
    return (epoch_seconds(time) // SECONDS_PER_DAY).cast("int64")


def decayed_units(
    time: Expression,
    as_of_second: int | None,
    half_life_days: float | None,
    *,
    value: float = 1.0,
    unit: int = WEIGHT_UNIT,
) -> Expression:
    """`value · 2^(-age / half-life)` in integer units, at least 1: int64.

    Without a moment (a timeless dataset) or without a half-life nothing decays.
    """
    whole = round(value * unit)
    if as_of_second is None or half_life_days is None:
        return ibis.literal(whole, type="int64")
    age = (ibis.literal(as_of_second, type="int64") - epoch_seconds(time)).cast("float64")
    power = ibis.literal(2.0) ** (-age / ibis.literal(half_life_days * SECONDS_PER_DAY))
    return ibis.greatest((power * float(whole)).round().cast("int64"), ibis.literal(1, type="int64"))


def top_per_group(rows: ibis.Table, group: str, rank_by: str, tie: str, limit: int) -> ibis.Table:
    """The `limit` rows of each group with the highest `rank_by`; equal ones by the smaller `tie`."""
    window = ibis.window(group_by=rows[group], order_by=[rows[rank_by].desc(), rows[tie].asc()])
    return rows.mutate(place=ibis.row_number().over(window)).filter(lambda t: t.place < limit).drop("place")
