"""The price of quality in each category, and a fair price out of fold."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import HuberRegressor

from recsys.quality import Floats

LEAST_PRICE_OF_QUALITY = 0.05
MOST_PRICE_OF_QUALITY = 2.0
USUAL_PRICE_OF_QUALITY = 0.3  # where there is too little to learn from
CATEGORY_PRIOR = 50.0  # products that the overall price of quality is worth
MIN_PRODUCTS = 30
MAX_FIT = 20_000
FOLDS = 5
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Hedonic:
    """Per product: `price_of_quality` λ of its category, and `fair_price` by the unit (NaN: none)."""

    price_of_quality: Floats
    fair_price: Floats


def fit_hedonic(
    unit_price: Floats, quality: Floats, quantity: Floats, group: Rows, rng: np.random.Generator
) -> Hedonic:
    """Robust regression within groups of log unit price on logit quality and log size, in five folds.

    A fold's products never set their own fair price. λ is the category's own slope, shrunk to the overall
    one as by 50 products and kept between 0.05 and 2: quality never has a negative price.
    """
    n = len(unit_price)
    fair = np.full(n, np.nan)
    lambdas = np.full(n, USUAL_PRICE_OF_QUALITY)
    used = np.flatnonzero(np.isfinite(unit_price) & (unit_price > 0) & np.isfinite(quality))
    if len(used) < MIN_PRODUCTS:
        return Hedonic(lambdas, fair)
    y = np.log(unit_price[used])
    x = np.stack([np.log(quality[used]) - np.log1p(-quality[used]), np.log(quantity[used])], axis=1)
    groups = group[used]
    fold = rng.permutation(len(used)) % FOLDS
    for number in range(FOLDS):
        away = fold != number
        centre_y, centre_x = _centres(y, x, groups, away)
        slope = _slopes((x - centre_x)[away], (y - centre_y)[away], rng)
        inside = ~away
        fair[used[inside]] = np.exp(centre_y + (x - centre_x) @ slope)[inside]
    everyone = np.ones(len(used), dtype=bool)
    centre_y, centre_x = _centres(y, x, groups, everyone)
    overall = _slopes(x - centre_x, y - centre_y, rng)
    rest = y - centre_y - (x - centre_x)[:, 1] * overall[1]
    lambdas[:] = np.clip(overall[0], LEAST_PRICE_OF_QUALITY, MOST_PRICE_OF_QUALITY)
    lambdas[used] = _by_category(rest, (x - centre_x)[:, 0], groups, float(lambdas[0]))
    return Hedonic(lambdas, fair)


def _by_category(rest: Floats, quality: Floats, groups: Rows, overall: float) -> Floats:
    n = int(groups.max()) + 1
    limit = 2 * np.median(np.abs(rest)) + 1e-9
    weight = np.minimum(1.0, limit / np.maximum(np.abs(rest), 1e-12))  # as Huber: a stray price pulls less
    prior = CATEGORY_PRIOR * float((quality**2).mean())
    top = np.bincount(groups, weight * quality * rest, n) + prior * overall
    bottom = np.bincount(groups, weight * quality**2, n) + prior
    slope = top / np.maximum(bottom, 1e-12)
    return np.asarray(np.clip(slope, LEAST_PRICE_OF_QUALITY, MOST_PRICE_OF_QUALITY)[groups])


def _centres(y: Floats, x: Floats, groups: Rows, kept: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Each product's group mean of y and x over the kept, shrunk a little to the overall one."""
    n = int(groups.max()) + 1
    count = np.bincount(groups[kept], minlength=n) + 1.0
    columns = np.column_stack([y, x])
    overall = columns[kept].mean(axis=0)
    means = np.stack(
        [
            (np.bincount(groups[kept], columns[kept, c], n) + overall[c]) / count
            for c in range(columns.shape[1])
        ],
        axis=1,
    )
    return means[groups, 0], means[groups, 1:]


def _slopes(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    if len(y) > MAX_FIT:
        some = rng.choice(len(y), MAX_FIT, replace=False)
        x, y = x[some], y[some]
    scale = x.std(axis=0)
    varied = scale > 1e-6
    slope = np.zeros(x.shape[1])
    if not varied.any() or y.std() < 1e-9:
        return slope
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a slope found to fewer digits serves as well
        found = HuberRegressor(max_iter=200, alpha=1e-4).fit(x[:, varied] / scale[varied], y)
    slope[varied] = found.coef_ / scale[varied]
    return slope
