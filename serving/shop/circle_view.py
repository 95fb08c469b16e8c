"""What may be told of a circle: never of fewer than 10 people, counts rounded down to 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.insights import LEAST_MEMBERS
from recsys.model import Model
from serving.service import Service
from serving.shop.words import Words
from serving.snapshots import Served

N_WISHES = 5


@dataclass(frozen=True, slots=True)
class CircleView:
    """interests: (category, people, a multiple of 10), the most first. price_band: (low, high, currency)."""

    n_members: int | None  # rounded down to 10; None: fewer than 10
    interests: tuple[tuple[str, int], ...]
    price_band: tuple[int, int, str] | None


def circle_view(model: Model, owner_id: str) -> CircleView:
    """The circle of one owner as the snapshot knows it; nothing of a circle of fewer than 10."""
    people, row = model.people, model.people.owners.row(owner_id)
    n_members = 0 if row < 0 else len(people.circle.row(row)[0])
    if n_members < LEAST_MEMBERS:
        return CircleView(None, (), None)
    categories, counts = people.circle_categories.row(row)
    order = np.lexsort((categories, -counts))
    interests = tuple(
        (model.products.categories[int(categories[at])], int(counts[at]) // LEAST_MEMBERS * LEAST_MEMBERS)
        for at in order
        if counts[at] >= LEAST_MEMBERS
    )
    return CircleView(n_members // LEAST_MEMBERS * LEAST_MEMBERS, interests, _price_band(model, row))


def circle_told(service: Service, served: Served, owner_id: str, words: Words) -> dict[str, Any]:
    """What her page shows of her circle: interests, prices, wishes, and how tired it is."""
    told: dict[str, Any] = {
        "interests": [], "price_band": None, "wishes": _wishes(served, words), "fatigue": None, "quiet": [],
        "n_left": 0, "shares_a_day": 1, "saturation": "",
    }  # fmt: skip
    if served.model is None:
        return told
    seen = circle_view(served.model, owner_id)
    told["interests"] = [(words.leaf(name), words.say("circle.people", n=n)) for name, n in seen.interests]
    if seen.price_band is not None:
        low, high, currency = seen.price_band
        ends = {"low": words.money(low, currency), "high": words.money(high, currency)}
        told["price_band"] = words.say("circle.price_band", **ends)
    tired = service.live.fatigue_of(served, owner_id)
    if tired is None:
        return told
    return told | {
        "fatigue": words.say("circle.fatigue", n=tired.n_left, all=tired.shares_a_day),
        "n_left": tired.n_left, "shares_a_day": tired.shares_a_day,
        "saturation": words.say("circle.saturation", percent=words.percent(round(tired.saturation, 2))),
        "quiet": [words.leaf(category) for category in tired.resting_categories],
    }  # fmt: skip


def _wishes(served: Served, words: Words) -> list[str]:
    """What circles want at a price where no product of good value is."""
    return [
        words.say(
            "circle.wish", category=words.leaf(wish["category"]),
            low=words.money(wish["price_from_minor"], wish["currency"]),
            high=words.money(wish["price_below_minor"], wish["currency"]),
        )
        for wish in served.demand(N_WISHES)
        if wish["currency"] is not None
    ]  # fmt: skip


def _price_band(model: Model, owner_row: int) -> tuple[int, int, str] | None:
    """Between which prices the middle half lies of what 10 people or more of the circle ordered, by product.

    Prices are rounded outwards to two digits, so that no single order can be told from them.
    """
    orders = model.people.circle_orders
    span = orders.span(owner_row)
    rows, n_members = orders.indices[span], orders.extra["n_members"][span]
    price, currency = model.products.price_minor[rows], model.products.currency_row[rows]
    known = (price > 0) & (currency >= 0)
    if int(n_members[known].sum()) < LEAST_MEMBERS or len(np.unique(currency[known])) != 1:
        return None
    spread = np.repeat(price[known], n_members[known])
    low, high = np.quantile(spread, (0.25, 0.75)).tolist()
    return _round(low, up=False), _round(high, up=True), model.products.currencies[int(currency[known][0])]


def _round(price: float, *, up: bool) -> int:
    step = 10 ** max(0, len(str(int(price))) - 2)
    return int(-(-price // step) * step if up else price // step * step)
