"""Popular: the same list for everybody, by the number of persons who bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from training.baselines.seam import Asked, Params, Scores, buyers_per_product

DEFAULTS: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Popular:
    """Buyers per product: float32[n_products]."""

    n_buyers: Scores

    def scores(self, asked: Asked) -> Scores:
        """Buyers of each product, alike for every row."""
        return np.tile(self.n_buyers, (asked.n, 1))


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Popular:
    """Counts persons per product."""
    return Popular(buyers_per_product(matrix).astype(np.float32))
