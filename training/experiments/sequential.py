"""A test that may be looked at every day: its error holds for all looks together.

The mixture sequential probability ratio test with a normal mixture, as p-values and intervals that are always
valid (Johari, Koomen, Pekelis and Walsh 2022, "Always Valid Inference: Continuous Monitoring of A/B Tests",
after Robbins 1970). It rests on estimates that are nearly normal, whose later looks add to the earlier ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ALPHA = 0.05
MIN_CLUSTERS = 30  # of each policy, before its estimate is near enough to normal to be looked at


def log_likelihood_ratio(effect: Floats, error: Floats, mixture: Floats | float) -> Floats:
    """Log of the evidence against "no effect", (...); `mixture`: how large effects are expected, > 0."""
    variance, spread = np.square(error), np.square(mixture)
    both = variance + spread
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(0.5 * np.log(variance / both) + np.square(effect) * spread / (2 * variance * both))


def always_valid_p(effect: Floats, error: Floats, mixture: Floats | float) -> Floats:
    """P-values of looks in turn, the last axis; each is the least so far, 1 where nothing is known (NaN)."""
    evidence = log_likelihood_ratio(effect, error, mixture)
    p = np.where(np.isnan(evidence), 1.0, np.exp(-np.maximum(evidence, 0.0)))
    return np.asarray(np.minimum.accumulate(p, axis=-1))


def reach(error: Floats, mixture: Floats | float, alpha: float = ALPHA) -> Floats:
    """Half the width of the always valid interval around each look's estimate."""
    variance, spread = np.square(error), np.square(mixture)
    both = variance + spread
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(variance * both / spread * (np.log(both / variance) - 2 * np.log(alpha))))
