"""Products that came after the snapshot: what may be said of them before anybody's orders tell.

They have no row in the model. What is known of one is its category, supplier, size and price; its quality is
what the products of its category and its supplier let expect, with all the uncertainty of a product without
an order, and its value is that quality at its price, against products like it (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys.category_tree import SEPARATOR
from recsys.circuit_breaker import blocked
from recsys.good_value import GoodValue
from recsys.quality import DEFAULT_STRENGTH, MAX_QUALITY, Quality, group_prior, rate_from, strength_of
from recsys.share_value import gain_at
from recsys.sparse import CsrView
from recsys.value import (
    BADGES,
    MAX_COMPARABLES,
    MIN_COMPARABLES,
    NO_BADGE,
    PROMISING,
    PROMISING_VALUE,
    Comparables,
    proven_suppliers,
    scores_of,
    worth,
)

if TYPE_CHECKING:
    from recsys.model import Model

MAX_PEERS = 8  # products like it whose scores stand for its own
MAX_KEPT = 20_000  # estimates that are kept from one moment to the next
NOBODY = -1

Rows = npt.NDArray[np.int32]
Prior = tuple[float, float, bool]  # quality expected of it, its 10 % quantile, whether its supplier is proven


@dataclass(frozen=True, slots=True)
class Arrival:
    """A product as events told of it, with the price that holds now.

    `supplier_row`: as the snapshot numbers them, -1 none or unknown. `unit`: position in UNITS, -1 none.
    `stock`: -1 unknown. `n_bad`: orders of the newest days that went badly. Money in minor units.
    """

    product_id: str
    title: str
    category: str
    price_minor: int
    currency: str
    supplier_row: int = NOBODY
    quantity: float = 1.0
    unit: int = -1
    stock: int = -1
    n_bad: int = 0
    public_price_minor: int | None = None
    commission_rate: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is expected of one: everything in the words of a product with orders.

    `path`: the longest part of its category that the snapshot knows, "" none; `category_row` its row.
    `peers`: rows of products like it; `comparables`: of all that its price is set against.
    `good_value`: the figures of a reply, None where nothing tells how orders ended. `gain`: good value of a
    kept order. `gates`: what closes it for whoever shares it.
    """

    arrival: Arrival
    path: str
    category_row: int
    peers: Rows
    comparables: Rows
    good_value: Mapping[str, Any] | None
    arithmetic: Mapping[str, Any] | None
    gain: float
    gates: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Those of one moment by product id, those of the highest value first."""

    by_id: Mapping[str, Estimate] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_id)


@dataclass(frozen=True, slots=True, eq=False)
class ArrivalCache:
    """What was worked out for one snapshot; it hangs on nothing that changes within it.

    `like`: rows by category path, currency and unit. `priors`: by such rows and supplier.
    """

    estimates: dict[Arrival, Estimate] = field(default_factory=dict)
    like: dict[tuple[str, str, int], Rows] = field(default_factory=dict)
    priors: dict[tuple[bytes, int], Prior] = field(default_factory=dict)


NO_ARRIVALS = Arrivals()


def arrivals_of(model: Model, arrivals: Sequence[Arrival]) -> Arrivals:
    """What is expected of each, by what the model knows of products like it."""
    kept = model.arrival_cache.estimates
    if len(kept) > MAX_KEPT:
        kept.clear()
    for arrival in arrivals:
        if arrival not in kept:
            kept[arrival] = estimate_of(model, arrival)
    best_first = sorted(arrivals, key=lambda arrival: (-kept[arrival].gain, arrival.product_id))
    return Arrivals({arrival.product_id: kept[arrival] for arrival in best_first})


def estimate_of(model: Model, arrival: Arrival) -> Estimate:
    """What is expected of one product."""
    path, category_row = _known_part(model, arrival.category)
    key = (path, arrival.currency, arrival.unit)
    if (like := model.arrival_cache.like.get(key)) is None:
        like = model.arrival_cache.like[key] = _like(model, *key)
    peers = _nearest(model, like, arrival)
    gates = {"out_of_stock"} if arrival.stock == 0 else set()
    public = arrival.public_price_minor
    if public is not None and public < arrival.price_minor:
        gates.add("parity")
    if model.bursts is not None and len(like):
        usual = float(model.bursts.usual[like].mean())
        if blocked(arrival.n_bad, 0.0, usual):
            gates.add("blocked")
    if model.value is None:
        return Estimate(arrival, path, category_row, peers, like, None, None, 1.0, frozenset(gates))
    figures, told, gain = _value(model, model.value, arrival, like)
    score = figures["value_score"]
    if (score is not None and score < model.rules.value_floor) or gain <= 0:
        gates.add("no_good_value")
    return Estimate(arrival, path, category_row, peers, like, figures, told, gain, frozenset(gates))


def _known_part(model: Model, category: str) -> tuple[str, int]:
    """The longest beginning of a category path that the snapshot knows, and its row."""
    parts = category.split(SEPARATOR)
    for n in range(len(parts), 0, -1):
        path = SEPARATOR.join(parts[:n])
        row = model.products.categories.row(path)
        if row >= 0:
            return path, row
    return "", NOBODY


def _like(model: Model, path: str, currency_code: str, unit: int) -> Rows:
    """Priced products of a node in one currency and unit; of the node above where they are too few."""
    from recsys.gates import in_category

    products, value = model.products, model.value
    currency = products.currencies.row(currency_code)
    fits = (products.price_minor > 0) & (products.currency_row == currency)
    if value is not None:
        fits &= (value.unit == unit) & (value.price > 0)
    found = np.zeros(0, dtype=np.int32)
    while path:
        inside = in_category(products.categories, products.category_row, path)
        found = np.flatnonzero(fits & inside).astype(np.int32)
        if len(found) >= MIN_COMPARABLES:
            break
        path = path.rpartition(SEPARATOR)[0]
    return found[:MAX_COMPARABLES]


def _nearest(model: Model, like: Rows, arrival: Arrival) -> Rows:
    """Those most like it in title and price: the letters they share, less half the gap in price."""
    if not len(like):
        return like
    gap = np.abs(np.log(model.products.price_minor[like] / max(arrival.price_minor, 1)))
    letters = _pairs_of_letters(arrival.title)
    shared = np.zeros(len(like))
    for at, title in enumerate(model.products.titles.take(like)):
        others = _pairs_of_letters(title)
        shared[at] = len(letters & others) / max(len(letters | others), 1)
    return np.sort(like[np.argsort(gap / 2 - shared, kind="stable")[:MAX_PEERS]])


def _pairs_of_letters(title: str) -> set[str]:
    """Two letters each, so that Chinese titles, which have no blanks, compare too."""
    text = title.casefold()
    return {text[at : at + 2] for at in range(len(text) - 1)}


def _value(
    model: Model, value: GoodValue, arrival: Arrival, like: Rows
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """(figures of good value, the arithmetic, good value of a kept order)."""
    mean, low, is_proven = _prior(model, value, arrival, like)
    quality = Quality(np.array([mean]), np.array([low]))
    known = value.price_of_quality[like]
    slope = float(np.median(known[known >= 0])) if (known >= 0).any() else 0.0
    unit_price = np.array([arrival.price_minor / arrival.quantity])
    u, spread = worth(quality, unit_price, np.array([slope]))
    score = value_low = percentile = None
    n = len(like)
    if n >= MIN_COMPARABLES:
        sets = CsrView(np.array([0, n + 1]), np.arange(n + 1, dtype=np.int32), np.ones(n + 1, np.int8), n + 1)
        alone = np.full(n + 1, -1, dtype=np.int32)
        alone[n] = 0
        found = scores_of(
            Comparables(alone, sets), np.r_[value.worth[like], u], np.r_[value.worth_spread[like], spread],
            np.r_[value.price[like] / value.quantity[like], unit_price],
        )  # fmt: skip
        score, value_low = float(found.value_score[n]), float(found.value_low[n])
        percentile = float(found.price_percentile[n])
    returns = value.return_rate[like]
    returned = float(returns[returns >= 0].mean()) if (returns >= 0).any() else None
    floor = float(np.median(value.quality_floor[like])) if n else 0.0
    hopeful = score is not None and score >= PROMISING_VALUE and mean > floor
    cheaper_elsewhere = (arrival.public_price_minor or arrival.price_minor) < arrival.price_minor
    promising = hopeful and not cheaper_elsewhere and is_proven
    figures = {
        "value_score": score, "value_low": value_low, "quality": mean, "quality_low": low,
        "return_rate": returned, "n_mature": 0, "n_comparables": n, "price_percentile": percentile,
        "badge": BADGES[PROMISING if promising else NO_BADGE],
    }  # fmt: skip
    told = {
        "parts": [{"part": "expected", "rate": 1 - mean, "weight": 1.0}],
        "price_minor": float(arrival.price_minor), "quantity": arrival.quantity, "unit": arrival.unit,
        "unit_price_minor": float(unit_price[0]), "price_of_quality": slope, "quality_floor": floor,
        "worth": float(u[0]), "worth_spread": float(spread[0]),
    }  # fmt: skip
    return figures, told, gain_at(score, 1 - mean, 1 - (returned or 0.0), model.rules.cost_of_spoiled_tie)


def _prior(model: Model, value: GoodValue, arrival: Arrival, like: Rows) -> Prior:
    """What its category and its supplier let expect of its quality, and the end that it may be as low as.

    The mean of products like it, moved by what its supplier's orders show against what is usual, as far as
    there are orders that show it; worth as many lines as products of the category agree on, 45 at most.
    """
    key = (like.tobytes(), arrival.supplier_row)
    priors = model.arrival_cache.priors
    if key not in priors:
        own = np.flatnonzero(model.products.supplier_row == arrival.supplier_row)
        own = own if arrival.supplier_row >= 0 else own[:0]
        expected = _expected_quality(model, value, arrival.supplier_row, like, own)
        priors[key] = (*expected, _is_proven(value, own))
    return priors[key]


def _expected_quality(
    model: Model, value: GoodValue, supplier_row: int, like: Rows, own: npt.NDArray[np.integer[Any]]
) -> tuple[float, float]:
    rows = np.union1d(like, own[:MAX_COMPARABLES]).astype(np.int32)
    rows = rows[value.quality[rows] >= 0]
    if not len(rows):
        known = value.quality[value.quality >= 0]
        mean = float(known.mean()) if len(known) else 0.5
        rate = rate_from(np.zeros(1), np.zeros(1), np.array([1 - mean]), DEFAULT_STRENGTH)
        return mean, float(1 - rate.bad_side()[0])
    # what nobody ordered has the quality of its group: a line's worth
    exposure = np.r_[value.n_mature[rows] + 1.0, 0.0]
    bad = exposure * np.r_[1.0 - value.quality[rows].astype(np.float64), 0.0]
    in_category = np.r_[np.where(np.isin(rows, like), 0, -1), 0].astype(np.int32)
    of_supplier = np.r_[
        np.where(model.products.supplier_row[rows] == supplier_row, 0, -1), 0 if len(own) else -1
    ].astype(np.int32)
    prior = group_prior(bad, exposure, [in_category, of_supplier])
    strength = min(strength_of(bad, exposure, prior), DEFAULT_STRENGTH)  # of figures that are drawn together
    rate = rate_from(bad, exposure, prior, strength)
    mean, low = float(1 - rate.mean[-1]), float(1 - rate.bad_side()[-1])
    return min(mean, MAX_QUALITY), min(low, MAX_QUALITY)


def _is_proven(value: GoodValue, own: npt.NDArray[np.integer[Any]]) -> bool:
    """Whether a supplier may vouch for what is new, by the orders of its other products."""
    if not len(own):
        return False
    over = value.quality[own].astype(np.float64) - value.quality_floor[own]
    one = np.zeros(len(own), dtype=np.int32)
    return bool(proven_suppliers(one, value.n_mature[own], over)[0])
