"""What matrix factorisations share: a vector for each person and each product, scored by dot product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.baselines.seam import Asked, Scores


@dataclass(frozen=True, slots=True)
class Vectors:
    """float32[n_persons, d] and float32[n_products, d]."""

    persons: Scores
    products: Scores

    def scores(self, asked: Asked) -> Scores:
        """Dot products; a circle is the sum of its members' vectors."""
        return np.asarray((asked.people @ self.persons) @ self.products.T, dtype=np.float32)
