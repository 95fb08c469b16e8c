"""One product's good value with its comparables and every figure in between."""

from __future__ import annotations

from typing import Any

from recsys.good_value import arithmetic, beaten, summary
from recsys.model import NO_ROW, Model
from recsys.model_files import model_of
from recsys.snapshot import Snapshot

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
        return None
    currency = int(products.currency_row[row])
    found: dict[str, Any] = {
        "product_id": product_id, "title": products.titles[row],
        "category": products.categories[int(products.category_row[row])],
        "currency": None if currency == NO_ROW else products.currencies[currency],
        "formula": FORMULA, "good_value": None, "arithmetic": None, "comparables": [],
    }  # fmt: skip
    if value is None:
        return found
    chances = beaten(value, row)
    found["good_value"] = summary(value, row)
    found["arithmetic"] = arithmetic(value, row)
    found["comparables"] = [
        {
            "product_id": products.ids[other], "title": products.titles[other],
            "unit_price_minor": float(value.price[other] / value.quantity[other]),
            "quality": float(value.quality[other]), "worth": float(value.worth[other]),
            "worth_spread": float(value.worth_spread[other]), "p_worse": float(chances[place]),
        }
        for place, other in enumerate(value.comparables_of(row).tolist())
    ]  # fmt: skip
    return found
