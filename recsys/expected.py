"""What sharing a product is expected to bring: buyers, orders that are kept, and what she earns by them."""

from __future__ import annotations

from math import isnan

import numpy as np
import numpy.typing as npt
from scipy.special import nbdtrik, pdtrik

from recsys.domain import Expected, Spread, Target
from recsys.model import NO_PRICE, Model
from recsys.share_value import LEAST_KEPT

Floats = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

ENDS = (0.1, 0.9)  # eight times in ten the count lies between these quantiles


def expected_of(model: Model, target: Target, score: Floats, product: Rows) -> list[Expected | None]:
    """What picks of these scores are expected to bring; None where nothing says what a score stands for.

    score float32 (n_picks,), product int32 (n_picks,). `circle`: of one share. `self`: whether she orders it.
    buyers = kept / P(keeps), earnings = kept × commission × price of one piece; each None where the rate, the
    commission or the price is not known. The ends are quantiles of a negative binomial count (Poisson without
    spread).
    """
    calibration = model.calibrations.get(target)
    if calibration is None:
        return [None] * len(score)
    mean = calibration.expected_at(score).astype(np.float64)
    most = 1.0 if target == "self" else np.inf
    kept = _spreads(mean, calibration.spread, most)
    buyers = _spreads(mean / _keeps(model, product), calibration.spread, most)
    earnings = kept * _earned(model, product)[:, None]
    columns = (part.tolist() for part in (kept, buyers, earnings))
    return [
        Expected(Spread(*k), None if isnan(b[1]) else Spread(*b), None if isnan(e[1]) else Spread(*e))
        for k, b, e in zip(*columns, strict=True)
    ]


def quantiles(mean: Figures, spread: float) -> Figures:
    """The smallest counts that are not exceeded one time and nine times in ten, whole numbers.

    Of counts with these means, float64 (n,), and variance mean + spread · mean²; float64 (n, 2), 0 for a mean
    of 0.
    """
    at = mean[:, None]
    k = 1.0 / spread if spread > 0 else np.inf
    found = nbdtrik(ENDS, k, k / (k + at)) if spread > 0 else pdtrik(ENDS, at)
    counts: Figures = np.ceil(np.maximum(np.nan_to_num(found) - 1e-9, 0.0))
    return np.where(at > 0, counts, 0.0)


def _spreads(mean: Figures, spread: float, most: float) -> Figures:
    """Low end, middle and high end of each count, none over `most`: float64 (n, 3); NaN where the mean is."""
    middle = np.minimum(mean, most)
    ends = np.minimum(quantiles(middle, spread), most)
    return np.column_stack([ends[:, 0], middle, ends[:, 1]])


def _keeps(model: Model, product: Rows) -> Figures:
    """P(an order of each product is kept), float64; NaN where nothing tells."""
    if model.value is None:
        return np.full(len(product), np.nan)
    returned = model.value.return_rate[product].astype(np.float64)
    return np.where(returned >= 0, np.maximum(1.0 - returned, LEAST_KEPT), np.nan)


def _earned(model: Model, product: Rows) -> Figures:
    """What she earns by one kept order of each, in minor units, float64; NaN where nothing tells."""
    if model.commission is None:
        return np.full(len(product), np.nan)
    price, commission = model.products.price_minor[product], model.commission[product]
    known = (price != NO_PRICE) & (commission >= 0)
    return np.where(known, commission.astype(np.float64) * price, np.nan)
