"""What sharing a product is expected to bring: buyers, orders that are kept, and what she earns by them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import nbdtrik, pdtrik

from recsys.calibration import Calibration
from recsys.domain import Expected, Spread, Target
from recsys.model import NO_PRICE, Model

ENDS = (0.1, 0.9)  # eight times in ten the count lies between these quantiles
LEAST_KEPT = 0.05  # P(keeps) is never taken lower: a division


def expected_of(model: Model, target: Target, score: float, product_row: int) -> Expected | None:
    """What a pick of this score is expected to bring; None where no calibration says what a score stands for.

    `circle`: of one share. `self`: whether she orders it. buyers = kept / P(keeps), earnings = kept ×
    commission × price of one piece; each None where the rate, the commission or the price is not known. The
    ends are quantiles of a negative binomial count (Poisson without spread).
    """
    calibration = model.calibrations.get(target)
    if calibration is None:
        return None
    mean = float(calibration.expected_at(np.array([score], dtype=np.float32))[0])
    most = 1.0 if target == "self" else np.inf
    kept = _spread(mean, calibration, most)
    keeps, earned = _keeps(model, product_row), _earned(model, product_row)
    return Expected(
        kept,
        None if keeps is None else _spread(mean / keeps, calibration, most),
        None if earned is None else Spread(kept.low * earned, kept.mid * earned, kept.high * earned),
    )


def quantiles(mean: float, spread: float) -> npt.NDArray[np.float64]:
    """The smallest counts that are not exceeded one time and nine times in ten; float64 (2,), whole numbers.

    Of a count with variance mean + spread · mean²; 0 for a mean of 0.
    """
    if mean <= 0:
        return np.zeros(len(ENDS))
    k = 1.0 / spread if spread > 0 else np.inf
    found = nbdtrik(ENDS, k, k / (k + mean)) if spread > 0 else pdtrik(ENDS, mean)
    return np.ceil(np.maximum(np.nan_to_num(found) - 1e-9, 0.0))


def _spread(mean: float, calibration: Calibration, most: float) -> Spread:
    low, high = np.minimum(quantiles(min(mean, most), calibration.spread), most)
    return Spread(float(low), min(mean, most), float(high))


def _keeps(model: Model, row: int) -> float | None:
    """P(an order of the product is kept), None where nothing tells."""
    if model.value is None or model.value.return_rate[row] < 0:
        return None
    return max(1.0 - float(model.value.return_rate[row]), LEAST_KEPT)


def _earned(model: Model, row: int) -> float | None:
    """What she earns by one kept order, in minor units."""
    price = int(model.products.price_minor[row])
    if model.commission is None or model.commission[row] < 0 or price == NO_PRICE:
        return None
    return float(model.commission[row]) * price
