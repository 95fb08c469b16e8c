"""Operators against their formulas, worked with dense arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recsys.operators import FactorOperator
from training.operators import build
from training.operators.build import Graph, OperatorPlan, build_operators, of_some_persons
from training.operators.embeddings import factors, spectral
from training.operators.graphs import ease, four_step_walk, two_step_walk

MATRIX = sparse.csr_array(
    np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
)


def test_cosine_walk_is_the_cosine_of_columns() -> None:
    dense = MATRIX.toarray()
    lengths = np.linalg.norm(dense, axis=0)
    wanted = dense.T @ dense / np.outer(lengths, lengths)
    np.fill_diagonal(wanted, 0)
    found = two_step_walk(MATRIX, (0.5, 0.0, 0.5), 10).toarray()
    assert found == pytest.approx(wanted, abs=1e-6)


def test_walk_keeps_the_strongest_of_each_row() -> None:
    whole = two_step_walk(MATRIX, (0.0, 0.5, 0.0), 10).toarray()
    kept = two_step_walk(MATRIX, (0.0, 0.5, 0.0), 1).toarray()
    assert (np.count_nonzero(kept, axis=1) == 1).all()
    assert kept.max(axis=1) == pytest.approx(whole.max(axis=1))


def test_ease_solves_its_ridge_regression() -> None:
    dense = MATRIX.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 2.0 * np.eye(4))
    wanted = np.eye(4) - inverse / np.diag(inverse)
    assert ease(MATRIX, 2.0, 10).toarray() == pytest.approx(wanted, abs=1e-5)


def test_ease_keeps_strong_negative_weights() -> None:
    whole = ease(MATRIX, 2.0, 10).toarray()
    kept = ease(MATRIX, 2.0, 2).toarray()
    for row in range(4):
        strongest = np.sort(np.abs(whole[row]))[-2:]
        assert np.sort(np.abs(kept[row]))[-2:] == pytest.approx(strongest)


def test_spectral_with_all_factors_gives_the_filter_back() -> None:
    found = next(spectral(MATRIX, profile="orders", sizes=(3,), out_power=0.0, seed=0))
    gram = found.product_out.T @ found.product_out
    assert gram == pytest.approx(np.eye(3), abs=1e-4)


def test_folding_a_person_in_gives_the_vector_that_training_would() -> None:
    rng = np.random.default_rng(0)
    matrix = sparse.csr_array((rng.random((60, 30)) < 0.2).astype(np.float32))
    operator = factors(
        matrix,
        name="f",
        profile="orders",
        n_factors=4,
        alpha=5.0,
        regularization=1.0,
        n_iterations=40,
        seed=1,
    )
    assert isinstance(operator, FactorOperator)
    products = operator.product_out.astype(np.float64)
    row = matrix[[0]].toarray()[0]
    confidence = 1 + 5.0 * row
    left = products.T @ (confidence[:, None] * products) + 1.0 * np.eye(4)
    wanted = np.linalg.solve(left, products.T @ (confidence * (row > 0)))
    assert operator.vectors(matrix[[0]])[0] == pytest.approx(wanted, rel=1e-3)


def test_same_seed_same_factors() -> None:
    both = [next(spectral(MATRIX, profile="orders", sizes=(2,), out_power=0.0, seed=3)) for _ in range(2)]
    assert np.array_equal(both[0].product_out, both[1].product_out)


def test_a_walk_keeps_no_product_beside_itself_and_exactly_the_strongest_others() -> None:
    rng = np.random.default_rng(5)
    matrix = sparse.csr_array((rng.random((40, 30)) * (rng.random((40, 30)) < 0.3)).astype(np.float32))
    whole = two_step_walk(matrix, (0.0, 0.5, 1.0), 30).toarray()
    kept = two_step_walk(matrix, (0.0, 0.5, 1.0), 7).toarray()
    assert not np.diag(whole).any() and not np.diag(kept).any()
    strongest = np.sort(whole, axis=1)[:, ::-1][:, :7]
    assert np.sort(kept, axis=1)[:, ::-1][:, :7] == pytest.approx(strongest)
    assert ((kept > 0).sum(axis=1) <= 7).all()


def test_two_threads_walk_as_one_does() -> None:
    rng = np.random.default_rng(6)
    matrix = sparse.csr_array((rng.random((60, 50)) < 0.2).astype(np.float32))
    one, two = (four_step_walk(matrix, 9, n_threads=n) for n in (1, 2))
    assert np.array_equal(one.toarray(), two.toarray())
    assert np.array_equal(ease(matrix, 1.0, 5, 1).toarray(), ease(matrix, 1.0, 5, 2).toarray())


def test_smaller_spectral_operators_are_the_head_of_the_widest() -> None:
    small, wide = spectral(MATRIX, profile="orders", sizes=(2, 3), out_power=0.0, seed=0)
    assert (small.name, wide.name) == ("spectral2_orders", "spectral3_orders")
    assert np.array_equal(small.product_out, wide.product_out[:, :2])


def test_embeddings_of_a_small_world_are_fitted_on_everybody() -> None:
    assert of_some_persons(MATRIX, MATRIX.nnz, seed=0) is MATRIX


def test_embeddings_of_a_large_world_are_fitted_on_whole_persons_up_to_the_bound() -> None:
    some = of_some_persons(MATRIX, 6, seed=0)  # persons hold 2, 2, 3, 3 and 1 entries
    whole = [tuple(row) for row in MATRIX.toarray()]
    places = [whole.index(tuple(row)) for row in some.toarray()]
    assert 4 <= some.nnz <= 6
    assert places == sorted(places)
    assert some.shape[1] == MATRIX.shape[1]
    assert (of_some_persons(MATRIX, 6, seed=0) != some).nnz == 0


def test_walks_of_a_large_world_still_see_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    graph = Graph("orders", sparse.csr_array((rng.random((80, 12)) < 0.3).astype(np.float32)))
    plan = OperatorPlan(spectral_factors=(4,), als_factors=(4,), als_alpha=(10.0,), als_regularization=(5.0,))
    before = {operator.name: operator for operator in build_operators([graph], plan, seed=0)}
    monkeypatch.setattr(build, "MAX_FACTOR_ENTRIES", graph.matrix.nnz // 2)
    after = {operator.name: operator for operator in build_operators([graph], plan, seed=0)}
    assert before.keys() == after.keys()
    for name in ("walk_orders", "filter_orders", "four_step_orders", "ease_orders"):
        assert (before[name].weights != after[name].weights).nnz == 0
    for name in ("als4_orders", "spectral4_orders"):
        assert not np.allclose(before[name].product_out, after[name].product_out)
