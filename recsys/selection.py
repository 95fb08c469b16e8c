"""From scored candidates to the order of a list: expected good value first, commission inside its band.

Expected good value is laid on a ladder whose rungs are a band apart: rung = ⌊ln(worth) / ln(1 + band)⌋. A
list stands by rung; within one rung the higher commission stands first. Two products of one rung differ by
less than the band, so no product ever stands above another whose worth is more than the band higher, however
long the list: "within the band of each other" is not transitive, sharing a rung is (docs/decisions/0009).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys.list_rules import ListRules

if TYPE_CHECKING:
    from recsys.domain import Target
    from recsys.model import Model

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]
Questions = npt.NDArray[np.int8]
Order = npt.NDArray[np.int64]

BY_SCORE = "by_score"  # a setting that only an evaluation makes: the same gates, the ranker's order
NARROWER = 1.0 - 1e-6  # rungs are a hair narrower than the band, so that rounding breaks no law


def ranks_by_worth(model: Model, target: Target) -> bool:
    """Whether lists for this target stand by expected good value; else the ranker alone decides."""
    return target == "circle" and model.value is not None and not model.settings.get(BY_SCORE)


def worth_of(
    model: Model, target: Target, owner: Rows, product: Rows, score: Floats, deeper: Questions,
    lift: Floats | None = None,
) -> Floats:  # fmt: skip
    """Expected good value of each pair if she shares it once, float32 (n_pairs,), never under 0.

    Without a calibration e^(score − her best) stands for the kept orders: it compares within one owner only,
    as the scores do. `deeper` int8 (n_pairs,): the question that found each pair; what only a deeper question
    finds is worth at most what stands above it. `lift` float32 (n_pairs,): of kept orders in the scene.
    """
    calibration = model.calibrations.get(target)
    kept = relative_to_best(owner, score) if calibration is None else calibration.expected_at(score)
    kept = kept if lift is None else kept * lift
    worth: Floats = np.maximum(kept * model.gain[product], 0).astype(np.float32)
    for question in range(1, int(deeper.max(initial=0)) + 1):
        lowest = np.full(int(owner.max(initial=0)) + 1, np.inf, dtype=np.float32)
        before, now = deeper < question, deeper == question
        np.minimum.at(lowest, owner[before], worth[before])
        worth[now] = np.minimum(worth[now], lowest[owner[now]])
    return worth


def order_of(
    owner: Rows, worth: Floats, score: Floats, product: Rows, commission: Floats | None, rules: ListRules,
    deeper: Questions | None = None,
) -> Order:  # fmt: skip
    """How the pairs of a chunk stand, best first within each owner; int64 (n_pairs,).

    commission float32 (n_pairs,), any unit, or None. Where a rung says nothing, worth decides, then the
    score, then the smaller product. What is worth nothing stands by score: no commission lifts it.
    """
    keys: list[npt.NDArray[Any]] = [product, -score, -worth]
    if commission is not None:
        keys += [np.where(worth > 0, -commission, 0), -rungs_of(worth, rules.commission_band)]
    keys += [owner] if deeper is None else [deeper, owner]
    return np.lexsort(keys)


def rungs_of(worth: Floats, band: float) -> Order:
    """The rung of each worth, int64; a band of 0 gives every worth a rung of its own."""
    exact = worth.astype(np.float64)
    if band <= 0:
        return np.unique(exact, return_inverse=True)[1].reshape(exact.shape).astype(np.int64)
    with np.errstate(divide="ignore"):
        height = np.floor(np.log(exact) / (np.log1p(band) * NARROWER))
    return np.where(exact > 0, np.maximum(height, -1e9), -1e12).astype(np.int64)


def relative_to_best(owner: Rows, score: Floats) -> Floats:
    """e^(score − her best) of each pair, float32: compares within one owner only, as scores do."""
    best = np.full(int(owner.max(initial=0)) + 1, -np.inf, dtype=np.float32)
    np.maximum.at(best, owner, score)
    found: Floats = np.exp(score - best[owner]).astype(np.float32)
    return found
