"""Spectral low-pass (GF-CF): one smoothing step over products plus an ideal low-pass filter.

scores = r · (R̃ᵀR̃ + α · D^-½ V Vᵀ D^½), R̃ = D_person^-½ R D^-½, V its leading right singular vectors.
Shen et al., How powerful is graph convolution for recommendation?, CIKM 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from training.baselines.seam import Asked, Params, Scores, binary, buyers_per_product, seed_of

DEFAULTS = {"factors": 256, "alpha": 0.3}
_DENSE_ABOVE = 0.05  # share of filled cells from which a dense product is faster than a sparse one


@dataclass(frozen=True, slots=True)
class Spectral:
    """The smoothing step [n_products, n_products] and the low pass in two halves [n_products, d]."""

    smooth: sp.csr_array | NDArray[np.float32]
    low_in: Scores
    low_out: Scores
    alpha: float

    def scores(self, asked: Asked) -> Scores:
        """Smoothed history plus `alpha` times its low-pass part."""
        smoothed = asked.history @ self.smooth
        dense = smoothed.toarray() if sp.issparse(smoothed) else np.asarray(smoothed)
        low = (asked.history @ self.low_in) @ self.low_out.T
        return np.asarray(dense + self.alpha * low, dtype=np.float32)


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Spectral:
    """Normalises by degrees and takes the leading singular vectors, with a seeded randomised SVD."""
    n_persons, n_products = matrix.shape
    of_person = np.maximum(np.diff(matrix.indptr), 1).astype(np.float32)
    of_product = np.maximum(buyers_per_product(matrix), 1).astype(np.float32)
    normal = sp.csr_array(
        sp.diags_array(of_person**-0.5) @ binary(matrix) @ sp.diags_array(of_product**-0.5), dtype=np.float32
    )
    factors = max(1, min(int(params["factors"]), n_persons - 1, n_products - 1))
    _, _, right = randomized_svd(normal, factors, n_iter=4, random_state=seed_of(rng))
    vectors = np.asarray(right.T, dtype=np.float32)
    smooth = sp.csr_array(normal.T @ normal)
    filled = smooth.nnz / max(n_products, 1) ** 2
    return Spectral(
        smooth.toarray() if filled > _DENSE_ABOVE else smooth,
        vectors * of_product[:, None] ** -0.5, vectors * of_product[:, None] ** 0.5, float(params["alpha"]),
    )  # fmt: skip
