"""The seam of every baseline: `fit(matrix, rng, params) -> Fitted`, and `Fitted.scores(asked)`.

A baseline learns from one matrix, persons × products, of what was bought before the cut, and from nothing
else. `Asked` says for whom it scores: for `self` each row is one person, for `circle` one owner's circle, so
the same fitted state serves both targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.errors import SharepicksError

Scores = NDArray[np.float32]
Params = Mapping[str, Any]


class DoesNotFitError(SharepicksError):
    """A baseline cannot be fitted here (memory, divergence); the sentence says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom to score, one row each.

    `people` [n, n_persons]: whose taste is asked, with weights (self: one 1; circle: 1 for each member).
    `history` [n, n_products]: what those people bought; `circle_history` [n, n_products]: what her circle
    bought, for both targets. All CSR float32, from before the cut only.
    """

    people: sp.csr_array
    history: sp.csr_array
    circle_history: sp.csr_array

    @property
    def n(self) -> int:
        """How many rows are asked."""
        return self.history.shape[0]

    def rows(self, start: int, stop: int) -> Asked:
        """The same question for a slice of the rows."""
        return Asked(
            self.people[start:stop], self.history[start:stop], self.circle_history[start:stop]
        )  # fmt: skip


class Fitted(Protocol):
    """A baseline that has seen its training matrix."""

    def scores(self, asked: Asked) -> Scores:
        """Finite float32[n, n_products]; higher is better, comparable within a row only."""
        ...


class Fit(Protocol):
    """Learns a baseline; the same matrix, generator state and params give the same scores."""

    def __call__(self, matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> Fitted: ...


def buyers_per_product(matrix: sp.csr_array) -> NDArray[np.int64]:
    """How many persons bought each product: int64[n_products]."""
    n_products = matrix.shape[1]
    return np.bincount(matrix.indices, minlength=n_products).astype(np.int64)


def binary(matrix: sp.csr_array) -> sp.csr_array:
    """The same matrix with every stored value 1."""
    return sp.csr_array(
        (np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )


def seed_of(rng: np.random.Generator) -> int:
    """An int seed drawn from the generator, for libraries that take no generator."""
    return int(rng.integers(0, 2**31 - 1))
