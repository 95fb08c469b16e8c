"""What one kept order of each product is worth to the owner who shared it.

    expected good value of a share = E[buyers] · [ P(keeps) · surplus − P(bad) · cost of a spoiled tie ]
                                   = E[kept orders] · gain,   gain = surplus − P(bad) / P(keeps) · cost

surplus is the value_score, a half where it is not known; P(bad) = 1 − quality and P(keeps) = 1 − return_rate
are the catalogue's mean where they are not known: what is unknown is neither praised nor punished.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys.good_value import GoodValue
from recsys.list_rules import ListRules

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

NEUTRAL_SURPLUS = 0.5
LEAST_KEPT = 0.05  # P(keeps) is never taken lower: a division


def gain_of(value: GoodValue, cost_of_spoiled_tie: float) -> Floats:
    """float32 (n_products,): good value of each kept order, at most 1; 0 or less where it does harm."""
    surplus = np.where(value.value_score >= 0, value.value_score, NEUTRAL_SURPLUS)
    bad = 1.0 - _known_or_mean(value.quality, 1.0)
    keeps = np.maximum(1.0 - _known_or_mean(value.return_rate, 0.0), LEAST_KEPT)
    return np.asarray(surplus - bad / keeps * cost_of_spoiled_tie, dtype=np.float32)


def gain_at(value_score: float | None, bad: float, keeps: float, cost_of_spoiled_tie: float) -> float:
    """The same for one product: its value_score, P(bad) and P(keeps)."""
    surplus = NEUTRAL_SURPLUS if value_score is None else value_score
    return surplus - bad / max(keeps, LEAST_KEPT) * cost_of_spoiled_tie


def no_good_value(value: GoodValue, rules: ListRules) -> Mask:
    """bool (n_products,): known to be worse value than nearly all like it, or to do more harm than good."""
    poor = (value.value_score >= 0) & (value.value_score < rules.value_floor)
    found: Mask = poor | (gain_of(value, rules.cost_of_spoiled_tie) <= 0)
    return found


def dearer_than_elsewhere(value: GoodValue, price_minor: npt.NDArray[np.int64]) -> Mask:
    """bool (n_products,): a stranger pays less elsewhere than a friend would pay here.

    Nobody knows what shipping costs elsewhere, so here too the price counts without it: the offer's, or the
    payable one where a coupon makes it lower still. The badge asks for more (`recsys/value.py`).
    """
    told = (price_minor >= 0) & (value.price >= 0)
    here = np.where(told, np.minimum(price_minor, value.price), value.price)
    known = (value.public_price >= 0) & (value.price >= 0)
    found: Mask = known & (value.public_price < here)
    return found


def _known_or_mean(values: Floats, otherwise: float) -> npt.NDArray[np.float64]:
    """The values, the mean of the known where one is not; `otherwise` where none is."""
    known = values >= 0
    mean = float(values[known].mean(dtype=np.float64)) if known.any() else otherwise
    return np.where(known, values, mean).astype(np.float64)
