"""EASE: a linear product-to-product model in closed form.

B = I - P · diag(1 / diag(P)) with P = (XᵀX + λI)⁻¹. Steck, Embarrassingly shallow autoencoders, WWW 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from training.baselines.seam import Asked, DoesNotFitError, Params, Scores, binary

DEFAULTS = {"l2": 300.0, "max_products": 12_000}


@dataclass(frozen=True, slots=True)
class Ease:
    """Weights from bought product to scored product: float32[n_products, n_products]."""

    weights: Scores

    def scores(self, asked: Asked) -> Scores:
        """History times weights."""
        return np.asarray(asked.history @ self.weights, dtype=np.float32)


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Ease:
    """Inverts the regularised Gram matrix; DoesNotFitError above `max_products`."""
    n_products = matrix.shape[1]
    limit = int(params["max_products"])
    if n_products > limit:
        needed_mb = n_products**2 * 8 // 1_000_000
        raise DoesNotFitError(
            f"EASE inverts a matrix of {n_products:,} x {n_products:,} products ({needed_mb:,} MB); "
            f"left out above {limit:,} products"
        )
    ones = binary(matrix)
    gram = np.asfortranarray((ones.T @ ones).toarray(), dtype=np.float64)
    gram[np.diag_indices(n_products)] += float(params["l2"])
    inverse = _inverse_of_positive(gram)
    weights = inverse / -np.diag(inverse)[None, :]
    weights[np.diag_indices(n_products)] = 0.0
    return Ease(np.ascontiguousarray(weights, dtype=np.float32))


def _inverse_of_positive(
    gram: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Inverse by Cholesky, in place: half the work of a general inverse."""
    factor, failed = scipy.linalg.lapack.dpotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise ValueError(f"EASE: the Gram matrix is not positive definite (minor {failed}); raise l2")
    inverse, failed = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse, -1)
    return np.asarray(lower + lower.T + np.diag(np.diag(inverse)))
