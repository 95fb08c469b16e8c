"""Quality of every product as of the window's moment: read, fit to the past, combine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import lsq_linear

from features.columns.outcomes import Outcomes, outcomes
from features.expressions import SECONDS_PER_DAY
from features.window import Window
from recsys.quality import (
    DEFAULT_WEIGHTS,
    MIN_LINES_TO_FIT,
    Floats,
    Quality,
    Rate,
    group_prior,
    quality_of,
    rate_of,
)
from recsys.return_rate import ReturnEvidence, ReturnModel, marks_of, neighbour_rate, predicted, unfitted
from recsys.sparse import CsrView
from training.fit_returns import PastReturns, fit_returns

PAST_DAYS = (30, 60, 90)
MAX_WEIGHT = 3.0  # bad ends that one bad outcome of a kind may stand for
MIN_REBUY_RATE = 0.1  # a category is of consumables when so many buyers come back within the data
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Where rates are shrunk to: category_row, supplier_row and both, coarse to fine; the unit of size."""

    category_row: Rows
    supplier_row: Rows
    unit_quantity: Floats

    @property
    def levels(self) -> tuple[Rows, ...]:
        """Category, then supplier within category; a product without a supplier stays at its category."""
        pair = (
            self.category_row.astype(np.int64) * (int(self.supplier_row.max(initial=-1)) + 2)
            + self.supplier_row
        )
        _, dense = np.unique(pair, return_inverse=True)
        inside = np.where(self.supplier_row >= 0, dense, -1).astype(np.int32)
        return (self.category_row, inside)


@dataclass(frozen=True, slots=True, eq=False)
class FittedQuality:
    """Rates and quality of each product, with the weights behind them."""

    outcomes: Outcomes
    rates: Mapping[str, Rate]
    weights: Mapping[str, float]
    returns: ReturnModel
    quality: Quality


def fit_quality(window: Window, groups: Groups, graph: CsrView) -> FittedQuality | None:
    """The quality of every product; None where nothing tells of it: no times, or no outcome of any kind."""
    tables = ("returns", "complaints", "reviews")
    told = any(window.has(table) for table in tables) or window.has("orders", "delivered_time")
    if window.as_of_second is None or not told:
        return None
    now = outcomes(window)
    model, weights = unfitted(), dict(DEFAULT_WEIGHTS)
    if now.n_mature.sum() >= MIN_LINES_TO_FIT:
        pasts = [outcomes(window, window.as_of_second - days * SECONDS_PER_DAY) for days in PAST_DAYS]
        evidence = [return_evidence(past, groups, graph) for past in pasts]
        if window.has("returns"):
            followed = [
                PastReturns(e, now.n_lines - p.n_lines, np.maximum(now.n_returns - p.n_returns, 0))
                for e, p in zip(evidence, pasts, strict=True)
                if p.exposure.sum() >= MIN_LINES_TO_FIT
            ]
            model = fit_returns(followed, unfitted().strength)
        weights = fit_weights(pasts[0], evidence[0], now, groups, model)
    rates = rates_of(now, return_evidence(now, groups, graph), groups, model)
    return FittedQuality(now, rates, weights, model, quality_of(rates, weights))


def return_evidence(found: Outcomes, groups: Groups, graph: CsrView) -> ReturnEvidence:
    """What the return model reads, from the outcomes at a moment."""
    back = found.returned
    prior = group_prior(np.minimum(found.n_returns, found.exposure), found.exposure, groups.levels)
    price = found.log_price - np.log(groups.unit_quantity)
    priced = found.log_price > 0
    price = np.where(priced, price, price[priced].mean() if priced.any() else 0.0)
    moves = np.stack(
        [price, found.log_quantity, np.log(np.maximum(found.n_lines, 1.0)),
         neighbour_rate(graph, found.n_returns, found.exposure)],
        axis=1,
    )  # fmt: skip
    marks = marks_of(back.n_together, back.n_by_member, back.quantity, back.delay_days)
    return ReturnEvidence(prior, found.exposure, moves, back.product_row, marks)


def rates_of(
    found: Outcomes, evidence: ReturnEvidence, groups: Groups, model: ReturnModel
) -> dict[str, Rate]:
    """The posterior of every bad rate that the data tell of."""
    rates = {"returns": predicted(model, evidence)}
    counts = {
        "complaints": (found.complaints, found.exposure),
        "low_ratings": (found.low_weight, found.rating_weight),
        "late": (found.n_late, found.n_delivered),
        "no_rebuy": _missing_rebuys(found, groups),
    }
    for name, (bad, exposure) in counts.items():
        if exposure.sum() > 0 and bad.sum() > 0:
            rates[name] = rate_of(bad, exposure, groups.levels)
    return rates


def _missing_rebuys(found: Outcomes, groups: Groups) -> tuple[Floats, Floats]:
    """Buyers who did not come back, in categories where it is usual to."""
    n = int(groups.category_row.max(initial=-1)) + 1
    trials = np.bincount(groups.category_row, found.n_trials, n)
    again = np.bincount(groups.category_row, found.n_rebuys, n)
    usual = (again >= MIN_REBUY_RATE * np.maximum(trials, 1))[groups.category_row]
    return np.where(usual, found.n_trials - found.n_rebuys, 0.0), np.where(usual, found.n_trials, 0.0)


def fit_weights(
    past: Outcomes, evidence: ReturnEvidence, now: Outcomes, groups: Groups, model: ReturnModel
) -> dict[str, float]:
    """The weight of each rate, >= 0, that best tells the bad outcomes of the lines that followed.

    Least squares under the sign constraint over products, each by the lines that followed, shrunk to the
    defaults as by 2,000 lines; the defaults themselves where fewer followed, or where the past itself knew
    of fewer: rates that hardly differ yet would take any weight at all.
    """
    lines = now.exposure - past.exposure
    bad = (now.n_returns - past.n_returns) + (now.complaints - past.complaints)
    used = lines >= 1
    rates = rates_of(past, evidence, groups, model)
    names = [name for name in DEFAULT_WEIGHTS if name in rates]
    too_few = min(lines[used].sum(), past.exposure.sum()) < MIN_LINES_TO_FIT
    if too_few or not names or bad[used].sum() < 1:
        return dict(DEFAULT_WEIGHTS)
    # each part is told apart from its level: a constant rate of late deliveries explains nothing
    level = {name: float(np.average(rates[name].mean[used], weights=lines[used])) for name in names}
    columns = np.stack([rates[name].mean[used] for name in names], axis=1)
    share = np.clip(bad[used] / lines[used], 0, 1)
    noise = max(float(np.average(share, weights=lines[used])), 1e-3)
    scale = np.sqrt(lines[used] / noise)
    usual = np.array([DEFAULT_WEIGHTS[name] for name in names])
    spread = np.array([max(rates[name].mean[used].std(), 1e-6 + 0.01 * level[name]) for name in names])
    ridge = np.diag(spread * np.sqrt(MIN_LINES_TO_FIT / noise))
    found = lsq_linear(
        np.concatenate([columns * scale[:, None], ridge]), np.concatenate([share * scale, ridge @ usual]),
        bounds=(0.0, MAX_WEIGHT),
    )  # fmt: skip
    return dict(DEFAULT_WEIGHTS) | {name: float(w) for name, w in zip(names, found.x, strict=True)}
