"""Fits the weights of the return model to what came back after past moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from recsys.quality import DEFAULT_STRENGTH, Floats
from recsys.return_rate import (
    MARKS,
    MOVES,
    ReturnEvidence,
    ReturnModel,
    standardised,
    unfitted,
)

RIDGE = 30.0
LEVEL_RIDGE = 1.0
MIN_RETURNS_TO_FIT = 200
MARK_BOUNDS = (-0.5, 0.0)  # one more return never counts for the product: 2 · 2^(-0.5 - 0.5) is still 1
MAX_RATE = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class PastReturns:
    """The evidence at a past moment, and per product the lines ordered and returned after it."""

    evidence: ReturnEvidence
    n_lines: Floats
    n_returns: Floats


def fit_returns(pasts: Sequence[PastReturns], strength: float = DEFAULT_STRENGTH) -> ReturnModel:
    """The model that makes what came back most likely, its weights ridged towards the plain shrunk rate.

    Binomial log-loss over the lines that followed; the plain rate itself where fewer than 200 came back.
    """
    start = unfitted(strength)
    if sum(past.n_returns.sum() for past in pasts) < MIN_RETURNS_TO_FIT:
        return start
    moves = np.concatenate([past.evidence.moves[past.n_lines > 0] for past in pasts])
    centre, scale = moves.mean(axis=0), moves.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    n_moves, n_marks = len(MOVES), len(MARKS)
    ready = [
        _Ready.of(past, ReturnModel(0, start.moves, centre, scale, strength, 0, start.marks))
        for past in pasts
    ]

    def loss(t: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
        level, by_move, log_k, weight, by_mark = _unpack(t, n_moves)
        total, slope = 0.0, np.zeros_like(t)
        for past in ready:
            value, part = past.loss(level, by_move, np.exp(log_k), weight, by_mark)
            total += value
            slope += part
        away = log_k - np.log(strength)
        total += RIDGE * float(by_move @ by_move + by_mark @ by_mark + weight**2 + away**2 / 4)
        total += LEVEL_RIDGE * level**2
        slope[0] += 2 * LEVEL_RIDGE * level
        slope[1 : 1 + n_moves] += 2 * RIDGE * by_move
        slope[1 + n_moves] += RIDGE * away / 2
        slope[2 + n_moves] += 2 * RIDGE * weight
        slope[3 + n_moves :] += 2 * RIDGE * by_mark
        return total, slope

    first = np.zeros(3 + n_moves + n_marks)
    first[1 + n_moves] = np.log(strength)
    # a dearer product is never taken for a better one
    bounds = [(-2.0, 2.0), (0.0, 1.0), *[(-1.0, 1.0)] * (n_moves - 1), (0.7, 8.0), (-2.0, 1.0)]
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[*bounds, *[MARK_BOUNDS] * n_marks])
    level, by_move, log_k, weight, by_mark = _unpack(found.x, n_moves)
    return ReturnModel(level, by_move, centre, scale, float(np.exp(log_k)), weight, by_mark)


def _unpack(t: npt.NDArray[Any], n_moves: int) -> tuple[float, Floats, float, float, Floats]:
    return float(t[0]), t[1 : 1 + n_moves], float(t[1 + n_moves]), float(t[2 + n_moves]), t[3 + n_moves :]


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A past with its moves standardised, only products that were ordered after it."""

    prior: Floats
    exposure: Floats
    moves: Floats
    at: npt.NDArray[np.int64]  # of each returned line
    marks: Floats
    n_lines: Floats
    n_back: Floats

    @staticmethod
    def of(past: PastReturns, model: ReturnModel) -> _Ready:
        evidence = past.evidence
        rows = np.flatnonzero(past.n_lines > 0)
        place = np.full(len(past.n_lines), -1)
        place[rows] = np.arange(len(rows))
        at = place[evidence.product_row]
        return _Ready(
            evidence.prior[rows], evidence.exposure[rows], standardised(model, evidence.moves)[rows],
            at[at >= 0], evidence.marks[at >= 0], past.n_lines[rows],
            np.minimum(past.n_returns, past.n_lines)[rows],
        )  # fmt: skip

    def loss(
        self, level: float, by_move: Floats, strength: float, weight: float, by_mark: Floats
    ) -> tuple[float, npt.NDArray[Any]]:
        """Summed log-loss and its slope."""
        mean = self.prior * np.exp(level + self.moves @ by_move)
        each = np.exp(weight + self.marks @ by_mark)
        back = np.bincount(self.at, each, len(mean))
        total = strength + self.exposure
        rate = (mean * strength + back) / total
        held = np.clip(rate, 1e-5, MAX_RATE)
        loss = -(self.n_back * np.log(held) + (self.n_lines - self.n_back) * np.log(1 - held)).sum()
        slope = -(self.n_back / held - (self.n_lines - self.n_back) / (1 - held)) * (held == rate)
        at_mean = slope * mean * strength / total
        at_each = (slope / total)[self.at] * each
        parts = [
            [at_mean.sum()], self.moves.T @ at_mean, [(slope * (mean - rate) * strength / total).sum()],
            [at_each.sum()], self.marks.T @ at_each,
        ]  # fmt: skip
        return float(loss), np.concatenate(parts)
