"""How tired a circle is of shares: how many a day it takes, which categories rest, what is left today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsys.domain import FatigueTold
from recsys.live import DAY_US, OwnerNow, shared_at
from recsys.model import Model

REST_DAYS = 3  # a category rests so long after …
REST_AFTER = 2  # … so many of its products were shared within as many days
WEEK = 7


@dataclass(frozen=True, slots=True)
class Fatigue:
    """Products shared in the last 24 hours beside what her circle takes gladly in a day.

    `resting`: category row → when it may be shared from again, µs. `saturation`: of what her circle takes in
    seven days, the part that those days brought; above 1 it got more.
    """

    n_shared: int
    shares_a_day: int
    resting: Mapping[int, int]
    saturation: float

    @property
    def n_left(self) -> int:
        """How many good shares are left today."""
        return max(0, self.shares_a_day - self.n_shared)


def fatigue_of(model: Model, owner_row: int, now: OwnerNow) -> Fatigue:
    """The fatigue of one owner's circle at the moment of `now`; a product shared twice counts once."""
    since_us = now.time_us - WEEK * DAY_US
    shared = shared_at(model, owner_row, since_us)
    for row, time_us in now.shared_us.items():
        shared[row] = max(time_us, shared.get(row, 0))
    products = model.products
    times = [(int(products.category_row[row]), time_us) for row, time_us in shared.items()]
    for product_id, time_us in now.arrivals_shared_us.items():
        known = model.arrivals.by_id.get(product_id)
        times.append((-1 if known is None else known.category_row, time_us))
    recent = [(category, time_us) for category, time_us in times if since_us < time_us <= now.time_us]
    n_today = sum(time_us > now.time_us - DAY_US for _, time_us in recent)
    return Fatigue(
        n_today, now.shares_a_day, _resting(recent, now.time_us),
        round(len(recent) / (WEEK * now.shares_a_day), 3),
    )  # fmt: skip


def fatigue_told(model: Model, fatigue: Fatigue) -> FatigueTold:
    """The same in words, for a reply."""
    names = tuple(model.products.categories[category] for category in fatigue.resting)
    return FatigueTold(fatigue.n_shared, fatigue.shares_a_day, fatigue.n_left, names, fatigue.saturation)


def _resting(recent: Sequence[tuple[int, int]], now_us: int) -> dict[int, int]:
    times: dict[int, list[int]] = {}
    for category, time_us in recent:
        if category >= 0 and time_us > now_us - REST_DAYS * DAY_US:
            times.setdefault(category, []).append(time_us)
    return {
        category: max(found) + REST_DAYS * DAY_US
        for category, found in sorted(times.items())
        if len(found) >= REST_AFTER
    }
