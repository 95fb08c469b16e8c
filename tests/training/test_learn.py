"""Learning from the past: what cannot be learned from is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train import QUICK

from features.dataset import Dataset, open_dataset
from features.window import Window, open_window
from recsys.model import Model
from training import learn
from training.assemble import assemble
from training.config import config_from
from training.inputs import Inputs, Shares
from training.learn import Past, days_between_moments, learn_rankers, moment_count, past_moments
from training.read_inputs import read_inputs

CONFIG = config_from(QUICK)


@pytest.fixture(scope="module")
def inputs(small_town: Path) -> Inputs:
    with open_window(open_dataset(small_town)) as window:
        return read_inputs(window, CONFIG.graphs)


@pytest.fixture(scope="module")
def model(inputs: Inputs) -> Model:
    return assemble(inputs, CONFIG.operators, 0, {})


def without_shares(inputs: Inputs) -> Inputs:
    nothing = np.zeros(0, dtype=np.int32)
    return replace(
        inputs, shares=Shares(nothing, nothing, nothing.astype(np.float32), nothing, nothing, None)
    )


def test_a_past_without_shares_is_left_out_and_that_is_said(inputs: Inputs, model: Model) -> None:
    heard: list[str] = []
    past = Past(without_shares(inputs), inputs.purchases)
    learned = learn_rankers(model, iter([past]), 1, CONFIG, 1, heard.append)
    sentence = "its features are not those of today: without als8_evidence, als8_evidence_relative, "
    assert [(what, why[: len(sentence)]) for what, why in learned.off[:1]] == [
        ("learning from past 1 of 1", sentence)
    ]
    assert [what for what, _ in learned.off[1:]] == [
        "a learned ranker for circle", "a learned ranker for self",
    ]  # fmt: skip
    assert any(line.startswith("past 1 is left out: its features") for line in heard)


def test_a_past_with_the_same_features_is_learned_from(inputs: Inputs, model: Model) -> None:
    learned = learn_rankers(model, iter([Past(inputs, inputs.purchases)]), 1, CONFIG, 1, lambda _: None)
    assert learned.off == ()


def test_red_control_features_that_seem_the_same_are_not_said(
    inputs: Inputs, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "feature_names", lambda _: ("one",))
    monkeypatch.setattr(learn, "fit_ranker", lambda *_: None)
    past = Past(without_shares(inputs), inputs.purchases)
    assert learn_rankers(model, iter([past]), 1, CONFIG, 1, lambda _: None).off == ()


@pytest.mark.parametrize(
    ("history_days", "wanted", "days"),
    [(365, 30.0, 30.0), (132, 30.0, 22.0), (40, 30.0, 14.0), (10, 30.0, 14.0), (365, 7.0, 7.0)],
)
def test_moments_stand_closer_in_a_short_history(
    inputs: Inputs, history_days: int, wanted: float, days: float
) -> None:
    assert inputs.movement is not None
    start = datetime(2026, 1, 1, tzinfo=UTC)
    momentum = replace(inputs.movement.momentum, start_time=int(start.timestamp()) * 1_000_000)
    short = replace(inputs, movement=replace(inputs.movement, momentum=momentum))
    assert days_between_moments(short, start + timedelta(days=history_days), wanted) == pytest.approx(days)


def test_a_past_leaves_half_of_the_memory_to_what_stands_beside_it(
    small_town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    def opened(dataset: Dataset, moment: datetime, *, memory_limit_mb: int, **others: Any) -> Window:
        limits.append(memory_limit_mb)
        return open_window(dataset, moment, memory_limit_mb=memory_limit_mb, **others)

    monkeypatch.setattr(learn, "open_window", opened)
    dataset = open_dataset(small_town)
    with open_window(dataset, memory_limit_mb=500) as window:
        assert window.as_of is not None
        today, moment = read_inputs(window, config_from({}).graphs), window.as_of
    config = config_from({"run": {"memory_limit_mb": 900}, "ranker": {"n_moments": 2}})
    assert len(list(past_moments(dataset, moment, today, config, 1))) == 2
    assert limits == [450, 450]


@pytest.mark.parametrize(("enough", "n"), [(1, 1), (10**6, 2)])
def test_one_past_is_enough_where_it_labels_many_owners(small_town: Path, enough: int, n: int) -> None:
    config = config_from({"ranker": {"enough_queries": enough}})
    with open_window(open_dataset(small_town), memory_limit_mb=500) as window:
        assert window.as_of is not None
        assert moment_count(read_inputs(window, config.graphs), window.as_of, config) == n
