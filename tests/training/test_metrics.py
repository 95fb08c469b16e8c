"""Measures by hand, and intervals by their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from training import metrics
from training.bootstrap import Interval, resample

# Two owners. The first wants products 1 and 4 and gets 4 at place 2; the second wants 0 and gets nothing.
RANKED = np.array([[3, 4, 0], [2, 1, -1]], dtype=np.int32)
TRUTH = sp.csr_array(np.array([[0, 2, 0, 0, 1], [1, 0, 0, 0, 0]], dtype=np.float32))
HITS = metrics.hit_gains(RANKED, TRUTH) > 0
N_RELEVANT = np.array([2, 1])


def test_hits_stand_where_the_list_holds_a_relevant_product() -> None:
    assert metrics.hit_gains(RANKED, TRUTH).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_hit_rates_are_the_share_of_lists_right_at_each_place() -> None:
    assert metrics.hit_rates(RANKED, TRUTH).tolist() == [0.0, 0.5, 0.0]


def test_recall_divides_by_all_that_is_relevant_not_by_what_the_list_can_hold() -> None:
    assert metrics.recall(HITS, N_RELEVANT, 3).tolist() == [0.5, 0.0]
    assert metrics.recall(HITS, N_RELEVANT, 1).tolist() == [0.0, 0.0]


def test_ndcg_worked_by_hand() -> None:
    ideal = 1 / math.log2(2) + 1 / math.log2(3)
    assert metrics.ndcg(HITS, N_RELEVANT, 3) == pytest.approx([(1 / math.log2(3)) / ideal, 0.0])


def test_ndcg_ideal_holds_no_more_than_k_products() -> None:
    truth = sp.csr_array(np.ones((1, 5), dtype=np.float32))
    hits = metrics.hit_gains(np.array([[0, 1]], dtype=np.int32), truth) > 0
    assert metrics.ndcg(hits, np.array([5]), 2).tolist() == [1.0]


def test_mrr_and_hit_worked_by_hand() -> None:
    assert metrics.mrr(HITS, 3).tolist() == [0.5, 0.0]
    assert metrics.mrr(HITS, 1).tolist() == [0.0, 0.0]
    assert metrics.hit(HITS, 2).tolist() == [1.0, 0.0]


def test_graded_ndcg_weighs_by_relevance() -> None:
    gains = metrics.hit_gains(RANKED, TRUTH)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert metrics.graded_ndcg(gains, TRUTH, 3) == pytest.approx([(1 / math.log2(3)) / ideal, 0.0])


def test_exposure_coverage_gini_and_lorenz_worked_by_hand() -> None:
    shown = metrics.exposure(RANKED, 5, 3)
    assert shown.tolist() == [1, 1, 1, 1, 1]
    assert metrics.coverage(shown) == 1.0
    assert metrics.gini(shown) == 0.0
    one_has_all = np.array([0, 0, 0, 8])
    assert metrics.coverage(one_has_all) == 0.25
    assert metrics.gini(one_has_all) == 0.75  # (n - 1) / n
    assert metrics.lorenz(one_has_all)[1].tolist() == [0, 0, 0, 0, 1]


def test_novelty_is_bits_of_rarity() -> None:
    n_buyers = np.array([7, 3, 0, 1, 0])
    ranked = np.array([[0, 1], [2, -1]], dtype=np.int32)
    assert metrics.novelty(ranked, n_buyers, 7, 2).tolist() == [0.5, 3.0]  # -log2 of 8/8, 4/8 and 1/8


def test_diversity_counts_pairs_of_different_categories() -> None:
    category_row = np.array([0, 0, 1, 1, 2], dtype=np.int32)
    ranked = np.array([[0, 1, 2], [4, -1, -1], [2, 4, -1]], dtype=np.int32)
    assert metrics.category_diversity(ranked, category_row, 3) == pytest.approx([2 / 3, 0.0, 1.0])


def test_diversity_of_vectors_is_one_minus_their_cosine() -> None:
    vectors = np.array([[1, 0], [2, 0], [0, 3]], dtype=np.float32)
    ranked = np.array([[0, 1, -1], [0, 2, -1], [2, -1, -1], [0, 1, 2]], dtype=np.int32)
    assert metrics.vector_diversity(ranked, vectors, 3) == pytest.approx([0.0, 1.0, 0.0, 2 / 3])


def _judge(ranked: np.ndarray, wanted: list[set[int]], k: int) -> tuple[float, float]:
    """The plain loops of a full ranking, owner by owner."""
    r = n = 0.0
    for row, want in zip(ranked, wanted, strict=True):
        hits = [i for i, p in enumerate(row[:k]) if p in want]
        r += len(hits) / len(want)
        n += sum(1 / math.log2(i + 2) for i in hits) / sum(
            1 / math.log2(i + 2) for i in range(min(k, len(want)))
        )
    return r / len(wanted), n / len(wanted)


@given(seed=st.integers(0, 1000), k=st.sampled_from([1, 3, 10]))
def test_vectorised_measures_equal_plain_loops(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    ranked = np.array([rng.permutation(12)[:10] for _ in range(6)], dtype=np.int32)
    wanted = [set(rng.choice(12, rng.integers(1, 6), replace=False).tolist()) for _ in range(6)]
    truth = sp.lil_array((6, 12), dtype=np.float32)
    for owner, products in enumerate(wanted):
        for product in products:
            truth[owner, product] = 1
    hits = metrics.hit_gains(ranked, sp.csr_array(truth)) > 0
    n_relevant = np.array([len(w) for w in wanted])
    ours = metrics.recall(hits, n_relevant, k).mean(), metrics.ndcg(hits, n_relevant, k).mean()
    assert ours == pytest.approx(_judge(ranked, wanted, k))


def test_a_list_shorter_than_k_is_no_error() -> None:
    assert metrics.ndcg(HITS, N_RELEVANT, 20)[1] == 0.0
    assert metrics.graded_ndcg(metrics.hit_gains(RANKED, TRUTH), TRUTH, 20).shape == (2,)


def test_interval_covers_the_true_mean_about_nineteen_times_in_twenty() -> None:
    covered = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        values = rng.exponential(1.0, size=(150, 1))
        interval = resample(values, rng, 400).interval(0)
        covered += interval.low <= 1.0 <= interval.high
    assert 178 <= covered <= 199


def test_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).random((50, 1))
    first, again, other = (resample(values, np.random.default_rng(s)).interval(0) for s in (1, 1, 2))
    assert first == again != other


def test_paired_difference_is_narrower_than_two_separate_intervals_suggest() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(400)
    values = np.column_stack([base + 0.05, base])
    drawn = resample(values, rng)
    difference = drawn.difference(0, 1)
    assert difference.mean == pytest.approx(0.05)
    assert difference.excludes(0.0)
    assert drawn.interval(0).low < drawn.interval(1).high  # unpaired, the two overlap
    assert drawn.ratio(0, 1) is not None and drawn.ratio(0, 1).excludes(1.0)  # type: ignore[union-attr]


def test_ratio_to_nothing_is_not_given() -> None:
    values = np.column_stack([np.ones(10), np.zeros(10)])
    assert resample(values, np.random.default_rng(0)).ratio(0, 1) is None


def test_interval_of_equal_values_has_no_width() -> None:
    drawn = resample(np.full((9, 1), 0.25), np.random.default_rng(0))
    assert drawn.interval(0) == Interval(0.25, 0.25, 0.25)


def test_no_owner_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one owner"):
        resample(np.zeros((0, 1)), np.random.default_rng(0))
