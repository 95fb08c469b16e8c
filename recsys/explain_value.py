"""One product's good value with its comparables and every figure in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.arrivals import Estimate
from recsys.good_value import GoodValue, arithmetic, beaten, summary
from recsys.model import NO_ROW, Model
from recsys.model_files import model_of
from recsys.snapshot import Snapshot
from recsys.value import NO_UNIT, UNITS, chance_above_zero

FORMULA = (
    "quality = 1 − Σ weight · rate; unit_price = price / quantity; "
    "worth = price_of_quality · ln(quality / (1 − quality)) − ln(unit_price); "
    "p_worse = Φ((worth − its worth) / √(worth_spread² + its worth_spread²)); value_score = mean of p_worse"
)


def explain_value(snapshot: Snapshot, product_id: str) -> dict[str, Any] | None:
    """The good value of a product, its arithmetic, and each comparable with the chance that it is worse.

    None when the snapshot does not know the product. `good_value`, `arithmetic` are None and `comparables`
    empty where nothing tells how orders ended.
    """
    return explain_value_of(model_of(snapshot), product_id)


def explain_value_of(model: Model, product_id: str) -> dict[str, Any] | None:
    """As `explain_value`, for a model in memory."""
    products, value = model.products, model.value
    row = products.ids.row(product_id)
    if row < 0:
        one = model.arrivals.by_id.get(product_id)
        return None if one is None else _explain_arrival(model, one)
    currency = int(products.currency_row[row])
    found: dict[str, Any] = {
        "product_id": product_id, "title": products.titles[row],
        "category": products.categories[int(products.category_row[row])],
        "currency": None if currency == NO_ROW else products.currencies[currency],
        "formula": FORMULA, "good_value": None, "arithmetic": None, "comparables": [],
    }  # fmt: skip
    if value is None:
        return found
    found["good_value"] = summary(value, row)
    found["arithmetic"] = arithmetic(value, row)
    found["comparables"] = _comparables(model, value, value.comparables_of(row), beaten(value, row))
    return found


def _explain_arrival(model: Model, one: Estimate) -> dict[str, Any]:
    """A product that came after the snapshot, by what its category and its supplier let expect of it."""
    found: dict[str, Any] = {
        "product_id": one.arrival.product_id, "title": one.arrival.title, "category": one.arrival.category,
        "currency": one.arrival.currency, "formula": FORMULA, "good_value": one.good_value,
        "arithmetic": None, "comparables": [],
    }  # fmt: skip
    value, told = model.value, one.arithmetic
    if value is None or told is None:
        return found
    unit = one.arrival.unit
    found["arithmetic"] = {
        **told, "unit": None if unit == NO_UNIT else UNITS[unit], "fair_unit_price_minor": None,
        "low_30_minor": None, "median_30_minor": None, "public_price_minor": one.arrival.public_price_minor,
    }  # fmt: skip
    spread = np.hypot(told["worth_spread"], value.worth_spread[one.comparables])
    chances = chance_above_zero(told["worth"] - value.worth[one.comparables], spread)
    found["comparables"] = _comparables(model, value, one.comparables, chances)
    return found


def _comparables(
    model: Model, value: GoodValue, others: npt.NDArray[np.int32], chances: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    products = model.products
    return [
        {
            "product_id": products.ids[other], "title": products.titles[other],
            "unit_price_minor": float(value.price[other] / value.quantity[other]),
            "quality": float(value.quality[other]), "worth": float(value.worth[other]),
            "worth_spread": float(value.worth_spread[other]), "p_worse": float(chances[place]),
        }
        for place, other in enumerate(others.tolist())
    ]  # fmt: skip
