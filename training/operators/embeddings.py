"""Embeddings of products: a spectral low-pass filter and implicit-feedback factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from recsys.operators import FactorOperator, ProfileKind, ProjectionOperator
from recsys.sparse import Csr
from training.operators.graphs import degree_power, scale_columns, scale_rows, totals

Floats = npt.NDArray[np.float32]
POWER_ITERATIONS = 5


def spectral(
    matrix: Csr, *, profile: ProfileKind, sizes: Sequence[int], out_power: float, seed: int
) -> Iterator[ProjectionOperator]:
    """The low-pass filter of GF-CF (Shen et al. 2021): the strongest right singular vectors of the graph.

    One operator for each number of factors in `sizes`, all cut from one decomposition. matrix float32 CSR
    (n_persons, n_products), normalised to D_m^-½ X D_p^-½ first. A profile is projected by V · D_p^-½ and
    read back by V · D_p^out_power.
    """
    by_person, by_product = totals(matrix)
    damped = degree_power(by_product, -0.5)
    normal = scale_columns(scale_rows(matrix, degree_power(by_person, -0.5)), damped)
    widest = min(max(sizes), min(normal.shape) - 1)
    _, _, right = randomized_svd(normal, widest, n_iter=POWER_ITERATIONS, random_state=seed)
    vectors = right.T.astype(np.float32)  # (n_products, widest)
    read_back = degree_power(by_product, out_power)
    for size in sizes:
        strongest = vectors[:, :size]
        yield ProjectionOperator(
            f"spectral{size}_{profile}", profile, np.ascontiguousarray(strongest * damped[:, None]),
            np.ascontiguousarray(strongest * read_back[:, None]),
        )  # fmt: skip


def factors(
    matrix: Csr,
    *,
    name: str,
    profile: ProfileKind,
    n_factors: int,
    alpha: float,
    regularization: float,
    n_iterations: int,
    seed: int,
) -> FactorOperator:
    """Implicit-feedback factors (Hu, Koren, Volinsky 2008) by alternating least squares."""
    # implicit takes the value itself as the confidence: 1 + alpha · weight is the paper's
    confidence = sparse.csr_matrix(
        (1.0 + np.float32(alpha) * matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape
    )
    with threadpool_limits(1, "blas"):  # implicit runs threads of its own
        model = AlternatingLeastSquares(
            factors=n_factors, alpha=1.0, regularization=regularization, iterations=n_iterations,
            random_state=seed, use_gpu=False, dtype=np.float32,
        )  # fmt: skip
        model.fit(confidence, show_progress=False)
    product_out = np.ascontiguousarray(model.item_factors, dtype=np.float32)
    gram = product_out.T @ product_out
    return FactorOperator(name, profile, product_out, gram, alpha, regularization)
