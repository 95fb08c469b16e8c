"""The good value of every product as a snapshot holds it, and the arithmetic that an owner can check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.sparse import CsrView
from recsys.value import BADGES, NO_UNIT, UNITS, chance_above_zero

Floats = npt.NDArray[np.float32]
NONE = -1.0  # what stands where there is no evidence
SUMMARY = (
    "value_score", "value_low", "quality", "quality_low", "return_rate", "n_mature", "n_comparables",
    "price_percentile", "badge",
)  # fmt: skip
COUNTS = ("n_mature", "n_comparables")
OF_PRICE = (
    "value_score",
    "value_low",
    "price_percentile",
    "badge",
)  # of the summary, what hangs on the price
PRODUCT_ARRAYS = (
    *SUMMARY, "worth", "worth_spread", "price", "quantity", "unit", "low_30", "median_30", "fair_price",
    "public_price", "price_of_quality", "quality_floor", "set_row",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class GoodValue:
    """One entry per product in every array; -1 where there is no evidence (a snapshot holds
    finite numbers only); `worth` and its spread are 0 where the price is -1.

    float64: worth (u), price (payable, minor units, for the whole product), quantity (units in it), low_30
    and median_30 of the payable price, fair_price (by the unit), public_price. float32: the rest. int32:
    n_mature, n_comparables, set_row (-1 none). int8: badge, unit (-1 none).
    `rates` float32 (n_products, n_parts) in the order of `weights`: quality = 1 − Σ weight · rate.
    """

    value_score: Floats
    value_low: Floats
    quality: Floats
    quality_low: Floats
    return_rate: Floats
    n_mature: npt.NDArray[np.int32]
    n_comparables: npt.NDArray[np.int32]
    price_percentile: Floats
    badge: npt.NDArray[np.int8]
    worth: npt.NDArray[np.float64]
    worth_spread: Floats
    price: npt.NDArray[np.float64]
    quantity: npt.NDArray[np.float64]
    unit: npt.NDArray[np.int8]
    low_30: npt.NDArray[np.float64]
    median_30: npt.NDArray[np.float64]
    fair_price: npt.NDArray[np.float64]
    public_price: npt.NDArray[np.float64]
    price_of_quality: Floats
    quality_floor: Floats
    set_row: npt.NDArray[np.int32]
    rates: Floats
    weights: Mapping[str, float]
    sets: CsrView

    def badge_of(self, row: int) -> str | None:
        """The name of a product's badge."""
        return BADGES[int(self.badge[row])]

    def comparables_of(self, row: int) -> npt.NDArray[np.int32]:
        """Rows of the products it is compared with; none when there are too few."""
        if self.set_row[row] < 0:
            return np.zeros(0, dtype=np.int32)
        others = self.sets.row(int(self.set_row[row]))[0]
        return np.asarray(others[others != row])


def summary(value: GoodValue, row: int) -> dict[str, Any]:
    """The good value of one product in a few figures; None where there is no evidence."""
    return summaries(value, np.array([row]))[0]


def summaries(value: GoodValue, rows: npt.NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
    """The same of several products."""
    columns: list[list[Any]] = []
    for name in SUMMARY:
        figures = getattr(value, name)[rows].tolist()
        if name == "badge":
            figures = [BADGES[badge] for badge in figures]
        elif name not in COUNTS:
            figures = [None if figure < 0 else figure for figure in figures]
        columns.append(figures)
    return [dict(zip(SUMMARY, figures, strict=True)) for figures in zip(*columns, strict=True)]


def arithmetic(value: GoodValue, row: int) -> dict[str, Any]:
    """Every figure between the evidence and the score, so that it can be worked out by hand.

    quality = 1 − Σ weight · rate; unit_price_minor = price_minor / quantity;
    worth = price_of_quality · ln(quality / (1 − quality)) − ln(unit_price_minor).
    """
    parts = [
        {"part": name, "rate": float(value.rates[row, place]), "weight": weight}
        for place, (name, weight) in enumerate(value.weights.items())
    ]
    unit = int(value.unit[row])
    price, quantity = float(value.price[row]), float(value.quantity[row])
    return {
        "parts": parts, "price_minor": known(value.price[row]), "quantity": quantity,
        "unit": None if unit == NO_UNIT else UNITS[unit], "unit_price_minor": known(price / quantity),
        "fair_unit_price_minor": known(value.fair_price[row]),
        "low_30_minor": known(value.low_30[row]), "median_30_minor": known(value.median_30[row]),
        "public_price_minor": known(value.public_price[row]),
        "price_of_quality": known(value.price_of_quality[row]),
        "quality_floor": known(value.quality_floor[row]),
        "worth": float(value.worth[row]) if price >= 0 else None,
        "worth_spread": known(value.worth_spread[row]) if price >= 0 else None,
    }  # fmt: skip


def beaten(value: GoodValue, row: int, gain: float = 0.0) -> npt.NDArray[np.float64]:
    """P(worth of the product > worth of each comparable), in the order of `comparables_of`.

    Φ((worth − its worth) / √(spread² + its spread²)); the mean of them is the value_score. `gain`: of worth,
    by what might be mended.
    """
    others = value.comparables_of(row)
    spread = np.hypot(value.worth_spread[row], value.worth_spread[others])
    return chance_above_zero(value.worth[row] + gain - value.worth[others], spread)


def known(value: Any) -> float | None:
    """A figure of a snapshot; None where -1 stands for no evidence."""
    return None if value < 0 else float(value)
