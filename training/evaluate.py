"""Judges a snapshot beside every baseline, on what it cannot have seen.

Where the dataset has orders after the snapshot's moment, that very snapshot is judged on them. Else it has
seen everything and would be flattered: then a twin with the same configuration is trained on an earlier
part, into a temporary folder, and judged on the rest.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.dataset import Dataset, open_dataset
from features.window import Window
from recsys.domain import Target
from recsys.errors import ConfigError, DataError, SnapshotError, UsageError
from recsys.model_files import model_of
from recsys.snapshot import Snapshot, open_snapshot
from recsys.threads import thread_count
from training.ablation import Part, without_each_social_part, without_each_source
from training.baselines import NAMES, REGISTRY, fit_baseline
from training.baselines.seam import DoesNotFitError
from training.by_score import by_score, ordering_by_score, price_of_value
from training.closed import closed_by
from training.draws import rng_for
from training.evaluation import DEPTH, OURS, Evaluation
from training.evaluation_words import said_of
from training.facts import MEMORY_LIMIT_MB, gather_facts, judging_window, order_times
from training.holding_out import write_without_held_out
from training.judge_calibration import judge_calibration
from training.judging import judge, judge_parts, rank_baseline
from training.metrics import Ranked
from training.problem import Facts, Problem, build_problem
from training.rank_ours import Progress, map_facts, rank_ours
from training.split import datetime_of, time_cut

if TYPE_CHECKING:
    from training.config import Config

MAX_OWNERS = 20_000


@dataclass(frozen=True, slots=True)
class Judged:
    """Which snapshot is judged, what the baselines may read, and why."""

    snapshot: Snapshot
    early: Dataset
    cut: datetime | None
    said: str
    train_seconds: float | None = None


def evaluate(
    snapshot_path: Path,
    dataset_path: Path,
    *,
    target: Target = "circle",
    baselines: Sequence[str] = NAMES,
    seed: int = 0,
    max_owners: int | None = MAX_OWNERS,
    ablation: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Full-ranking figures of the snapshot and of each baseline, with 95 % intervals over owners.

    With `ablation` also what each candidate source and the social part are worth; the latter takes up to
    three more trainings.

    UsageError for an unknown baseline, DataError when the dataset is not of the snapshot's world or has
    nothing to judge on.
    """
    _check_names(baselines)
    report = progress or (lambda _what, _done, _of: None)
    snapshot = open_snapshot(snapshot_path)
    dataset = open_dataset(dataset_path)
    with tempfile.TemporaryDirectory(prefix="sharepicks-evaluate-") as folder:
        with judging_window(dataset) as late:
            report("splitting and, where needed, training", 0, 1)
            judged = choose_judged(snapshot, dataset, late, Path(folder), rng_for(seed, "hold out"))
            report("splitting and, where needed, training", 1, 1)
            with judging_window(judged.early, judged.cut) as early:
                facts = gather_facts(early, late, judged.cut)
            off = tuple(f"{what}: {why}" for what, why in late.off)
            calibration = judge_calibration(model_of(judged.snapshot), late, judged.cut, target)
        model = model_of(judged.snapshot)
        problem = problem_of(judged.snapshot, facts, target, rng_for(seed, "owners"), max_owners)
        lists: dict[str, Ranked] = {}
        seconds: dict[str, float] = {}
        started = time.monotonic()
        lists[OURS] = rank_ours(model, problem, DEPTH, report)
        seconds[OURS] = time.monotonic() - started
        scored = by_score(model, problem, lists[OURS], report) if ablation else lists[OURS]
        left_out = _rank_baselines(baselines, problem, seed, report, lists, seconds)
        parts = _parts_taken_away(judged, problem, report) if ablation else None
    labels = {OURS: "Sharepicks"} | {name: REGISTRY[name][1] for name in baselines}
    found = judge(problem, lists, labels, rng_for(seed, "bootstrap"))
    return replace(
        found,
        gains=() if parts is None else judge_parts(problem, scored, parts, rng_for(seed, "ablation")),
        facts=_run_facts(snapshot, judged, seed, seconds) | {"n_owners_limit": max_owners},
        said=(
            judged.said,
            *said_of(problem, judged.cut is None, max_owners),
            *price_of_value(problem, lists[OURS], scored),
        ),
        left_out=left_out,
        off=off,
        calibration=calibration,
    )


def problem_of(
    snapshot: Snapshot, facts: Facts, target: Target, rng: np.random.Generator, max_owners: int | None
) -> Problem:
    """The problem behind the gates of the judged snapshot; DataError when it is of another world."""
    model, n_products = model_of(snapshot), len(facts.product_ids)
    rows = map_facts(model, facts)
    if len(rows.product) and (rows.product < 0).all():
        raise DataError(
            f"{snapshot.path}: knows none of the dataset's {n_products:,} products; "
            "evaluate it on the world it was trained on"
        )
    closed = closed_by(model, rows.owner, rows.product, n_products, target)
    return build_problem(facts, target, rng, max_owners, closed)


def _parts_taken_away(judged: Judged, problem: Problem, report: Progress) -> list[Part]:
    model = ordering_by_score(model_of(judged.snapshot))  # the parts fitted anew know no value either
    parts = list(without_each_source(model, problem, DEPTH, report))
    config = config_of(judged.snapshot)
    return parts + list(without_each_social_part(judged.early, judged.cut, config, problem, DEPTH, report))


def choose_judged(
    snapshot: Snapshot, dataset: Dataset, late: Window, folder: Path, rng: np.random.Generator
) -> Judged:
    """The snapshot itself where later orders judge it; else a twin, trained into `folder` without them."""
    as_of_us = model_of(snapshot).as_of_us
    if dataset.timeless:
        early = write_without_held_out(
            dataset, folder / "dataset", rng, memory_limit_mb=MEMORY_LIMIT_MB, threads=thread_count()
        )
        said = (
            "The dataset has no times and the snapshot may have seen all of it. Judged is a twin of the same "
            "configuration, trained without a fifth of each person's purchases, on that fifth."
        )
        return _with_twin(snapshot, early, None, folder, said)
    if as_of_us is None:
        raise DataError(
            f"{snapshot.path}: was trained on a dataset without times; "
            f"{dataset.path} has times, so it is not the world of this snapshot"
        )
    times = order_times(late)
    n_later = int((times > as_of_us).sum())
    if n_later:
        cut = datetime_of(as_of_us)
        said = (
            f"Judged is this very snapshot, on the {n_later:,} order lines after its moment, "
            f"{cut:%Y-%m-%d %H:%M} UTC."
        )
        return Judged(snapshot, dataset, cut, said)
    cut_us = time_cut(times)
    cut = datetime_of(cut_us)
    n_later = int((times > cut_us).sum())
    said = (
        "The snapshot has seen the whole dataset. Judged is a twin of the same configuration, trained on "
        f"what came up to {cut:%Y-%m-%d %H:%M} UTC, on the {n_later:,} order lines after it."
    )
    return _with_twin(snapshot, dataset, cut, folder, said)


def _with_twin(snapshot: Snapshot, early: Dataset, cut: datetime | None, folder: Path, said: str) -> Judged:
    """Trains the snapshot's configuration on the earlier part."""
    from training.train import train  # only here: an evaluation as it is needs no training

    started = time.monotonic()
    config = config_of(snapshot)
    train(early.path, folder / "snapshot", as_of=cut, config=config)
    twin = open_snapshot(folder / "snapshot", verify=False)
    return Judged(twin, early, cut, said, time.monotonic() - started)


def config_of(snapshot: Snapshot) -> Config:
    """The configuration that the snapshot was trained with."""
    from training.config import config_from

    try:
        return config_from(snapshot.manifest.fields.get("config") or {}, "its config")
    except ConfigError as error:
        raise SnapshotError(
            f"{snapshot.path}: was trained by another version, so no twin of it can be trained here; "
            f"train it again, or judge it on a dataset with later orders ({error})"
        ) from error


def _rank_baselines(
    names: Sequence[str], problem: Problem, seed: int, report: Progress,
    lists: dict[str, Ranked], seconds: dict[str, float],
) -> tuple[str, ...]:  # fmt: skip
    """Fills `lists` and `seconds`; returns the sentences of those left out."""
    left_out = []
    for name in names:
        started, label = time.monotonic(), REGISTRY[name][1]
        report(f"fitting {label}", 0, 1)
        if name == "friends_only" and not problem.asked.circle_history.nnz:
            left_out.append(f"{label}: nobody's circle is known, or no circle had bought anything")
            continue
        try:
            fitted = fit_baseline(name, problem.matrix, rng_for(seed, name))
        except DoesNotFitError as error:
            left_out.append(f"{label}: {error}")
            continue
        lists[name] = rank_baseline(
            fitted, problem, DEPTH, _advance(report, f"ranking with {label}", problem)
        )
        seconds[name] = time.monotonic() - started
    return tuple(left_out)


def _advance(report: Progress, what: str, problem: Problem) -> Callable[[int], None]:
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        report(what, done, problem.asked.n)

    return advance


def _run_facts(snapshot: Snapshot, judged: Judged, seed: int, seconds: Mapping[str, float]) -> dict[str, Any]:
    fields = snapshot.manifest.fields
    return {
        "snapshot_id": snapshot.manifest.snapshot_id,
        "dataset_hash": fields.get("dataset_hash"),
        "config": fields.get("config"),
        "cut_time": None if judged.cut is None else judged.cut.isoformat(),
        "retrained": judged.train_seconds is not None,
        "train_seconds": judged.train_seconds,
        "seed": seed,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def _check_names(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in REGISTRY]
    if unknown:
        raise UsageError(f"baselines must be among {', '.join(NAMES)}; got {unknown[0]!r}")
