from __future__ import annotations

import numpy as np
import pytest
from small_model import large_town, small_model

from recsys.candidates import NO_SOURCE, given, propose
from recsys.pairs import Proposals, places_within
from recsys.ranking import scoring_of
from recsys.scoring import Scoring
from recsys.sources import SOURCES


class Fixed:
    """A source that proposes what it was told, for owner 0."""

    def __init__(self, name: str, *products: int) -> None:
        self.name = name
        self.products = products

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        scores = np.arange(len(self.products), 0, -1, dtype=np.float32)
        return Proposals(np.zeros(len(scores), np.int32), np.array(self.products, np.int32), scores)


@pytest.fixture(scope="module")
def scoring() -> Scoring:
    return scoring_of(small_model(large_town()), np.arange(20, dtype=np.int32), "circle")


def test_the_union_has_each_pair_once_sorted(scoring: Scoring) -> None:
    found = propose(scoring, 30)
    keys = found.pairs.owner.astype(np.int64) * scoring.model.n_products + found.pairs.product
    assert (np.diff(keys) > 0).all()
    every = [s.propose(scoring, 30) for s in SOURCES]
    proposed = {(int(o), int(p)) for part in every for o, p in zip(part.owner, part.product, strict=True)}
    assert proposed == set(zip(found.pairs.owner.tolist(), found.pairs.product.tolist(), strict=True))


def test_credit_goes_to_the_source_where_it_stands_highest(scoring: Scoring) -> None:
    found = propose(scoring, 3, [Fixed("a", 7, 8, 9), Fixed("b", 9, 7, 5)])
    assert found.pairs.product.tolist() == [5, 7, 8, 9]
    assert found.source.tolist() == [1, 0, 0, 1]  # 7 is first of a, 9 is first of b


def test_among_equals_the_source_registered_first_has_the_credit(scoring: Scoring) -> None:
    assert propose(scoring, 3, [Fixed("a", 1, 2), Fixed("b", 1, 2)]).source.tolist() == [0, 0]


def test_no_source_proposes_more_than_asked_from_one_operator(scoring: Scoring) -> None:
    for source in SOURCES:
        part = source.propose(scoring, 7)
        operators = max(1, len(scoring.model.operators))
        assert np.bincount(part.owner, minlength=20).max(initial=0) <= 7 * operators
        assert np.isfinite(part.score).all()


def test_given_pairs_stand_sorted_and_once() -> None:
    found = given(np.array([1, 0, 1, 0], np.int32), np.array([4, 2, 4, 1], np.int32))
    assert found.pairs.owner.tolist() == [0, 0, 1]
    assert found.pairs.product.tolist() == [1, 2, 4]
    assert set(found.source.tolist()) == {NO_SOURCE}


def test_places_count_within_each_owner() -> None:
    assert places_within(np.array([3, 3, 5, 5, 5, 9])).tolist() == [0, 1, 0, 1, 2, 0]
    assert places_within(np.zeros(0, np.int32)).tolist() == []
