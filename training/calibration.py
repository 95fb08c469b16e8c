"""Calibration: what a ranker's score stood for on shares that it had not learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import PoissonRegressor

from recsys.calibration import Calibration

SHARES_PER_STEP = 100  # shares whose mean is one point of the fit: the ends are no single lucky share
MAX_STEPS = 200
MIN_KEPT = 50  # kept orders below which nothing is fitted
BEYOND = 2.0  # how far in logarithms the line goes on past the best shares that were seen
N_BEYOND = 16

Floats = NDArray[np.float64]


def fit_calibration(score: NDArray[np.float32], n_kept: Floats, n_shares: Floats) -> Calibration | None:
    """The line from a score to kept orders per share; None where too little was kept to tell.

    score, n_kept, n_shares (n,): of pairs of owner and product, `n_kept` orders by `n_shares` shares.

    Means of runs of about 100 shares are made never-falling (isotonic regression), then each level stands at
    the mean score of what it was pooled from, so that the line rises between them (centred isotonic
    regression, Oron and Flournoy 2017). Past the best level, where picks lie, it goes on rising as the
    logarithm of the counts rose with the score (a Poisson fit), at most e² times as high.
    """
    if n_kept.sum() < MIN_KEPT:
        return None
    order = np.argsort(score, kind="stable")
    x, y, weight = _steps(score[order].astype(np.float64), n_kept[order], n_shares[order])
    level = IsotonicRegression(y_min=0.0).fit_transform(x, y, sample_weight=weight)
    levels, block = np.unique(level, return_inverse=True)
    mass = np.bincount(block, weights=weight)
    at = np.bincount(block, weights=x * weight) / mass
    slope = _poisson_slope(score.astype(np.float64), n_kept, n_shares)
    if slope > 0 and levels[-1] > 0:
        more = np.linspace(0, BEYOND, N_BEYOND + 1)[1:]
        at, levels = np.r_[at, at[-1] + more / slope], np.r_[levels, levels[-1] * np.exp(more)]
    knots = at.astype(np.float32)
    apart = np.r_[True, np.diff(knots) > 0]
    expected = levels.astype(np.float32)[apart]
    line = Calibration(knots[apart], expected)
    return Calibration(line.score, expected, _spread(line.expected_at(score), n_kept, n_shares))


def _steps(score: Floats, n_kept: Floats, n_shares: Floats) -> tuple[Floats, Floats, Floats]:
    """(mean score, kept orders per share, shares) of runs of about as many shares each."""
    n_steps = int(np.clip(n_shares.sum() / SHARES_PER_STEP, 2, MAX_STEPS))
    reached = np.cumsum(n_shares) - n_shares / 2
    step = np.minimum((reached / n_shares.sum() * n_steps).astype(np.int64), n_steps - 1)
    weight: Floats = np.bincount(step, weights=n_shares, minlength=n_steps).astype(np.float64)
    there = weight > 0
    sums = [np.bincount(step, weights=w, minlength=n_steps)[there] for w in (score * n_shares, n_kept)]
    return sums[0] / weight[there], sums[1] / weight[there], weight[there]


def _poisson_slope(score: Floats, n_kept: Floats, n_shares: Floats) -> float:
    """b of E[kept] = shares · exp(a + b · score), by maximum likelihood."""
    centre, scale = float(score.mean()), float(score.std())
    if scale <= 0:
        return 0.0
    line = PoissonRegressor(alpha=0.0)
    line.fit(((score - centre) / scale)[:, None], n_kept / n_shares, sample_weight=n_shares)
    return float(line.coef_[0]) / scale


def _spread(expected: NDArray[np.float32], n_kept: Floats, n_shares: Floats) -> float:
    """What counts vary more than by chance: Σ((kept − mean)² − mean) / Σ mean², 0 or more."""
    mean = expected.astype(np.float64) * n_shares
    above = float((np.square(n_kept - mean) - mean).sum())
    return max(above / float(np.square(mean).sum()), 0.0)
