"""Trees on shares: they learn what tells, and no share vouches for its own score."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from training.config import Config
from training.examples import Examples
from training.fit_ranker import fit_ranker
from training.learn_shares import LearnedFromShares, Past, ShareLearner
from training.share_examples import SharedPairs, ShareExamples, joined_shares, sampled_pairs

NAMES = ("tells", *(f"noise{i}" for i in range(9)))


def part(seed: int, n: int = 1_500, strength: float = 0.0) -> ShareExamples:
    """One share of each pair; kept orders Poisson with mean ½ · e^(strength · first feature)."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (n, len(NAMES))).astype(np.float32)
    kept = rng.poisson(0.5 * np.exp(strength * features[:, 0])).astype(float)
    rows = np.arange(n, dtype=np.int32)
    return ShareExamples(features, SharedPairs(rows, rows, np.ones(n), kept))


LEARNER = ShareLearner(NAMES, Config().ranker, 0, 1)


def learned(*parts: ShareExamples) -> LearnedFromShares:
    return LEARNER.learn([Past(part, None) for part in parts], None)


def orders(seed: int, n_queries: int = 300, n_each: int = 20) -> Examples:
    """Queries whose one right product is the one with the most of the second feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (n_queries * n_each, len(NAMES))).astype(np.float32)
    best = features[:, 1].reshape(n_queries, n_each).argmax(axis=1)
    label = np.zeros((n_queries, n_each), dtype=np.int32)
    label[np.arange(n_queries), best] = 1
    return Examples(features, label.ravel(), np.full(n_queries, n_each, dtype=np.int32))


def steepness(found: LearnedFromShares) -> float:
    """How many times what the line says of a middling score it says of a score one deviation higher."""
    assert found.calibration is not None
    low, high = found.calibration.expected_at(np.log(np.array([0.45, 0.75], dtype=np.float32)))
    return float(high / low)


def test_the_score_is_the_logarithm_of_kept_orders_per_share() -> None:
    found = learned(part(1, strength=0.8), part(2, strength=0.8))
    assert found.ranker is not None
    asked = np.zeros((3, len(NAMES)), dtype=np.float32)
    asked[:, 0] = [-1, 0, 1]
    score = found.ranker.scores(asked)
    assert all(low < high for low, high in pairwise(score))
    assert np.exp(score) == pytest.approx(0.5 * np.exp(0.8 * asked[:, 0]), rel=0.35)


def test_shares_that_nothing_foretells_get_a_nearly_flat_line() -> None:
    assert steepness(learned(part(1), part(2))) < 1.3


def test_one_moment_is_cut_by_owners() -> None:
    assert steepness(learned(part(1, n=3_000))) < 1.3


def test_red_control_on_its_own_shares_noise_looks_like_knowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [part(1), part(2)]
    whole = LEARNER.grown(joined_shares(both), None)
    monkeypatch.setattr(ShareLearner, "grown", lambda *_: whole)
    assert steepness(learned(*both)) > 3.0


def test_orders_rank_what_shares_do_not_tell_apart_and_leave_the_level_alone() -> None:
    asked = np.zeros((3, len(NAMES)), dtype=np.float32)
    asked[:, 1] = [-2, 0, 2]
    of_orders = fit_ranker(orders(3), NAMES, Config().ranker, 0, 1)
    shares = [part(1, strength=0.8), part(2, strength=0.8)]
    pasts = [Past(share, orders(at)) for at, share in enumerate(shares, start=4)]
    found, without = LEARNER.learn(pasts, of_orders), learned(*shares)
    assert found.ranker is not None and without.ranker is not None and found.calibration is not None
    score, flat = found.ranker.scores(asked), without.ranker.scores(asked)
    assert score[2] - score[0] > abs(flat[2] - flat[0])
    whole = joined_shares(shares)
    said = found.calibration.expected_at(found.ranker.scores(whole.features))
    assert float(said.mean()) == pytest.approx(float(whole.pairs.n_kept.mean()), rel=0.05)


def test_the_level_is_that_of_the_latest_past() -> None:
    late, early = part(1, n=4_000), part(2, n=4_000)
    kept = late.pairs.n_kept * 2
    late = replace(late, pairs=replace(late.pairs, n_kept=kept))
    found = learned(late, early)
    assert found.ranker is not None and found.calibration is not None
    said = found.calibration.expected_at(found.ranker.scores(late.features))
    assert float(said.mean()) > 1.25 * float((kept.mean() + early.pairs.n_kept.mean()) / 2)


def test_too_little_kept_is_left_to_orders() -> None:
    found = learned(part(1, n=100))
    assert found.ranker is None and found.calibration is None
    assert learned().ranker is None


def test_the_same_shares_give_the_same_trees() -> None:
    first, again = (learned(part(1), part(2)).ranker for _ in range(2))
    assert first is not None and again is not None and first.text == again.text


def test_drawn_pairs_are_some_of_them_in_their_order() -> None:
    pairs = part(1).pairs
    some = sampled_pairs(pairs, 100, np.random.default_rng(0))
    assert len(some) == 100 and (np.diff(some.owner_row) > 0).all()
    assert sampled_pairs(pairs, 10_000, np.random.default_rng(0)) is pairs
    assert len(joined_shares([part(1), part(2)]).pairs) == 3_000
