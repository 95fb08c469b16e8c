"""Searches a better configuration for one dataset, within minutes, and keeps the default unless it is beaten.

Half of the owners choose: their mean NDCG@20 is what the search raises. The other half, never looked at while
searching, measures what the choice gained over the shipped default, owner by owner. The best of many trials
flatters itself on the owners who chose it; on the others it cannot.

Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011 (TPE), by Optuna.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.check import check_dataset
from features.dataset import Dataset, open_dataset
from features.fingerprint import dataset_hash
from features.window import open_window
from recsys.domain import Target
from recsys.errors import UsageError
from recsys.threads import thread_count
from training import metrics
from training.bootstrap import Interval, resample
from training.closed import closed_by
from training.config import Config, Graphs
from training.draws import rng_for
from training.inputs import Inputs
from training.problem import Problem, build_problem
from training.rank_ours import map_facts, rank_ours
from training.read_inputs import read_inputs
from training.search_space import config_of, default_values, knobs_for
from training.train import fit_model
from training.validation import Validation, validation_of

DEPTH = 20
MAX_OWNERS = 8_000
N_RANDOM_TRIALS = 8  # before the search learns from what it tried

Say = Callable[[str], None]
PerOwner = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found. `gain`: NDCG@20 of the best trial minus the default's, on the measuring half.

    `config` is the best one, or the default where the gain's interval holds 0.
    """

    config: Config
    kept_default: bool
    target: Target
    gain: Interval
    default_score: float
    best_score: float
    best_values: Mapping[str, float]
    n_trials: int
    n_owners: int
    seconds: float
    said: str
    dataset_hash: str

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        gain = {"mean": self.gain.mean, "low": self.gain.low, "high": self.gain.high}
        return {
            "kept_default": self.kept_default, "target": self.target, "gain": gain,
            "default_ndcg@20": self.default_score, "best_ndcg@20": self.best_score,
            "best_values": dict(self.best_values), "n_trials": self.n_trials, "n_owners": self.n_owners,
            "seconds": round(self.seconds, 1), "said": self.said, "dataset_hash": self.dataset_hash,
            "config": self.config.as_mapping(),
        }  # fmt: skip


def tune(
    dataset_path: Path,
    *,
    minutes: float,
    target: Target = "circle",
    study: Path | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Tuned:
    """The best configuration found within the minutes; the first trial is the shipped default.

    `study` is a file that keeps the trials: the same call goes on where it ended. The same dataset, target
    and seed try the same in the same order; more minutes try more. UsageError when Optuna is missing or the
    study is of something else, DataError when the dataset has nothing to choose by.
    """
    started = time.monotonic()
    dataset = open_dataset(dataset_path)
    check_dataset(dataset).raise_if_broken()
    asked = {"dataset": dataset_hash(dataset), "target": target, "seed": seed}
    trials = _open_study(study, asked)
    with tempfile.TemporaryDirectory(prefix="sharepicks-tune-") as folder:
        say("setting a part aside to choose by")
        trial_judge = TrialJudge(dataset, validation_of(dataset, Path(folder), seed), target, seed)
        _search(trials, trial_judge, started + 60 * minutes, say)
        best = config_of(trials.best_params)
        default = config_of(default_values(dataset.timeless))
        say("measuring the choice on the owners who did not choose")
        measured = trial_judge.ndcg(best)[~trial_judge.chooses]
        before = trial_judge.ndcg(default)[~trial_judge.chooses]
    drawn = resample(np.column_stack([measured, before]), rng_for(seed, "gain"))
    gain = drawn.difference(0, 1)
    kept_default = not (gain.low > 0)
    return Tuned(
        default if kept_default else best, kept_default, target, gain, float(before.mean()),
        float(measured.mean()), dict(trials.best_params), _n_done(trials), trial_judge.problem.asked.n,
        time.monotonic() - started, trial_judge.validation.said, str(asked["dataset"]),
    )  # fmt: skip


@dataclass(slots=True)
class TrialJudge:
    """Fits a configuration on the earlier part and judges it on the part to choose by."""

    dataset: Dataset
    validation: Validation
    target: Target
    seed: int
    _inputs: dict[Graphs, Inputs] = field(default_factory=dict)
    _judged: dict[str, PerOwner] = field(default_factory=dict)
    _problem: Problem | None = None

    @property
    def problem(self) -> Problem:
        """Whom and what every trial is judged on; there after the first trial."""
        assert self._problem is not None
        return self._problem

    @property
    def chooses(self) -> NDArray[np.bool_]:
        """Which owners choose; the others measure."""
        chosen: NDArray[np.bool_] = rng_for(self.seed, "halves").random(self.problem.asked.n) < 0.5
        return chosen

    def score(self, config: Config) -> float:
        """Mean NDCG@20 of the owners who choose."""
        return float(self.ndcg(config)[self.chooses].mean())

    def ndcg(self, config: Config) -> PerOwner:
        """NDCG@20 of each owner, float64[n]; a configuration is fitted once."""
        key = repr(config)
        if key not in self._judged:
            self._judged[key] = self._fit_and_judge(config)
        return self._judged[key]

    def knows(self, config: Config) -> bool:
        """Whether that configuration was judged already."""
        return repr(config) in self._judged

    def _fit_and_judge(self, config: Config) -> PerOwner:
        early, cut = self.validation.early, self.validation.cut
        model, _ = fit_model(early, self._read(config), cut, config, thread_count())
        if self._problem is None:  # what is closed depends on the world alone, not on a configuration
            facts = self.validation.facts
            rows = map_facts(model, facts)
            closed = closed_by(model, rows.owner, rows.product, len(facts.product_ids), self.target)
            self._problem = build_problem(
                facts, self.target, rng_for(self.seed, "owners"), MAX_OWNERS, closed
            )
        problem = self._problem
        hits = metrics.hit_gains(rank_ours(model, problem, DEPTH), problem.truth) > 0
        return metrics.ndcg(hits, np.diff(problem.truth.indptr).astype(np.int64), DEPTH)

    def _read(self, config: Config) -> Inputs:
        if config.graphs not in self._inputs:
            self._inputs.clear()  # one world in memory is enough
            memory = config.run.memory_limit_mb
            with open_window(
                self.validation.early, self.validation.cut, memory_limit_mb=memory, threads=thread_count()
            ) as window:
                self._inputs[config.graphs] = read_inputs(window, config.graphs)
        return self._inputs[config.graphs]


def _search(trials: Any, judge: TrialJudge, until: float, say: Say) -> None:
    """Trials one after the other until the time left is shorter than the longest of them."""
    import optuna

    knobs = knobs_for(judge.dataset.timeless)
    if not _n_done(trials):  # also where an earlier search was ended before its first trial was
        trials.enqueue_trial(default_values(judge.dataset.timeless))
    longest = 0.0
    while not _enough(_n_done(trials), longest * _n_fits_ahead(trials, judge), until):
        # seeded by the trials done, so that an interrupted search goes on as if it had not been
        trials.sampler = optuna.samplers.TPESampler(
            seed=int(rng_for(judge.seed, f"trial {_n_done(trials)}").integers(2**31)),
            n_startup_trials=N_RANDOM_TRIALS,
        )
        begun = time.monotonic()
        trial = trials.ask()
        values = {
            name: trial.suggest_int(name, int(knob.low), int(knob.high), log=True)
            if knob.whole
            else trial.suggest_float(name, knob.low, knob.high, log=True)
            for name, knob in knobs.items()
        }
        score = judge.score(config_of(values))
        trials.tell(trial, score)
        longest = max(longest, time.monotonic() - begun)
        say(f"trial {_n_done(trials)}: NDCG@20 {score:.4f}, the best {trials.best_value:.4f}")


def _enough(n_done: int, seconds_ahead: float, until: float) -> bool:
    """Whether another trial would take longer than there is left."""
    return n_done > 0 and time.monotonic() + seconds_ahead >= until


def _n_fits_ahead(trials: Any, judge: TrialJudge) -> int:
    """One more trial, and what must be fitted again to measure the choice: a resumed study keeps no lists."""
    if not _n_done(trials):
        return 1
    measured = (config_of(trials.best_params), config_of(default_values(judge.dataset.timeless)))
    return 1 + sum(not judge.knows(config) for config in measured)


def _n_done(trials: Any) -> int:
    return sum(trial.state.is_finished() for trial in trials.get_trials(deepcopy=False))


def _open_study(file: Path | None, asked: Mapping[str, Any]) -> Any:
    """The study of this dataset, target and seed, new or as the file has it."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise UsageError("tune needs Optuna, an optional extra: pip install 'sharepicks[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None if file is None else JournalStorage(JournalFileBackend(str(file)))
    trials = optuna.create_study(
        study_name="sharepicks", storage=storage, direction="maximize", load_if_exists=True
    )
    known = trials.user_attrs
    for key, value in asked.items():
        if key in known and known[key] != value:
            raise UsageError(
                f"{file}: is the study of another {key} ({known[key]}, now {value}); name another file"
            )
        trials.set_user_attr(key, value)
    return trials
