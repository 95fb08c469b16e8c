"""What her shares brought: earnings pending, settled and taken back, and kept orders by week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from features.row_check import DAY, EPOCH, MICROSECOND
from recsys.model import Model
from serving.share_results import OwnersRows, credited_lines

RETURN_DAYS = 15  # after an order, in which it may still come back
N_WEEKS = 8


@dataclass(frozen=True, slots=True)
class Earnings:
    """Her commission in minor units of each currency, by its state."""

    pending: Mapping[str, int]
    settled: Mapping[str, int]
    taken_back: Mapping[str, int]


def earnings_of(rows: OwnersRows, model: Model | None, now_us: int) -> Earnings:
    """The commission of every order line credited to a share; an unknown one counts nothing."""
    pending, settled, taken = Counter[str](), Counter[str](), Counter[str]()
    for lines in credited_lines(rows).values():
        for line in lines:
            earned, currency = _commission(model, line["product_id"], line["price_minor"] * line["quantity"])
            if rows.came_back(line):
                taken[currency] += earned
            elif line["order_time"] < now_us - RETURN_DAYS * DAY:
                settled[currency] += earned
            else:
                pending[currency] += earned
    return Earnings(*({name: n for name, n in found.items() if n} for found in (pending, settled, taken)))


def kept_by_week(rows: OwnersRows, now: datetime) -> list[tuple[datetime, int]]:
    """Kept order lines of each of the last eight weeks: the Monday it began, how many; the oldest first."""
    monday = _monday_of(now)
    weeks = [monday - timedelta(weeks=back) for back in range(N_WEEKS - 1, -1, -1)]
    n_kept = dict.fromkeys(weeks, 0)
    for lines in credited_lines(rows).values():
        for line in lines:
            week = _monday_of(EPOCH + line["order_time"] * MICROSECOND)
            if week in n_kept and not rows.came_back(line):
                n_kept[week] += 1
    return list(n_kept.items())


def _monday_of(moment: datetime) -> datetime:
    """When its week began."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _commission(model: Model | None, product_id: str, paid_minor: int) -> tuple[int, str]:
    row = -1 if model is None else model.products.ids.row(product_id)
    if model is None or row < 0 or model.commission is None or model.commission[row] < 0:
        return 0, ""
    currency = int(model.products.currency_row[row])
    name = model.products.currencies[currency] if currency >= 0 else ""
    return (round(float(model.commission[row]) * paid_minor), name) if name else (0, "")
