"""The good-value list of everybody, and sources that fall silent in a large catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_model import small_model, town
from valued_model import valued_model

from recsys import model as model_module
from recsys.domain import Query
from recsys.gates import gates, opened
from recsys.model import Model
from recsys.ranker import Blend
from recsys.ranking import rank, scoring_of
from recsys.scoring import Scoring
from recsys.sources.best_value import BestValue
from recsys.sources.circle import Circle
from recsys.sources.share_graph import ShareGraph

OWNER = np.array([0], np.int32)


def told(**kept: float) -> Model:
    """The small model with what a usual share of some products brings."""
    model = valued_model(town())
    usual = np.zeros(model.n_products, np.float32)
    for product, value in kept.items():
        usual[model.products.ids.row(product)] = value
    return replace(model, signals=replace(model.signals, usual_kept=usual))


def ids_of(model: Model, scoring: Scoring, n: int) -> list[str]:
    return [model.products.ids[int(row)] for row in BestValue().propose(scoring, n).product]


def test_the_best_are_those_that_bring_most_good_value_whoever_shares_them() -> None:
    model = told(k1=1.0, n1=1.0, k2=3.0)
    gain = model.gain.copy()
    gain[model.products.ids.row("k1")], gain[model.products.ids.row("n1")] = 0.2, 0.9
    gain[model.products.ids.row("k2")] = -0.1  # sells, and does harm
    model.__dict__["gain"] = gain
    assert ids_of(model, scoring_of(model, OWNER, "circle"), 30) == ["n1", "k1"]


def test_it_is_no_question_for_what_she_buys_herself_or_where_nothing_tells() -> None:
    model = told(k1=1.0)
    assert ids_of(model, scoring_of(model, OWNER, "self"), 30) == []
    for silent in (replace(model, value=None), small_model(town())):
        assert ids_of(silent, scoring_of(silent, OWNER, "circle"), 30) == []


def test_what_is_closed_gives_way_to_the_next() -> None:
    model = told(k1=1.0, n1=0.5)
    scoring = scoring_of(model, OWNER, "circle")
    before = ids_of(model, scoring, 3)
    closed = np.zeros(model.n_products, dtype=bool)
    closed[model.products.ids.row(before[0])] = True
    scoring.open = opened(scoring.standing, {"closed": closed, **gates(model, scoring.profiles, Query("o"))})
    assert before[0] not in ids_of(model, scoring, 30)


def test_in_a_large_catalogue_a_source_that_moves_no_list_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = small_model(town())
    model = replace(model, rankers={**model.rankers, "circle": Blend({"log_orders": 1.0})})
    scoring = scoring_of(model, OWNER, "circle")
    assert scoring.listens_to("interest") and len(Circle().propose(scoring, 40).product)
    graphs = {"walk": len(ShareGraph().propose(scoring, 40).product)}
    monkeypatch.setattr(model_module, "EXACT_UP_TO", 0)
    assert not scoring.listens_to("interest") and not len(Circle().propose(scoring, 40).product)
    assert len(ShareGraph().propose(scoring, 40).product) <= graphs["walk"]
    asks = replace(model, rankers={**model.rankers, "circle": Blend({"interest": 1.0})})
    assert len(Circle().propose(scoring_of(asks, OWNER, "circle"), 40).product)
    assert len(rank(scoring, Query("o", n=5)).product) >= 5  # the list is as long as before
