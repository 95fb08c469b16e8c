"""The circuit breaker: a burst of bad endings blocks a product for everybody until its posterior recovers.

What counts is the newest 14 days: orders that went badly there (sent back for what may be the product's
fault, complained of, or reviewed with 2 stars or less by who bought them), each member once, over the
exposure: order lines by the part of all bad endings that usually falls into those days at their age. The rate
of bad endings is

    Gamma(prior lines · usual + n_bad,  prior lines + exposure)

and a product is blocked when P(rate > limit) reaches the threshold. Everything is a function of the evidence
as of a moment: computed again later, or with one more event, it blocks or releases by itself. What has ended
badly for long is not a burst and is closed by the floor of quality. Arrays have one entry per product.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
NEVER = -1

ARRAYS = ("n_bad", "exposure", "usual", "n_lines", "n_returns", "n_complaints", "n_low_ratings", "first_us")


@dataclass(frozen=True, slots=True)
class Plan:
    """When a product is blocked; what each was measured to give stands in docs/trust.md."""

    days: int = 14  # the newest days, which alone count
    times_usual: float = 2.5  # the limit: so many times as bad as is usual in the category …
    least_limit: float = 0.1  # … and never below this
    threshold: float = 0.95  # P(rate > limit) at which it is blocked
    prior_lines: float = 5.0  # lines that the category's usual rate is worth
    least_bad: int = 3  # members with a bad ending, below which nothing is blocked


PLAN = Plan()


@dataclass(frozen=True, slots=True)
class Posterior:
    """Gamma(shape, lines) of the rate of bad endings; floats or arrays alike."""

    shape: Any
    lines: Any

    @property
    def mean(self) -> Any:
        """The expected rate."""
        return self.shape / self.lines

    def chance_over(self, limit: Any) -> Any:
        """P(rate > limit)."""
        return gammaincc(self.shape, limit * self.lines)


def posterior(n_bad: Any, exposure: Any, usual: Any, plan: Plan = PLAN) -> Posterior:
    """The rate of bad endings after so many of them over that exposure; `usual` is the category's rate."""
    return Posterior(plan.prior_lines * usual + n_bad, plan.prior_lines + exposure)


def limit_of(usual: Any, plan: Plan = PLAN) -> Any:
    """The rate above which a product may not be."""
    return np.maximum(plan.times_usual * usual, plan.least_limit)


def blocked(n_bad: Any, exposure: Any, usual: Any, plan: Plan = PLAN) -> Any:
    """Whether the evidence blocks a product: bool, or an array of them."""
    chance = posterior(n_bad, exposure, usual, plan).chance_over(limit_of(usual, plan))
    return (chance >= plan.threshold) & (np.asarray(n_bad) >= plan.least_bad)


@dataclass(frozen=True, eq=False)
class Bursts:
    """The evidence of the newest days for every product, as of a moment.

    int32: n_bad (members whose order went badly), n_lines (order lines the exposure is made of), and of the
    bad endings n_returns, n_complaints, n_low_ratings (an order may count in several). float64: exposure
    (lines), usual (the category's rate). int64: first_us, when the first of them happened (-1: none).
    """

    n_bad: npt.NDArray[np.int32]
    exposure: Floats
    usual: Floats
    n_lines: npt.NDArray[np.int32]
    n_returns: npt.NDArray[np.int32]
    n_complaints: npt.NDArray[np.int32]
    n_low_ratings: npt.NDArray[np.int32]
    first_us: npt.NDArray[np.int64]

    @cached_property
    def blocked(self) -> Mask:
        """Which products are blocked."""
        found = np.zeros(len(self.n_bad), dtype=bool)
        rows = np.flatnonzero(self.n_bad >= PLAN.least_bad)  # few: the posterior of all takes a second
        found[rows] = blocked(self.n_bad[rows], self.exposure[rows], self.usual[rows])
        return found

    def with_bad(self, row: int) -> Bursts:
        """The evidence after one more member's order of a product went badly."""
        n_bad = np.array(self.n_bad)
        n_bad[row] += 1
        return replace(self, n_bad=n_bad)
