"""What a usual share of each product brings: the calibrated ranker asked for some owners, drawn, in full."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys.model import Model
from recsys.pairs import Pairs
from recsys.ranking import score_pairs, scoring_of
from training.draws import rng_for

MAX_OWNERS, MIN_OWNERS = 32, 8
MAX_PAIRS = 1_600_000


def usual_kept(model: Model, seed: int) -> npt.NDArray[np.float32] | None:
    """float32 (n_products,): kept orders that one share is expected to bring, the mean over some owners.

    Over 32 owners, fewer in a large catalogue. None where nothing says what a score stands for.
    """
    calibration = model.calibrations.get("circle")
    n_owners = len(model.people.owners)
    if calibration is None or not n_owners:
        return None
    n_drawn = min(n_owners, max(MIN_OWNERS, min(MAX_OWNERS, MAX_PAIRS // model.n_products)))
    drawn = rng_for(seed, "usual share").choice(n_owners, n_drawn, replace=False)
    product = np.arange(model.n_products, dtype=np.int32)
    pairs = Pairs(np.zeros_like(product), product)
    total = np.zeros(model.n_products, dtype=np.float64)
    for owner in np.sort(drawn).astype(np.int32):
        total += calibration.expected_at(score_pairs(scoring_of(model, owner[None], "circle"), pairs))
    return (total / n_drawn).astype(np.float32)
