"""The audits see what they are there to see: each beside a list that breaks what it asks for."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from small_model import large_town, small_model
from valued_model import valued_model

from recsys.list_rules import ListRules
from recsys.model import Model
from training.audits import (
    Sample,
    audits,
    commission_and_places,
    exposure_curve,
    n_inversions,
    regret,
    shuffle_tau,
)

RULES = ListRules()


@pytest.fixture(scope="module")
def model() -> Model:
    valued = valued_model(large_town())
    rates = np.random.default_rng(1).choice([0.05, 0.1, 0.2, 0.3], valued.n_products).astype(np.float32)
    return replace(valued, commission=rates)


def sample(n_owners: int = 60, n: int = 80, greedy: bool = False) -> Sample:
    """Pools as the model would rank them; `greedy`: by commission alone."""
    from recsys.selection import order_of

    rng = np.random.default_rng(3)
    owner = np.repeat(np.arange(n_owners, dtype=np.int32), n)
    product = np.tile(np.arange(n, dtype=np.int32), n_owners)
    worth = np.exp(rng.normal(0, 1, len(owner))).astype(np.float32)
    commission = rng.random(len(owner)).astype(np.float32)
    if greedy:
        order = np.lexsort((-commission, owner))
    else:
        order = order_of(owner, worth, worth, product, commission, RULES)
    return Sample(owner, product[order], worth[order], worth[order], commission[order])


def test_a_run_card_holds_plain_figures(model: Model) -> None:
    found = audits(model, 0)
    assert json.loads(json.dumps(found)) == found
    assert found["n_owners"] == 60
    assert found["commission"]["inversions_above_band"] == 0
    assert 0.9 < found["commission"]["shuffle_tau"] < 1  # nearly all is worth the same in this small world
    assert 0 <= found["commission"]["regret"] < 0.01
    assert list(found["exposure"]["worth_kept_at_cap"]) == ["0.2", "0.1", "0.05", "0.02"]
    assert audits(model, 0) == found


def test_what_cannot_be_asked_is_said(model: Model) -> None:
    assert "no offer names a commission" in audits(replace(model, commission=None), 0)["commission"]
    assert "nothing tells how orders ended" in audits(small_model(large_town()), 0)["commission"]


def test_ten_thousand_lists_of_the_real_order_pass() -> None:
    """τ and inversions as the issue asks, on 10,000 lists."""
    many = sample(10_000, 40)
    assert n_inversions(many, RULES) == 0
    assert shuffle_tau(sample(300, 40), RULES, np.random.default_rng(0)) >= 0.95


def test_red_control_lists_by_commission_fail_every_audit() -> None:
    greedy, fair = sample(greedy=True), sample()
    assert n_inversions(greedy, RULES) > 1000
    assert regret(fair, RULES) < 0.005
    assert commission_and_places(fair)["places_explained"] < 0.01
    assert commission_and_places(greedy)["places_explained"] > 0.9
    wide = ListRules(commission_band=10.0)
    assert shuffle_tau(fair, wide, np.random.default_rng(0)) < 0.9
    assert regret(fair, wide) > 0.05


def test_without_a_band_commission_costs_nothing_and_explains_nothing() -> None:
    rules = ListRules(commission_band=0.0)
    assert regret(sample(), rules) == 0
    assert shuffle_tau(sample(), rules, np.random.default_rng(0)) == 1


def test_the_exposure_curve_falls_as_caps_tighten() -> None:
    one = sample()
    found = exposure_curve(one, 80)
    kept = list(found["worth_kept_at_cap"].values())
    assert kept == sorted(kept, reverse=True)
    assert all(0 < left <= 1 for left in kept)
    everywhere = replace(one, product=np.tile(np.arange(80, dtype=np.int32), 60))
    assert exposure_curve(everywhere, 80)["largest_share"] == 1
    assert exposure_curve(everywhere, 80)["coverage"] == 0.25
