"""Operators that trees hardly listen to: a large catalogue learns without them, a small one keeps all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_model import small_model, town
from test_learn_shares import LEARNER, NAMES, orders, part

from recsys import model as model_module
from recsys.pair_features import feature_names, pair_features
from recsys.pairs import Pairs
from recsys.ranking import score_pairs, scoring_of
from recsys.scoring import INTEREST_FEATURE
from training import idle
from training.config import Config
from training.fit_ranker import fit_ranker
from training.idle import idle_columns, may_leave_out, without_columns
from training.learn_shares import Past

QUIET = tuple(name for name in NAMES if name.startswith("noise"))


def test_only_a_large_catalogue_may_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(town())
    assert may_leave_out(model) == ()
    monkeypatch.setattr(model_module, "EXACT_UP_TO", 0)
    assert may_leave_out(model) == (*(operator.name for operator in model.operators), INTEREST_FEATURE)


def test_an_operator_stands_or_falls_with_both_its_columns_and_what_tells_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examples = orders(1)
    names = ("quiet", "loud", "quiet_relative", "loud_relative", *NAMES[4:])
    ranker = fit_ranker(examples, names, Config().ranker, 0, 1)  # the second column tells
    monkeypatch.setattr(idle, "LEAST_GAIN", 0.2)
    assert idle_columns(ranker, names, ("quiet", "loud")).tolist() == [0, 2]
    assert idle_columns(ranker, names, ()).tolist() == []


def test_what_is_alike_for_all_products_of_an_owner_gains_nothing_here() -> None:
    """Else one feature of the owner would take the gain, and every operator would seem idle beside it."""
    names = ("loud", "log_circle_members", *NAMES[2:])
    ranker = fit_ranker(orders(1), names, Config().ranker, 0, 1)  # the second column tells
    gain_without_it = idle_columns(ranker, names, ("loud",))
    assert gain_without_it.tolist() == []


def test_columns_left_out_are_never_asked_for() -> None:
    blank = without_columns(orders(1), np.array([1]))
    ranker = fit_ranker(blank, NAMES, Config().ranker, 0, 1)
    assert NAMES[1] not in ranker.feature_names
    assert blank.features[:, 0].any()


def test_shares_are_learned_from_anew_without_what_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "LEAST_GAIN", 0.05)
    examples = orders(2)
    base = fit_ranker(examples, NAMES, Config().ranker, 0, 1)
    pasts = [Past(part(seed, strength=2.0), examples) for seed in (1, 2)]
    learned = replace(LEARNER, may_leave_out=QUIET).learn(pasts, base)
    assert learned.ranker is not None and learned.calibration is not None
    assert "tells" in learned.ranker.feature_names
    assert len(learned.ranker.feature_names) < len(NAMES)
    whole = LEARNER.learn(pasts, base).ranker
    assert whole is not None and set(whole.feature_names) == set(NAMES)


def test_a_request_computes_the_named_features_alone_and_they_are_the_same() -> None:
    model = small_model(town())
    product = np.arange(model.n_products, dtype=np.int32)
    pairs = Pairs(np.zeros(len(product), np.int32), product)
    rows = np.array([1], np.int32)
    every = pair_features(scoring_of(model, rows, "circle"), pairs)
    wanted = ("spectral_relative", "log_orders", "circle_members_had")
    scoring = scoring_of(model, rows, "circle")
    found = pair_features(scoring, pairs, wanted)
    at = [feature_names(model).index(name) for name in wanted]
    np.testing.assert_array_equal(found, every[:, at])
    assert ("scores", "factors") not in scoring._once
    assert np.isfinite(score_pairs(scoring, pairs)).all()
