"""BPR: matrix factorisation that orders bought before not bought, by sampled pairs.

Rendle et al., Bayesian personalized ranking from implicit feedback, UAI 2009, by `implicit`, which draws its
negatives by popularity: it stays below the published MF-BPR figures, whose negatives are uniform.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.recommender_base import ModelFitError
from threadpoolctl import threadpool_limits

from training.baselines.seam import DoesNotFitError, Params, binary, seed_of
from training.baselines.vectors import Vectors

DEFAULTS = {
    "factors": 64, "learning_rate": 0.1, "regularization": 0.02, "iterations": 100,
    "max_draws": 20_000_000,
}  # fmt: skip
_TRIES = 4


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Vectors:
    """Stochastic descent in one thread: with several, the order of updates, so the result, would vary.

    One iteration draws each purchase once; `max_draws` bounds them all. Where the descent diverges it starts
    again with half the learning rate.
    """
    ones = sp.csr_matrix(binary(matrix))
    seed = seed_of(rng)
    iterations = max(1, min(int(params["iterations"]), int(params["max_draws"]) // max(ones.nnz, 1)))
    for attempt in range(_TRIES):
        with threadpool_limits(1, "blas"):
            model = BayesianPersonalizedRanking(
                factors=int(params["factors"]), learning_rate=float(params["learning_rate"]) / 2**attempt,
                regularization=float(params["regularization"]), iterations=iterations,
                random_state=seed, num_threads=1,
            )  # fmt: skip
            try:
                model.fit(ones, show_progress=False)
            except ModelFitError:
                continue
        return Vectors(np.asarray(model.user_factors), np.asarray(model.item_factors))
    raise DoesNotFitError(f"BPR diverged with each of {_TRIES} learning rates; left out")
