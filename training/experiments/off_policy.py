"""What a candidate policy would have brought, from the log of another one that drew its picks.

Three estimates of the mean reward of one place: inverse propensity (Horvitz and Thompson 1952),
self-normalised (Swaminathan and Joachims 2015) and doubly robust (Dudík, Langford and Li 2011). A place's
reward is taken not to depend on what stands in the other places (the item-position model of Li et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.errors import DataError
from training.experiments.clustered import Estimate, ratio

Floats = NDArray[np.float64]
MIN_EFFECTIVE = 100.0  # impressions that as many equally weighted ones would be worth
MIN_COVERED = 0.95  # of what the candidate shows, the part that the log could have shown


@dataclass(frozen=True, slots=True, eq=False)
class PolicyLog:
    """One entry per impression, all (n,).

    `reward`; `propensity` in (0, 1]: the chance with which the log showed this product in this place;
    `candidate` in [0, 1]: the candidate's chance of the same; `cluster`: what was assigned together;
    `predicted`: a model's reward of what was shown, `predicted_candidate`: its mean over what the candidate
    would show in that place. The model must not have seen these rewards.
    """

    reward: Floats
    propensity: Floats
    candidate: Floats
    cluster: NDArray[np.int64]
    predicted: Floats
    predicted_candidate: Floats


@dataclass(frozen=True, slots=True, eq=False)
class OffPolicy:
    """The three estimates, how many impressions they rest on, and the part of the candidate covered."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    n_effective: float
    covered: Estimate


def off_policy(log: PolicyLog) -> OffPolicy:
    """The candidate's mean reward per impression; DataError when the log can tell too little of it."""
    _refuse_impossible(log)
    weight = log.candidate / log.propensity
    _, cluster = np.unique(log.cluster, return_inverse=True)
    n_clusters = int(cluster.max()) + 1

    def summed(values: Floats) -> Floats:
        return np.bincount(cluster, weights=values, minlength=n_clusters).astype(np.float64)

    n, weights = summed(np.ones_like(weight)), summed(weight)
    rewards = summed(weight * log.reward)
    corrected = summed(log.predicted_candidate + weight * (log.reward - log.predicted))
    found = OffPolicy(
        ips=ratio(rewards, n), snips=ratio(rewards, weights), doubly_robust=ratio(corrected, n),
        n_effective=effective_size(weight), covered=ratio(weights, n),
    )  # fmt: skip
    _refuse_little_overlap(found)
    return found


def effective_size(weight: Floats) -> float:
    """How many equal weights would be worth as much (Kish 1965); 0 where all are 0."""
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _refuse_impossible(log: PolicyLog) -> None:
    if not len(log.reward):
        raise DataError("the log holds no impression with a propensity; log it with each pick that is shown")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise DataError(
            f"propensity must be above 0 and at most 1; got {np.min(log.propensity)} at the least"
        )
    if not ((log.candidate >= 0) & (log.candidate <= 1)).all():
        raise DataError("the candidate's chances must be from 0 to 1; check how they were computed")


def _refuse_little_overlap(found: OffPolicy) -> None:
    covered, high = float(found.covered.value), float(found.covered.high)
    if not high >= MIN_COVERED:
        raise DataError(
            f"the log could have shown only {covered:.0%} (at most {high:.0%}) of what the candidate shows, "
            f"and {MIN_COVERED:.0%} is needed: run an experiment, or draw more places (exploration_slots)"
        )
    if found.n_effective < MIN_EFFECTIVE:
        raise DataError(
            f"the log is worth {found.n_effective:.0f} impressions of the candidate and {MIN_EFFECTIVE:.0f} "
            "are needed: wait for more, or run an experiment"
        )
