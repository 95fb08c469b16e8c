"""The chance that a member buys a product again in the next two weeks, by how long ago she bought it.

Products are used up at their own pace. So time is counted in medians of the product's own gaps; the chance
per median at each such age comes from all products together, and each product has a factor of its own,
shrunk towards 1 where little is known (a Gamma prior on a Poisson rate).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features.arrays import US_PER_DAY, weighted_median_of_rows
from features.columns.rebuy import RebuyGaps
from recsys.sparse import Csr
from training.inputs import Inputs

MIN_GAPS = 5  # completed gaps of a product before it has a pace
AHEAD_DAYS = 14.0
DUE_FROM, DUE_UNTIL = 0.7, 4.0  # medians since the last one: before, not used up; after, she moved on
EDGES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, np.inf])
PRIOR_EVENTS = 5.0

Doubles = npt.NDArray[np.float64]


def rebuy_chances(inputs: Inputs, gaps: RebuyGaps) -> Csr:
    """float32 CSR (n_members, n_products): P(bought again within 14 days), for what is due; else nothing."""
    bought, shape = inputs.purchases, (len(inputs.member_ids), inputs.n_products)
    median = median_gaps(gaps, inputs.n_products)
    if bought.last_time is None or inputs.as_of_us is None or not np.isfinite(median).any():
        return _empty(shape)
    pace = median[bought.product_row]
    open_days = (inputs.as_of_us - bought.last_time) / US_PER_DAY
    known = np.isfinite(pace)
    product, pace, age = bought.product_row[known], pace[known], open_days[known] / pace[known]
    done = np.isfinite(median[gaps.product_row])
    done_product, done_n = gaps.product_row[done], gaps.n[done].astype(np.float64)
    done_age = gaps.gap_days[done] / median[done_product]
    events = np.histogram(done_age, EDGES, weights=done_n)[0]
    exposure = _exposure(done_age, done_n) + _exposure(age, np.ones(len(age)))
    hazard = np.divide(events, exposure, out=np.zeros(len(events)), where=exposure > 0)
    expected = np.bincount(done_product, _cumulative(done_age, hazard) * done_n, minlength=shape[1])
    expected += np.bincount(product, _cumulative(age, hazard), minlength=shape[1])
    n_events = np.bincount(done_product, done_n, minlength=shape[1])
    factor = (n_events + PRIOR_EVENTS) / (expected + PRIOR_EVENTS)
    ahead = _cumulative(age + AHEAD_DAYS / pace, hazard) - _cumulative(age, hazard)
    chance = 1.0 - np.exp(-factor[product] * ahead)
    due = (age >= DUE_FROM) & (age <= DUE_UNTIL) & (chance > 0)
    cells = (bought.member_row[known][due], product[due])
    chances = sparse.coo_array((chance[due].astype(np.float32), cells), shape=shape)
    return sparse.csr_array(chances)


def _empty(shape: tuple[int, int]) -> Csr:
    indptr = np.zeros(shape[0] + 1, dtype=np.int32)
    return sparse.csr_array((np.zeros(0, dtype=np.float32), indptr[:0], indptr), shape=shape)


def median_gaps(gaps: RebuyGaps, n_products: int) -> Doubles:
    """The lower median gap of each product in days, float64 (n_products,); NaN below MIN_GAPS gaps."""
    total = np.bincount(gaps.product_row, gaps.n, minlength=n_products)
    median = np.full(n_products, np.nan)
    row, middle = weighted_median_of_rows(gaps.product_row, gaps.gap_days, gaps.n)
    median[row] = middle
    median[total < MIN_GAPS] = np.nan
    return median


def _exposure(age: Doubles, n: Doubles) -> Doubles:
    """Time at risk in each bin of age, in medians."""
    low, high = EDGES[:-1], EDGES[1:]
    return np.array([(n * np.clip(age - a, 0, b - a)).sum() for a, b in zip(low, high, strict=True)])


def _cumulative(age: Doubles, hazard: Doubles) -> Doubles:
    """The hazard summed up to each age."""
    edges = EDGES.copy()
    edges[-1] = 1e9
    height = np.concatenate([[0.0], np.cumsum(hazard * np.diff(edges))])
    found: Doubles = np.interp(age, edges, height)
    return found
