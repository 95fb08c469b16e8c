"""What sharing a product is expected to bring: buyers, orders that are kept, and what she earns by them."""

from __future__ import annotations

from functools import lru_cache
from math import isnan

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammainccinv, nbdtrik, pdtrik

from recsys.domain import Expected, Spread, Target
from recsys.model import NO_PRICE, Model
from recsys.share_value import LEAST_KEPT

Floats = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

LONGEST_TABLE = 64  # counts up to which the ends are looked up
ENDS = (0.1, 0.9)  # eight times in ten the count lies between these quantiles


def expected_of(
    model: Model, target: Target, score: Floats, product: Rows, lift: Floats | None = None
) -> list[Expected | None]:
    """What picks of these scores are expected to bring; None where nothing says what a score stands for.

    score float32 (n_picks,), product int32 (n_picks,). `circle`: of one share. `self`: whether she orders it.
    `lift` float32 (n_picks,): how many times as many are kept in the scene and by the channel asked for.
    buyers = kept / P(keeps), earnings = kept × commission × price of one piece; each None where the rate, the
    commission or the price is not known. The ends are quantiles of a negative binomial count (Poisson without
    spread).
    """
    calibration = model.calibrations.get(target)
    if calibration is None:
        return [None] * len(score)
    mean = calibration.expected_at(score).astype(np.float64)
    mean = mean if lift is None else mean * lift
    most = 1.0 if target == "self" else np.inf
    both = _spreads(np.concatenate([mean, mean / _keeps(model, product)]), calibration.spread, most)
    kept, buyers = both[: len(mean)], both[len(mean) :]
    earnings = kept * _earned(model, product)[:, None]
    columns = (part.tolist() for part in (kept, buyers, earnings))
    return [
        Expected(Spread(*k), None if isnan(b[1]) else Spread(*b), None if isnan(e[1]) else Spread(*e))
        for k, b, e in zip(*columns, strict=True)
    ]


def expected_kept(
    model: Model, target: Target, mean: float, keeps: float | None, earned_minor: float | None
) -> Expected | None:
    """The same for one product of which so many kept orders are expected; None without a calibration.

    `keeps`: P(an order is kept), None unknown; `earned_minor`: what she earns by a kept order, None unknown.
    """
    calibration = model.calibrations.get(target)
    if calibration is None:
        return None
    most = 1.0 if target == "self" else np.inf
    means = [mean] if keeps is None else [mean, mean / max(keeps, LEAST_KEPT)]
    kept, *more = _spreads(np.array(means), calibration.spread, most).tolist()
    earned = None if earned_minor is None else Spread(*(end * earned_minor for end in kept))
    return Expected(Spread(*kept), Spread(*more[0]) if more else None, earned)


def quantiles(mean: Figures, spread: float) -> Figures:
    """The smallest counts that are not exceeded one time and nine times in ten, whole numbers.

    Of counts with these means, float64 (n,), and variance mean + spread · mean²; float64 (n, 2), 0 for a mean
    of 0 and for one that is not known (NaN).
    """
    mean = np.nan_to_num(mean)
    limits = _means_up_to_which(spread)
    found = np.column_stack([np.searchsorted(means, mean).astype(np.float64) for means in limits])
    beyond = (found == LONGEST_TABLE).any(axis=1)
    if beyond.any():
        at, k = mean[beyond, None], 1.0 / spread if spread > 0 else np.inf
        exact = nbdtrik(ENDS, k, k / (k + at)) if spread > 0 else pdtrik(ENDS, at)
        found[beyond] = np.ceil(np.maximum(exact - 1e-9, 0.0))
    return found


@lru_cache(maxsize=16)
def _means_up_to_which(spread: float) -> tuple[Figures, ...]:
    """For each end, the mean up to which a count of 0, 1, 2 … is enough; float64 (LONGEST_TABLE,), rising.

    P(count ≤ c) falls with the mean; it is the end's chance where the mean is one of these.
    """
    count = np.arange(LONGEST_TABLE) + 1.0
    if spread <= 0:
        return tuple(np.asarray(gammainccinv(count, end), dtype=np.float64) for end in ENDS)
    k = 1.0 / spread
    chances = [betaincinv(k, count, end) for end in ENDS]
    return tuple(k * (1.0 - chance) / chance for chance in chances)


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
