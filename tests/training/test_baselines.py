"""What every baseline of the registry owes, and each one's formula by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import training.baselines
from recsys.errors import UsageError
from training.baselines import NAMES, REGISTRY, fit_baseline
from training.baselines.seam import Asked, DoesNotFitError

N_PERSONS, N_PRODUCTS = 40, 24
SMALL = {
    "ials": {"factors": 4, "iterations": 4},
    "bpr": {"factors": 4, "iterations": 20},
    "spectral": {"factors": 4},
}


def _world(seed: int = 0) -> sp.csr_array:
    """Two groups of persons, each buying from its own half of the catalogue."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((N_PERSONS, N_PRODUCTS), dtype=np.float32)
    for person in range(N_PERSONS):
        half = N_PRODUCTS // 2
        dense[person, rng.choice(half, 6, replace=False) + half * (person % 2)] = 1
    return sp.csr_array(dense)


def _asked(matrix: sp.csr_array, people: list[list[int]]) -> Asked:
    weights = np.zeros((len(people), matrix.shape[0]), dtype=np.float32)
    for row, persons in enumerate(people):
        weights[row, persons] = 1
    chosen = sp.csr_array(weights)
    history = sp.csr_array(chosen @ matrix)
    return Asked(chosen, history, history)


def _scores(name: str, matrix: sp.csr_array, people: list[list[int]], seed: int = 5) -> np.ndarray:
    fitted = fit_baseline(name, matrix, np.random.default_rng(seed), SMALL.get(name))
    return fitted.scores(_asked(matrix, people))


def test_every_baseline_file_is_registered() -> None:
    folder = Path(training.baselines.__file__).parent
    with_fit = {p.stem for p in folder.glob("*.py") if re.search(r"^def fit\(", p.read_text("utf-8"), re.M)}
    assert with_fit == {module for module, _ in REGISTRY.values()}


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_finite_float32_of_the_asked_shape(name: str) -> None:
    scores = _scores(name, _world(), [[0], [1], [0, 2, 4]])
    assert scores.shape == (3, N_PRODUCTS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_scores(name: str) -> None:
    assert np.array_equal(_scores(name, _world(), [[0], [3]]), _scores(name, _world(), [[0], [3]]))


@pytest.mark.parametrize("name", NAMES)
def test_nobody_known_gets_the_popular_list(name: str) -> None:
    matrix = _world()
    scores = _scores(name, matrix, [[]])[0]
    assert np.array_equal(scores, np.asarray(matrix.sum(axis=0)).ravel())


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_is_left_as_it_was(name: str) -> None:
    matrix = _world()
    before = matrix.copy()
    _scores(name, matrix, [[0]])
    assert (matrix != before).nnz == 0 and np.array_equal(matrix.indices, before.indices)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "popular"])
def test_taste_comes_before_the_other_group(name: str) -> None:
    scores = _scores(name, _world(), [[0], [1], [0, 2, 4]])
    half = N_PRODUCTS // 2
    assert scores[0, :half].mean() > scores[0, half:].mean()
    assert scores[1, :half].mean() < scores[1, half:].mean()
    assert scores[2, :half].mean() > scores[2, half:].mean()


@pytest.mark.parametrize("name", NAMES)
def test_a_product_that_nobody_bought_is_no_error(name: str) -> None:
    world = sp.csr_array(sp.hstack([_world(), sp.csr_array((N_PERSONS, 2), dtype=np.float32)]))
    assert np.isfinite(_scores(name, world, [[0]])).all()


def test_unknown_baseline_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"must be one of popular, .*; got 'magic'"):
        fit_baseline("magic", _world(), np.random.default_rng(0))


HAND = sp.csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=np.float32))


def test_knn_adds_cosines_and_leaves_out_itself() -> None:
    scores = _scores("co_purchase_knn", HAND, [[2]])[0]
    # products 0 and 1 share 2 buyers of 3 and 2; products 0 and 2 share 1 of 3 and 1; 1 and 2 share none
    assert scores == pytest.approx([1 / np.sqrt(3), 2 / np.sqrt(6), 1 / np.sqrt(3)])


def test_knn_keeps_only_its_nearest() -> None:
    fitted = fit_baseline("co_purchase_knn", HAND, np.random.default_rng(0), {"k": 1})
    scores = fitted.scores(_asked(HAND, [[2]]))[0]
    assert scores == pytest.approx([1 / np.sqrt(3), 2 / np.sqrt(6), 0.0])  # 0's nearest is 1, so 2 gets none


def test_ease_equals_its_closed_form() -> None:
    dense = HAND.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 2.0 * np.eye(3))
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    fitted = fit_baseline("ease", HAND, np.random.default_rng(0), {"l2": 2.0})
    assert fitted.scores(_asked(HAND, [[0], [2]])) == pytest.approx((dense @ weights)[[0, 2]], abs=1e-6)


def test_ease_says_why_it_does_not_fit() -> None:
    with pytest.raises(DoesNotFitError, match=r"24 x 24 products .* left out above 10 products"):
        fit_baseline("ease", _world(), np.random.default_rng(0), {"max_products": 10})


def test_spectral_equals_its_formula_at_full_rank() -> None:
    matrix = _world()
    fitted = fit_baseline("spectral", matrix, np.random.default_rng(0), {"factors": 23, "alpha": 0.5})
    dense = matrix.toarray().astype(np.float64)
    d_person, d_product = dense.sum(axis=1) ** -0.5, dense.sum(axis=0) ** -0.5
    normal = d_person[:, None] * dense * d_product[None, :]
    _, _, right = np.linalg.svd(normal)
    low = np.diag(d_product) @ right[:23].T @ right[:23] @ np.diag(1 / d_product)
    expected = dense[:3] @ (normal.T @ normal + 0.5 * low)
    assert fitted.scores(_asked(matrix, [[0], [1], [2]])) == pytest.approx(expected, abs=1e-3)


def test_friends_only_counts_members_of_the_circle() -> None:
    asked = _asked(HAND, [[0]])
    friends = Asked(asked.people, asked.history, sp.csr_array(np.array([[2, 0, 1]], dtype=np.float32)))
    fitted = fit_baseline("friends_only", HAND, np.random.default_rng(0))
    assert fitted.scores(friends).tolist() == [[2, 0, 1]]
