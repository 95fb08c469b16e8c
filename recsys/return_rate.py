"""What part of the next orders of a product will come back: evidence weighed by what it told before.

rate = (prior · strength + Σ weight of each returned line) / (strength + exposure)

The prior is the group's rate, moved by what is known of the product; a returned line weighs less where a
member sent back a whole delivery, sends back a lot, took it back the same day, or returned many pieces:
then it tells more of her than of the product. The weights are fitted by `training` to what came back next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.quality import DEFAULT_STRENGTH, Floats, Rate, rate_from
from recsys.sparse import CsrView

MOVES = ("log_price", "log_quantity", "log_lines", "neighbours")
MARKS = ("log_together", "log_by_member", "log_quantity", "same_day")
NEIGHBOUR_LINES = 5.0  # how many lines at the average rate stand against what the neighbours say
MAX_MOVE = 3.0  # standardised; a product unlike any that was learned from moves no further


@dataclass(frozen=True, slots=True, eq=False)
class ReturnModel:
    """Fitted weights: of `MOVES` on the log of the prior, of `MARKS` on the log of a returned line's weight.

    `centre` and `scale` standardise the moves. The unfitted model is the plain shrunk rate.
    """

    level: float
    moves: Floats
    centre: Floats
    scale: Floats
    strength: float
    weight: float
    marks: Floats


def unfitted(strength: float = DEFAULT_STRENGTH) -> ReturnModel:
    """The plain shrunk rate: nothing moves the prior, every return counts in full."""
    zeros = np.zeros(len(MOVES))
    return ReturnModel(0.0, zeros, zeros, np.ones(len(MOVES)), strength, 0.0, np.zeros(len(MARKS)))


@dataclass(frozen=True, slots=True, eq=False)
class ReturnEvidence:
    """What the model reads of each product and of each returned line.

    prior, exposure (n_products,); moves (n_products, 4); product_row, marks (n_returns, 4).
    """

    prior: Floats
    exposure: Floats
    moves: Floats
    product_row: npt.NDArray[np.int32]
    marks: Floats


def marks_of(together: Floats, by_member: Floats, quantity: Floats, delay_days: Floats) -> Floats:
    """(n_returns, 4): what tells of each returned line how much it says about its product."""
    columns = [np.log(together), np.log(by_member), np.log(quantity), (delay_days <= 1.0).astype(float)]
    return np.stack(columns, axis=1) if len(together) else np.zeros((0, len(MARKS)))


def neighbour_rate(graph: CsrView, n_returns: Floats, exposure: Floats) -> Floats:
    """log of the rate among the products bought by the same people over the overall one; 0 without any.

    Each neighbour's count is damped as by `DEFAULT_STRENGTH` lines, so that no bestseller speaks for all.
    """
    total = max(exposure.sum(), 1.0)
    base = max(n_returns.sum() / total, 1e-6)
    damp = 1 / (1 + exposure / DEFAULT_STRENGTH)
    rows = np.repeat(np.arange(len(exposure)), np.diff(graph.indptr))
    weight = np.asarray(graph.data, dtype=np.float64)
    sums = np.bincount(rows, weight, len(exposure))
    weight = weight / np.maximum(sums[rows], 1e-12)
    back = np.bincount(rows, weight * (n_returns * damp)[graph.indices], len(exposure))
    lines = np.bincount(rows, weight * (exposure * damp)[graph.indices], len(exposure))
    rate = (back + NEIGHBOUR_LINES * base) / (lines + NEIGHBOUR_LINES)
    return np.asarray(np.log(rate / base))


def standardised(model: ReturnModel, moves: Floats) -> Floats:
    """The moves in units of their scale, clipped."""
    return np.asarray(np.clip((moves - model.centre) / model.scale, -MAX_MOVE, MAX_MOVE))


def predicted(model: ReturnModel, evidence: ReturnEvidence) -> Rate:
    """The posterior of each product's rate of return."""
    prior = evidence.prior * np.exp(model.level + standardised(model, evidence.moves) @ model.moves)
    prior = np.clip(prior, 1e-5, 0.5)
    weight = np.exp(model.weight + evidence.marks @ model.marks)
    back: npt.NDArray[Any] = np.bincount(evidence.product_row, weight, len(prior))
    return rate_from(back, evidence.exposure, prior, model.strength)
