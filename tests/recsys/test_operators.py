from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from recsys.index import build_index, exact_top, learn_lists
from recsys.operators import FactorOperator, GraphOperator, ProjectionOperator, row_sums, scaled


def csr(rows: list[list[float]]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=np.float32))


def test_graph_operator_hand_worked() -> None:
    """Profile (1, 4, 0): sums 5, divided by 5^1; rows of W weighted by 0.2 and 0.8."""
    weights = csr([[0, 2, 5], [1, 0, 10], [9, 9, 0]])
    scores = GraphOperator("g", "orders", weights, length_power=1.0).scores(csr([[1, 4, 0]]))
    assert scores[0] == pytest.approx([0.8, 0.4, 9.0])


def test_a_profile_scored_without_length_power_adds_up() -> None:
    weights = csr([[0, 2], [3, 0]])
    scores = GraphOperator("g", "orders", weights, length_power=0.0).scores(csr([[1, 1], [0, 0]]))
    assert scores.tolist() == [[3, 2], [0, 0]]


def test_projection_operator_hand_worked() -> None:
    """Profile (1, 3): sum 4, divided by 4^½ = 2; vector = ½ (1, 0) + 1.5 (0, 2) = (.5, 3)."""
    product_in = np.array([[1, 0], [0, 2]], dtype=np.float32)
    product_out = np.array([[2, 1], [0, 1]], dtype=np.float32)
    operator = ProjectionOperator("p", "orders", product_in, product_out)
    vectors = operator.vectors(csr([[1, 3]]))
    assert vectors[0].tolist() == [0.5, 3.0]
    assert (vectors @ product_out.T)[0].tolist() == [4.0, 3.0]


def test_factor_operator_hand_worked() -> None:
    """Y = (1, 2)ᵀ: YᵀY = 5; profile (1, 0), alpha 3, ridge 1: (5 + 3·1 + 1)⁻¹ · (1 + 3) · 1 = 4 / 9."""
    y = np.array([[1.0], [2.0]], dtype=np.float32)
    operator = FactorOperator("f", "orders", y, y.T @ y, alpha=3.0, regularization=1.0)
    assert operator.vectors(csr([[1, 0]]))[0] == pytest.approx([4 / 9])


def test_factor_operator_is_what_implicit_computes() -> None:
    from implicit.als import AlternatingLeastSquares

    rng = np.random.default_rng(3)
    matrix = sparse.csr_array((rng.random((30, 20)) < 0.2) * rng.uniform(0.5, 3, (30, 20))).astype(np.float32)
    alpha, regularization = 7.0, 2.0
    confidence = matrix.copy()
    confidence.data = 1.0 + alpha * confidence.data
    model = AlternatingLeastSquares(factors=6, alpha=1.0, regularization=regularization, iterations=3,
                                    random_state=1, use_gpu=False, num_threads=1, use_cg=False)  # fmt: skip
    model.fit(sparse.csr_matrix(confidence), show_progress=False)
    y = np.asarray(model.item_factors, dtype=np.float32)
    ours = FactorOperator("f", "orders", y, y.T @ y, alpha, regularization).vectors(matrix)
    theirs = model.recalculate_user(np.arange(30), sparse.csr_matrix(confidence))
    assert ours == pytest.approx(np.asarray(theirs), abs=1e-4)


@pytest.mark.parametrize("length_power", [0.0, 0.5, 1.0])
def test_an_empty_profile_scores_nothing_anywhere(length_power: float) -> None:
    nothing = csr([[0, 0, 0]])
    y = np.eye(3, dtype=np.float32)
    graph = GraphOperator("g", "orders", csr(np.ones((3, 3)).tolist()), length_power)
    assert not graph.scores(nothing).any()
    assert not ProjectionOperator("p", "orders", y, y, length_power).vectors(nothing).any()
    assert not FactorOperator("f", "orders", y, y, 1.0, 1.0).vectors(nothing).any()


PROFILES = arrays(np.float32, (4, 6), elements=st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]))


@given(PROFILES, PROFILES)
@settings(max_examples=40, deadline=None)
def test_without_length_power_operators_are_linear(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]
) -> None:
    weights = np.arange(36, dtype=np.float32).reshape(6, 6) / 7
    graph = GraphOperator("g", "orders", sparse.csr_array(weights), 0.0)
    projection = ProjectionOperator("p", "orders", weights, weights, 0.0)
    both, one, two = (sparse.csr_array(m) for m in (a + b, a, b))
    whole = graph.scores(both)
    assert whole == pytest.approx(graph.scores(one) + graph.scores(two), rel=1e-4, abs=1e-4)
    vectors = projection.vectors(both)
    assert vectors == pytest.approx(projection.vectors(one) + projection.vectors(two), rel=1e-4, abs=1e-4)


@given(PROFILES, st.sampled_from([0.5, 1.0]))
@settings(max_examples=40, deadline=None)
def test_with_length_power_one_a_profile_counted_twice_is_the_same(
    profile: npt.NDArray[np.float32], length_power: float
) -> None:
    once, twice = scaled(sparse.csr_array(profile), 1.0), scaled(sparse.csr_array(2 * profile), 1.0)
    assert once.toarray() == pytest.approx(twice.toarray(), rel=1e-5)
    part = scaled(sparse.csr_array(profile), length_power)
    totals = profile.sum(axis=1)
    assert row_sums(part) == pytest.approx(np.where(totals > 0, totals ** (1 - length_power), 0), rel=1e-4)


def clustered(n_products: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    centres = rng.normal(size=(40, 16))
    spread = rng.normal(scale=0.35, size=(n_products, 16))
    return (centres[rng.integers(0, 40, n_products)] + spread).astype(np.float32)


def test_inverted_lists_find_at_least_95_of_100_nearest_products() -> None:
    rng = np.random.default_rng(8)
    vectors, queries = clustered(6_000, rng), clustered(60, rng)
    index = build_index(vectors, learn_lists(vectors, exact_up_to=1_000))
    assert index.lists is not None
    found, _ = index.top(queries, 50)
    wanted, _ = exact_top(vectors, queries, 50)
    recall = np.mean(
        [len(set(a) & set(b)) / 50 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
    )
    assert recall >= 0.95


def test_red_control_one_probed_list_misses_more_than_that() -> None:
    rng = np.random.default_rng(8)
    vectors, queries = clustered(6_000, rng), clustered(60, rng)
    index = build_index(vectors, learn_lists(vectors, exact_up_to=1_000))
    index.lists.nprobe = 1
    found, _ = index.top(queries, 50)
    wanted, _ = exact_top(vectors, queries, 50)
    recall = np.mean(
        [len(set(a) & set(b)) / 50 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
    )
    assert recall < 0.95


def test_exact_search_gives_the_best_first_and_ties_by_row() -> None:
    vectors = np.array([[1], [3], [3], [2]], dtype=np.float32)
    index = build_index(vectors, learn_lists(vectors))
    assert index.lists is None
    products, scores = index.top(np.ones((1, 1), np.float32), 10)
    assert products.tolist() == [[1, 2, 3, 0]]
    assert scores.tolist() == [[3, 3, 2, 1]]


def test_no_query_and_no_product_find_nothing() -> None:
    vectors = np.ones((3, 2), dtype=np.float32)
    assert build_index(vectors, learn_lists(vectors)).top(np.zeros((0, 2), np.float32), 5)[0].shape == (0, 0)
    assert build_index(vectors[:0], None).top(np.ones((2, 2), np.float32), 5)[0].shape == (2, 0)


def test_a_graph_scores_an_owner_the_same_alone_and_among_many() -> None:
    rng = np.random.default_rng(2)
    weights = sparse.csr_array((rng.random((50, 50)) * (rng.random((50, 50)) < 0.3)).astype(np.float32))
    profiles = sparse.csr_array((rng.random((40, 50)) * (rng.random((40, 50)) < 0.2)).astype(np.float32))
    graph = GraphOperator("g", "orders", weights)
    together = graph.scores(profiles)
    assert together == pytest.approx((scaled(profiles, 0.5) @ weights).toarray(), rel=1e-5)
    for row in range(40):
        assert np.array_equal(graph.scores(profiles[[row]])[0], together[row])
