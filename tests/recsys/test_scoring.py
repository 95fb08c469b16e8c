from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from small_model import large_town, small_model, town

from recsys import pairs as pairs_module
from recsys.operator_scores import GraphScores, top_of_table
from recsys.operators import GraphOperator
from recsys.pair_features import CIRCLE_FEATURES, feature_names, pair_features
from recsys.pairs import Pairs, values_at
from recsys.ranking import score_pairs, scoring_of

CELLS = arrays(np.float32, (5, 7), elements=st.sampled_from([0.0, 0.0, -1.0, 0.5, 0.5, 2.0, 3.0]))
MODEL = small_model(large_town())


def every_pair(n_owners: int, n_products: int) -> Pairs:
    owner, product = np.divmod(np.arange(n_owners * n_products), n_products)
    return Pairs(owner.astype(np.int32), product.astype(np.int32))


@given(CELLS, st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_the_top_of_a_row_is_the_sorted_positive_row(cells: np.ndarray, n: int) -> None:
    found = top_of_table(cells, n)
    for row in range(len(cells)):
        best = [c for c in np.lexsort((np.arange(7), -cells[row])) if cells[row, c] > 0][:n]
        assert sorted(found.product[found.owner == row].tolist()) == sorted(best)
    assert (found.score == cells[found.owner, found.product]).all()


@pytest.mark.parametrize("max_dense", [10**6, 0])
@given(cells=CELLS)
@settings(max_examples=30, deadline=None)
def test_values_are_looked_up_alike_in_dense_and_sparse(cells: np.ndarray, max_dense: int) -> None:
    before = pairs_module.MAX_DENSE_VALUES
    pairs_module.MAX_DENSE_VALUES = max_dense
    try:
        found = values_at(sparse.csr_array(cells), every_pair(5, 7))
    finally:
        pairs_module.MAX_DENSE_VALUES = before
    assert found.reshape(5, 7).tolist() == cells.tolist()


@given(CELLS)
@settings(max_examples=30, deadline=None)
def test_a_graph_score_is_told_relative_to_the_owners_best(cells: np.ndarray) -> None:
    operator = GraphOperator("g", "orders", sparse.csr_array(np.abs(cells)), 0.0)
    scores = GraphScores(operator, sparse.csr_array(np.eye(5, dtype=np.float32)))
    pairs = every_pair(5, 7)
    best = np.abs(cells).max(axis=1)[pairs.owner]
    wanted = np.divide(np.abs(cells).ravel(), best, out=np.zeros(35, dtype=np.float32), where=best > 0)
    assert scores.relative_at(pairs, scores.at(pairs)) == pytest.approx(wanted)


@pytest.mark.parametrize("target", ["circle", "self"])
def test_a_pair_scores_the_same_whoever_else_is_in_the_chunk(target: str) -> None:
    owners = np.array([-1, 0, 7, 30], dtype=np.int32)
    together = score_pairs(scoring_of(MODEL, owners, target), every_pair(4, MODEL.n_products))  # type: ignore[arg-type]
    for at, owner in enumerate(owners):
        alone = scoring_of(MODEL, np.array([owner], np.int32), target)  # type: ignore[arg-type]
        wanted = score_pairs(alone, every_pair(1, MODEL.n_products))
        assert together.reshape(4, -1)[at] == pytest.approx(wanted, abs=1e-6)


def test_features_have_a_name_each_and_scores_are_finite() -> None:
    scoring = scoring_of(MODEL, np.array([-1, 3], np.int32), "circle")
    table = pair_features(scoring, every_pair(2, MODEL.n_products))
    assert table.shape == (2 * MODEL.n_products, len(feature_names(MODEL)))
    assert table.dtype == np.float32
    assert not np.isinf(table).any()
    assert np.isfinite(score_pairs(scoring, every_pair(2, MODEL.n_products))).all()


def test_features_hand_worked_for_an_owner_of_a_circle() -> None:
    """o-noodles and n3, which all four of her circle ordered, m0 to m3, and nobody else."""
    model = small_model(town())
    row = model.products.ids.row("n3")
    owner = model.people.owners.row("o-noodles")
    scoring = scoring_of(model, np.array([owner], np.int32), "circle")
    table = pair_features(scoring, Pairs(np.zeros(1, np.int32), np.array([row], np.int32)))
    values = dict(zip(feature_names(model), table[0].tolist(), strict=True))
    assert values["circle_orders"] == 4.0
    assert values["own_orders"] == 0.0
    assert values["log_orders"] == pytest.approx(np.log1p(4))  # m0 to m3 ordered it, nobody else
    # 4 members × 5 noodles + 4 × t0 = 24 purchases, 20 of them noodles
    assert values["category_affinity"] == pytest.approx(20 / 24)
    assert values["log_profile_orders"] == pytest.approx(np.log1p(24))
    assert values["circle_members_had"] == 4.0
    assert values["circle_fraction_had"] == 1.0
    assert values["log_circle_members"] == pytest.approx(np.log1p(4))


def test_who_has_it_is_no_feature_of_what_she_buys_herself() -> None:
    """NaN throughout: there is no circle in that question."""
    scoring = scoring_of(MODEL, np.array([3], np.int32), "self")
    table = pair_features(scoring, every_pair(1, MODEL.n_products))
    at = [feature_names(MODEL).index(name) for name in CIRCLE_FEATURES]
    assert np.isnan(table[:, at]).all()


def test_a_stranger_has_no_profile_features() -> None:
    scoring = scoring_of(MODEL, np.array([-1], np.int32), "circle")
    table = pair_features(scoring, Pairs(np.zeros(1, np.int32), np.zeros(1, np.int32)))
    values = dict(zip(feature_names(MODEL), table[0].tolist(), strict=True))
    assert values["co_orders"] == values["spectral"] == values["factors"] == values["circle_orders"] == 0.0
    assert np.isnan(values["category_affinity"])


def test_the_relative_score_of_the_best_product_is_one() -> None:
    scoring = scoring_of(MODEL, np.array([3], np.int32), "self")
    at = feature_names(MODEL).index("co_orders_relative")
    table = pair_features(scoring, every_pair(1, MODEL.n_products))
    assert table[:, at].max() == pytest.approx(1.0)


def test_a_model_without_interests_has_no_such_feature() -> None:
    assert "interest" in feature_names(MODEL)
    assert "interest" not in feature_names(replace(MODEL, interests=None))
