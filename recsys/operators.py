"""Operators: what turns a profile (products with weights) into a score for every product.

Each was fitted by `training` on the person × product graph and is linear or nearly so in the profile, so the
same operator serves a person's own taste, her circle's, and a profile that grew a second ago.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recsys.sparse import Csr, rows_of, with_values

Floats = npt.NDArray[np.float32]
ProfileKind = Literal["orders", "evidence"]  # evidence: orders and shares together

WALKED_OWNERS, WALKED_VALUES = 16, 2_000_000  # owners, and cells of their scores, that are summed together
MAX_PROFILE_FOR_SOLVE = 512  # products of one profile that a factor solve looks at, heaviest first


@dataclass(frozen=True, slots=True, eq=False)
class GraphOperator:
    """Sparse product → product weights: score = profile · weights.

    weights: float32 CSR (n_products, n_products), row = a product of the profile. `length_power` p divides
    a profile's sums by (sum of its weights)^p, so that long profiles do not outshout short ones.
    """

    name: str
    profile: ProfileKind
    weights: Csr
    length_power: float = 0.5

    def scores(self, profiles: Csr) -> Floats:
        """float32 (n, n_products)."""
        return self.walked(scaled(profiles, self.length_power))

    def walked(self, profiles: Csr) -> Floats:
        """As `scores`, for profiles that are scaled already.

        Gathers rows and sums them by product: for one owner a quarter of the time of a sparse product, and
        bit by bit the same whoever else stands in the chunk.
        """
        n_owners, n_products = profiles.shape[0], self.weights.shape[1]
        table = np.empty((n_owners, n_products), dtype=np.float32)
        step = max(1, min(WALKED_OWNERS, WALKED_VALUES // max(1, n_products)))
        for start in range(0, n_owners, step):
            bounds = profiles.indptr[start : start + step + 1]
            table[start : start + step] = self._summed(profiles, bounds)
        return table

    def _summed(self, profiles: Csr, bounds: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Sums of the weighted rows of a few owners, float64 (n_owners, n_products)."""
        span = slice(bounds[0], bounds[-1])
        products, weight = profiles.indices[span], profiles.data[span]
        starts = self.weights.indptr[products].astype(np.int64)
        lengths = self.weights.indptr[products + 1] - starts
        before = np.cumsum(lengths) - lengths
        place = np.repeat(starts - before, lengths)
        place += np.arange(len(place))
        n_owners, n_products = len(bounds) - 1, self.weights.shape[1]
        cell = self.weights.indices[place]
        if n_owners > 1:
            owner = np.repeat(np.arange(n_owners), bounds[1:] - bounds[:-1])
            cell = np.repeat(owner * n_products, lengths) + cell
        value = self.weights.data[place] * np.repeat(weight, lengths)
        sums: Any = np.bincount(cell, weights=value, minlength=n_owners * n_products)
        found: npt.NDArray[np.float64] = sums.reshape(n_owners, n_products)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionOperator:
    """A linear embedding: vector = profile · product_in, score = vector · product_out.

    product_in, product_out: float32 (n_products, n_factors).
    """

    name: str
    profile: ProfileKind
    product_in: Floats
    product_out: Floats
    length_power: float = 0.5

    def vectors(self, profiles: Csr) -> Floats:
        """float32 (n, n_factors)."""
        return self.projected(scaled(profiles, self.length_power))

    def projected(self, profiles: Csr) -> Floats:
        """As `vectors`, for profiles that are scaled already."""
        return np.asarray(profiles @ self.product_in, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FactorOperator:
    """Implicit-feedback factors (Hu, Koren, Volinsky 2008): the vector solves a ridge regression.

    product_out Y: float32 (n_products, n_factors); gram = YᵀY float32 (n_factors, n_factors). A profile's
    vector is (YᵀY + alpha · Σ w y yᵀ + regularization · I)⁻¹ Σ (1 + alpha · w) y over its products.
    """

    name: str
    profile: ProfileKind
    product_out: Floats
    gram: Floats
    alpha: float
    regularization: float

    def vectors(self, profiles: Csr) -> Floats:
        """float32 (n, n_factors); zeros for an empty profile."""
        n_factors = self.product_out.shape[1]
        ridge = self.gram + np.float32(self.regularization) * np.eye(n_factors, dtype=np.float32)
        found = np.zeros((profiles.shape[0], n_factors), dtype=np.float32)
        left = np.empty((profiles.shape[0], n_factors, n_factors), dtype=np.float32)
        for row in range(profiles.shape[0]):
            span = slice(profiles.indptr[row], profiles.indptr[row + 1])
            products, weights = profiles.indices[span], self.alpha * profiles.data[span]
            if len(products) > MAX_PROFILE_FOR_SOLVE:
                heaviest = np.argsort(-weights, kind="stable")[:MAX_PROFILE_FOR_SOLVE]
                products, weights = products[heaviest], weights[heaviest]
            vectors = self.product_out[products]
            left[row] = ridge + (vectors * weights[:, None]).T @ vectors
            found[row] = (1.0 + weights) @ vectors
        return np.linalg.solve(left, found[:, :, None])[:, :, 0].astype(np.float32)


EmbeddingOperator = ProjectionOperator | FactorOperator
Operator = GraphOperator | EmbeddingOperator


def scaled(profiles: Csr, length_power: float) -> Csr:
    """The profiles with each row divided by (sum of its weights)^length_power; empty rows stay empty."""
    if length_power == 0.0:
        return profiles
    totals = row_sums(profiles)
    factors = np.where(totals > 0, np.maximum(totals, 1e-12) ** -length_power, 0.0).astype(np.float32)
    return with_values(profiles, profiles.data * factors[rows_of(profiles)])


def row_sums(matrix: Csr) -> Floats:
    """Sum of each row, float32 (n)."""
    return np.bincount(rows_of(matrix), weights=matrix.data, minlength=matrix.shape[0]).astype(np.float32)
