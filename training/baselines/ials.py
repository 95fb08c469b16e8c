"""iALS: implicit-feedback alternating least squares.

Hu, Koren & Volinsky, Collaborative filtering for implicit feedback datasets, ICDM 2008, by `implicit`.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys.threads import thread_count
from training.baselines.seam import Params, binary, seed_of
from training.baselines.vectors import Vectors

DEFAULTS = {"factors": 64, "regularization": 40.0, "alpha": 10.0, "iterations": 12}


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Vectors:
    """Alternates closed-form solutions; BLAS is held to one thread, as `implicit` brings its own."""
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=int(params["factors"]), regularization=float(params["regularization"]),
            alpha=float(params["alpha"]), iterations=int(params["iterations"]),
            random_state=seed_of(rng), num_threads=thread_count(),
        )  # fmt: skip
        model.fit(sp.csr_matrix(binary(matrix)), show_progress=False)
    return Vectors(np.asarray(model.user_factors), np.asarray(model.item_factors))
