"""A pick as her page shows it: sentences in her language, each from a figure of the reply or the snapshot."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.category_tree import SEPARATOR
from recsys.domain import Expected, Offer, Pick, Reason
from recsys.good_value import GoodValue
from recsys.model import Model
from recsys.value import NO_UNIT, UNITS
from serving.shop.words import Words

N_TONES = 8
UNITS_SHOWN = {"g": 100, "ml": 100, "piece": 1}  # how many of each a price by the unit is told of
FEW_LEFT = 20
LEAST_LINES = 10  # old enough to tell, below which no return rate is told


@dataclass(frozen=True, slots=True)
class Card:
    """One pick, ready to be laid out; None where nothing is known to be said."""

    product_id: str
    title: str
    category: str
    initial: str
    tone: int
    price: str | None
    unit_price: str | None
    badge: str | None
    value: str | None
    quality: str | None
    price_line: str | None
    reasons: tuple[str, ...]
    friends: str | None
    earnings: str | None
    stock: str | None


def card_of(pick: Pick, model: Model | None, words: Words) -> Card:
    """The card of a pick; `model` as it is now gives what a reply does not carry."""
    row = -1 if model is None else model.products.ids.row(pick.product_id)
    known = None if model is None or row < 0 else model.value
    value = None if pick.value_score is None else known
    leaf = words.leaf(pick.category)
    offer, currency = pick.offer, pick.offer.currency if pick.offer else ""
    return Card(
        pick.product_id, pick.title, leaf, leaf[:1].upper() or "·", tone_of(pick.category),
        price=None if offer is None else words.money(offer.price_minor, currency),
        unit_price=None if value is None or not currency else _unit_price(value, row, currency, words),
        badge=_badge(pick.good_value, words),
        value=value_line(pick, words),
        quality=None if known is None else _quality(known, row, words),
        price_line=None if value is None or offer is None else _price_line(value, row, offer, words),
        reasons=tuple(reason_line(reason, words) for reason in pick.reasons),
        friends=_friends(pick.expected, words),
        earnings=_earnings(pick.expected, currency, words),
        stock=None if model is None or row < 0 else _stock(int(model.products.stock[row]), words),
    )  # fmt: skip


def tone_of(category: str) -> int:
    """Which of the drawn placeholders' colours a category has: the top of its path decides."""
    return zlib.crc32(category.split(SEPARATOR)[0].encode()) % N_TONES


def value_line(pick: Pick, words: Words) -> str | None:
    """That it is better value than so many of 100 like it, or is expected to be; only where that is most."""
    if pick.value_score is None or pick.value_score < 0.5:
        return None
    n = int(pick.value_score * 100)
    return words.say("card.value", n=n) if has_orders(pick) else words.say("card.value_expected", n=n)


def has_orders(pick: Pick) -> bool:
    """Whether orders of its own tell of its quality; else its value is what products like it let expect."""
    return bool((pick.good_value or {}).get("n_mature"))


def reason_line(reason: Reason, words: Words) -> str:
    """A reason in her language; one without words of its own as the core says it."""
    told: dict[str, Any] = dict(reason.evidence)
    if "category" in told:
        told["category"] = words.leaf(str(told["category"]))
    if "scene" in told:
        told["scene"] = words.leaf(str(told["scene"]))
    if isinstance(told.get("lift"), float):
        told["lift"] = words.number(told["lift"])
    try:
        return words.say(f"reason.{reason.code}", **told)
    except KeyError:
        return reason.text


def _badge(good_value: Mapping[str, Any] | None, words: Words) -> str | None:
    badge = None if good_value is None else good_value.get("badge")
    return None if badge is None else words.say(f"card.{badge}")


def _unit_price(value: GoodValue, row: int, currency: str, words: Words) -> str | None:
    unit = int(value.unit[row])
    if unit == NO_UNIT or value.price[row] < 0 or (UNITS[unit] == "piece" and value.quantity[row] == 1):
        return None
    name = UNITS[unit]
    price = float(value.price[row] / value.quantity[row]) * UNITS_SHOWN[name]
    told = words.money(price, currency)
    return words.say("card.per_unit", price=told, unit=words.say(f"card.unit_{name}"))


def _quality(value: GoodValue, row: int, words: Words) -> str | None:
    rate, n_lines = float(value.return_rate[row]), int(value.n_mature[row])
    if rate < 0 or n_lines < LEAST_LINES:
        return None
    others = value.comparables_of(row)
    rates = value.return_rate[others]
    known = rates[rates >= 0]
    told = {"n": words.number(rate * 100), "lines": n_lines}
    if not len(known):
        return words.say("card.returns_alone", **told)
    return words.say("card.returns", **told, other=words.number(float(np.mean(known)) * 100))


def _price_line(value: GoodValue, row: int, offer: Offer, words: Words) -> str | None:
    told, currency, paid = [], offer.currency, float(value.price[row])
    if paid >= 0 and round(paid) != offer.price_minor:
        told.append(words.say("card.paid", price=words.money(paid, currency)))
    if value.low_30[row] >= 0:
        told.append(words.say("card.low_30", price=words.money(float(value.low_30[row]), currency)))
    if value.price_percentile[row] >= 0:
        told.append(words.say("card.cheaper", n=round(float(value.price_percentile[row]) * 100)))
    return " · ".join(told) or None


def _friends(expected: Expected | None, words: Words) -> str | None:
    if expected is None or (spread := expected.buyers or expected.kept).high < 1:
        return None
    low, high = int(spread.low), int(spread.high)
    if low == high == 1:
        return words.say("card.buyers_one")
    return words.say("card.buyers" if low else "card.buyers_few", low=low, high=high)


def _earnings(expected: Expected | None, currency: str, words: Words) -> str | None:
    if expected is None or expected.earnings is None or not currency or expected.earnings.high <= 0:
        return None
    low, high = (words.rough_money(end, currency) for end in (expected.earnings.low, expected.earnings.high))
    return words.say(
        "card.earnings" if expected.earnings.low > 0 else "card.earnings_up_to", low=low, high=high
    )


def _stock(units: int, words: Words) -> str | None:
    return words.say("card.stock", n=units) if 0 < units <= FEW_LEFT else None
