"""Tuning: what it may look at, what it tries first, going on where it ended, and when the default stays."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from threadpoolctl import threadpool_limits

from features.dataset import Dataset, open_dataset
from features.window import open_window
from recsys.domain import Target
from recsys.errors import UsageError
from training import tune as tune_module
from training.bootstrap import Interval
from training.config import Config, config_from
from training.config_file import changes, config_text, write_config
from training.facts import order_times
from training.search_space import KNOBS, OF_TIMED_WORLDS, config_of, default_values, knobs_for
from training.split import datetime_of, time_cut, us_of
from training.tune import TrialJudge, Tuned, tune
from training.tuning_text import comments_of, tuning_text, verdict
from training.validation import Validation, validation_of


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small matrices: more threads only wait for one another."""
    monkeypatch.setenv("SHAREPICKS_THREADS", "1")
    with threadpool_limits(1, "blas"):
        yield


@pytest.mark.parametrize("timeless", [True, False])
def test_the_default_is_one_of_what_is_tried(timeless: bool) -> None:
    values = default_values(timeless)
    assert config_of(values) == Config()
    for name, knob in knobs_for(timeless).items():
        assert knob.low <= values[name] <= knob.high, name
    assert set(values) == set(knobs_for(timeless))


def test_a_knob_changes_what_it_says_and_nothing_else() -> None:
    found = config_of(default_values(False) | {"n_leaves": 31, "als_regularization_scale": 2.0})
    assert changes(found) == {
        "operators": {"als_regularization": [40.0, 80.0]},
        "ranker": {"n_leaves": 31},
    }


@given(st.fixed_dictionaries({
    name: st.integers(int(k.low), int(k.high)) if k.whole else st.floats(k.low, k.high)
    for name, k in {**KNOBS, **OF_TIMED_WORLDS}.items()
}))  # fmt: skip
def test_what_is_written_is_read_back_the_same(values: dict[str, float]) -> None:
    config = config_of(values)
    assert config_from(tomllib.loads(config_text(config, ["why", "# and how"]))) == config


def test_the_default_is_written_as_comments_alone(tmp_path: Path) -> None:
    write_config(Config(), tmp_path / "mine.toml", ["kept"])
    assert (tmp_path / "mine.toml").read_text("utf-8") == "# kept\n"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_what_evaluate_judges_by_is_not_looked_at(small_town: Path, tmp_path: Path) -> None:
    """Times: the judged part of the choice ends where evaluate's begins."""
    dataset = open_dataset(small_town)
    found = validation_of(dataset, tmp_path, 0)
    with open_window(dataset) as everything:
        times = order_times(everything)
    judged = time_cut(times)
    assert found.cut is not None and us_of(found.cut) < judged
    assert len(found.facts.after.member_row) == ((times > us_of(found.cut)) & (times <= judged)).sum()
    assert f"{datetime_of(judged):%Y-%m-%d}" in found.said


# Each trial learns from little, so that the tests are quick; the search is the real one.
QUICK = {
    "operators": {"walks": ["walk"], "spectral_factors": [4], "ease_max_products": 0},
    "ranker": {"n_moments": 1, "n_trees": 8, "n_negatives": 10, "min_examples": 30, "max_folds": 1},
}


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tune_module.config_of

    def smaller(values: dict[str, float]) -> Config:
        config = real(values)
        quick = config_from(QUICK)
        operators = replace(quick.operators, als_factors=(), als_alpha=(), als_regularization=())
        ranker = replace(quick.ranker, n_leaves=config.ranker.n_leaves)
        return replace(config, operators=operators, ranker=ranker)

    monkeypatch.setattr(tune_module, "config_of", smaller)


@pytest.mark.usefixtures("_quick")
def test_with_no_time_the_default_is_tried_and_kept(small_town: Path) -> None:
    found = tune(small_town, minutes=0.0)
    assert found.n_trials == 1
    assert found.kept_default
    assert (found.gain.mean, found.gain.low, found.gain.high) == (0.0, 0.0, 0.0)
    assert found.best_values == pytest.approx(default_values(False))
    assert "The default is kept" in tuning_text(found)


class _NoFit(TrialJudge):
    """Judges a configuration by its leaves, so that a search is only a search."""

    def __init__(self, dataset: Dataset, validation: Validation, target: Target, seed: int) -> None:
        super().__init__(dataset, validation, target, seed)
        owners = np.zeros(50, dtype=np.int64)
        self._problem = SimpleNamespace(asked=SimpleNamespace(n=len(owners)))  # type: ignore[assignment]

    def _fit_and_judge(self, config: Config) -> np.ndarray:
        return np.full(50, config.ranker.n_leaves / 1000)


@pytest.fixture
def _no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Validation(None, None, None, "Said.")  # type: ignore[arg-type]
    monkeypatch.setattr(tune_module, "TrialJudge", _NoFit)
    monkeypatch.setattr(tune_module, "validation_of", lambda *_: nothing)


@pytest.mark.usefixtures("_no_fit")
def test_a_search_goes_on_where_it_ended_as_if_it_had_not(
    small_town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five trials at once, and two and three more: the same values in the same order."""
    tried, limit = [], [0]
    monkeypatch.setattr(tune_module, "_enough", lambda n_done, _ahead, _until: n_done >= limit[0])
    for name, limits in (("whole", [5]), ("parts", [2, 5])):
        for limit[0] in limits:
            found = tune(small_town, minutes=1.0, study=tmp_path / name)
        storage = JournalStorage(JournalFileBackend(str(tmp_path / name)))
        study = optuna.load_study(study_name="sharepicks", storage=storage)
        tried.append([trial.params for trial in study.trials])
        assert found.best_values == study.best_params
    assert tried[0] == tried[1]
    assert len(tried[0]) == 5


@pytest.mark.usefixtures("_no_fit")
def test_a_better_trial_is_kept_with_its_gain(small_town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "_enough", lambda n_done, _ahead, _until: n_done >= 6)
    found = tune(small_town, minutes=1.0)
    assert not found.kept_default
    assert found.gain.mean == pytest.approx((found.config.ranker.n_leaves - 15) / 1000)
    assert found.gain.low > 0


@pytest.mark.usefixtures("_no_fit")
def test_a_study_of_something_else_is_refused(small_town: Path, tmp_path: Path) -> None:
    tune(small_town, minutes=0.0, study=tmp_path / "study")
    with pytest.raises(UsageError, match="study of another target"):
        tune(small_town, minutes=0.0, study=tmp_path / "study", target="self")


def _tuned(gain: Interval) -> Tuned:
    kept = not gain.low > 0
    return Tuned(
        Config(), kept, "circle", gain, 0.1, 0.1 + gain.mean, {"n_leaves": 31}, 9, 200, 60.0, "Said.", "ab"
    )


def test_the_words_say_whether_the_default_was_kept() -> None:
    assert "could be chance" in verdict(_tuned(Interval(0.001, -0.001, 0.003)))
    assert "is worse for the owners who did not" in verdict(_tuned(Interval(-0.002, -0.003, -0.001)))
    better = _tuned(Interval(0.002, 0.001, 0.003))
    assert "it gains +0.0020" in verdict(better)
    assert "n_leaves = 31" in tuning_text(better)
    assert comments_of(better)[0].startswith("Chosen by sharepicks tune")
