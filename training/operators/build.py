"""Which operators a model gets: the plan of the configuration, fitted on the graphs at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys.operators import GraphOperator, Operator, ProfileKind
from recsys.sparse import Csr
from recsys.threads import thread_count
from training.operators.embeddings import factors, spectral
from training.operators.graphs import ease, four_step_walk, two_step_walk

WALKS: dict[str, tuple[float, float, float] | None] = {
    "walk": (0.0, 0.5, 0.0),  # to the products of persons alike
    "filter": (0.5, 0.5, 0.5),  # the linear part of GF-CF
    "cosine": (0.5, 0.0, 0.5),
    "four_step": None,
}
MAX_FACTOR_ENTRIES = 2_000_000  # that embeddings are fitted on; products need no more to find their places


@dataclass(frozen=True, slots=True)
class OperatorPlan:
    """How operators are learned; see the configuration file for what each key means."""

    walks: tuple[str, ...] = ("walk", "filter", "four_step")
    walk_top_k: int = 200
    ease_regularization: float = 300.0
    ease_top_k: int = 400
    ease_max_products: int = 8_000
    spectral_factors: tuple[int, ...] = (16, 96)
    als_factors: tuple[int, ...] = (16, 64)
    als_alpha: tuple[float, ...] = (10.0, 10.0)
    als_regularization: tuple[float, ...] = (20.0, 40.0)
    als_iterations: int = 12


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A person × product matrix, float32 CSR, and which profiles are scored by what is learned on it."""

    profile: ProfileKind
    matrix: Csr


def build_operators(graphs: list[Graph], plan: OperatorPlan, seed: int) -> tuple[Operator, ...]:
    """Every operator of the plan on every graph, in a fixed order; names end in the kind of profile."""
    return tuple(operator for graph in graphs for operator in _operators_of(graph, plan, seed))


def _operators_of(graph: Graph, plan: OperatorPlan, seed: int) -> Iterator[Operator]:
    matrix, profile, n_threads = graph.matrix, graph.profile, thread_count()
    n_products = matrix.shape[1]
    for walk in plan.walks:
        powers = WALKS[walk]
        if powers is None and profile != "orders":
            continue  # a second walk over shares as well was measured to add nothing
        weights = (
            four_step_walk(matrix, plan.walk_top_k, n_threads)
            if powers is None
            else two_step_walk(matrix, powers, plan.walk_top_k, n_threads)
        )
        yield GraphOperator(f"{walk}_{profile}", profile, weights)
    if profile == "orders" and 0 < n_products <= plan.ease_max_products:
        weights = ease(matrix, plan.ease_regularization, plan.ease_top_k, n_threads)
        yield GraphOperator(f"ease_{profile}", profile, weights, length_power=0.0)
    # a person is told by what stands in her profile, so embeddings are of products alone
    matrix = of_some_persons(matrix, MAX_FACTOR_ENTRIES, seed)
    if plan.spectral_factors and min(matrix.shape) > max(plan.spectral_factors) and matrix.nnz:
        yield from spectral(matrix, profile=profile, sizes=plan.spectral_factors, out_power=0.0, seed=seed)
    if matrix.nnz:
        chosen = zip(plan.als_factors, plan.als_alpha, plan.als_regularization, strict=True)
        for n_factors, alpha, regularization in chosen:
            yield factors(
                matrix, name=f"als{n_factors}_{profile}", profile=profile, n_factors=n_factors, alpha=alpha,
                regularization=regularization, n_iterations=plan.als_iterations, seed=seed + n_factors,
            )  # fmt: skip


def of_some_persons(matrix: Csr, max_entries: int, seed: int) -> Csr:
    """The rows of persons drawn, whole and in their order, until they hold `max_entries`; all if no more.

    Time and memory of an embedding go with persons and entries, so this bounds both however large the world.
    """
    if matrix.nnz <= max_entries:
        return matrix
    length = np.diff(matrix.indptr)
    drawn = np.random.default_rng([seed, 41]).permutation(np.flatnonzero(length))
    taken = np.cumsum(length[drawn], dtype=np.int64) <= max_entries
    return sparse.csr_array(matrix[np.sort(drawn[taken])])
