"""Commission breaks ties; where nearly all is a tie, it gets a narrower band, until lists stay alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_model import large_town
from valued_model import valued_model

from recsys.list_rules import RUNG, ListRules, order_rules_of
from recsys.model import Model
from training import commission_rung
from training.audits import audits, sample_of, shuffle_tau
from training.commission_rung import with_rung


@pytest.fixture(scope="module")
def model() -> Model:
    """A town in which nearly everything is worth the same, every commission another."""
    valued = valued_model(large_town())
    rates = np.random.default_rng(1).random(valued.n_products).astype(np.float32)
    wide = {**valued.settings, "list": {"commission_band": 0.3}}
    return replace(valued, commission=rates, settings=wide)


def test_a_band_that_would_decide_the_list_is_narrowed_and_the_law_stays(model: Model) -> None:
    narrowed = with_rung(model, 0)
    assert 0 <= narrowed.order_rules.commission_band < 0.3
    assert narrowed.rules.commission_band == 0.3
    found = audits(narrowed, 0)["commission"]
    assert (found["band"], found["rung"]) == (0.3, narrowed.order_rules.commission_band)
    assert found["shuffle_tau"] >= 0.95
    assert found["inversions_above_band"] == 0


def test_red_control_the_whole_band_fails_the_audit(model: Model) -> None:
    assert audits(model, 0)["commission"]["shuffle_tau"] < 0.95


def test_the_widest_band_that_lists_bear_is_taken(model: Model) -> None:
    rung = with_rung(model, 0).order_rules.commission_band
    sample = sample_of(model, np.random.default_rng([0, 41]), commission_rung.N_OWNERS)
    wider = replace(model.rules, commission_band=2 * rung if rung else 0.3 / 32)
    assert shuffle_tau(sample, model.rules, np.random.default_rng([0, 43]), wider) < commission_rung.LEAST_TAU


def test_a_band_that_lists_bear_is_left_whole(model: Model) -> None:
    light = replace(model, settings={**model.settings, "list": {"commission_band": 0.0001}})
    assert with_rung(light, 0) is light
    without = replace(model, commission=None)
    assert with_rung(without, 0) is without


def test_a_rung_never_widens_the_band() -> None:
    assert order_rules_of({"list": {"commission_band": 0.05}, RUNG: 0.2}) == ListRules(commission_band=0.05)
    assert order_rules_of({RUNG: 0.0125}) == ListRules(commission_band=0.0125)
    assert order_rules_of({}) == ListRules()
