"""What the guards look at: the candidate, the snapshot that serves, and the dataset they must agree with."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.columns.commission import commission_rates
from features.dataset import Dataset
from features.window import Window
from recsys.domain import Query, Target
from recsys.errors import DataError
from recsys.good_value import GoodValue
from recsys.model import Model
from recsys.model_files import model_of
from recsys.pair_features import Floats, feature_names, pair_features
from recsys.pairs import Pairs
from recsys.ranker import scores_among
from recsys.ranking import scoring_of
from recsys.recommend import rank_many_of, recommend_of
from recsys.snapshot import Snapshot, open_snapshot
from recsys.sparse import rows_of
from training.baselines import REGISTRY, fit_baseline
from training.bursts import bursts
from training.by_score import ordering_by_score
from training.calibration_check import CalibrationCheck
from training.config import Config
from training.draws import rng_for
from training.evaluate import Judged, choose_judged, config_of, problem_of
from training.evaluation import DEPTH, OURS, Evaluation
from training.facts import gather_facts, judging_window, order_times
from training.gate.finding import Bounds
from training.good_value import good_value
from training.inputs import Inputs
from training.judge_calibration import judge_calibration
from training.judging import judge, rank_baseline
from training.metrics import Ranked
from training.problem import Facts, Problem
from training.rank_ours import RowMap, lists_of, map_rows, rank_ours
from training.read_inputs import read_inputs
from training.split import datetime_of

SERVING, POPULAR, SEEN = "serving", "popular", "the candidate itself"
N_PLACES = 10
N_TIMED = 30  # replies timed of each snapshot
N_PAIRS = 5_000  # products of profiles that are set against products drawn at random
TARGETS: tuple[Target, ...] = ("circle", "self")

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two snapshots with its lists.

    rows: its rows beside the dataset's. lists int32 (n_owners, 10) in the dataset's product rows, -1 where a
    list ends before. flat: part of lists whose scores are all the same or no numbers. knows: how often the
    operators in the mean, and each target's ranker, put what a profile holds above a product drawn at random.
    """

    snapshot: Snapshot
    model: Model
    rows: RowMap
    lists: Ranked
    flat: float
    knows: Mapping[str, float]
    reply_ms: float
    n_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What the dataset says as of the candidate's moment, worked out anew and not read from the candidate."""

    inputs: Inputs
    value: GoodValue | None
    commission: npt.NDArray[np.float32] | None
    blocked: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """How lists did by what followed, per target: ours against the one that serves and popular.

    `is_twin`: a twin of the candidate was judged, which had not seen it; then `seen` judges the candidate
    itself on what it has seen, beside its twin. `why_not`: why nothing could be judged.
    """

    of_target: dict[Target, Evaluation]
    seen: dict[Target, Evaluation]
    calibration: CalibrationCheck | None
    is_twin: bool
    said: tuple[str, ...]
    why_not: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that a guard may look at."""

    bounds: Bounds
    candidate: Side
    serving: Side | None
    truth: Truth
    followed: Followed
    last_event_us: int | None  # of the whole dataset; None without times


def gather(
    candidate: Snapshot, serving: Snapshot | None, dataset: Dataset, bounds: Bounds, seed: int
) -> Evidence:
    """Reads the dataset as of the candidate's moment, asks both for lists, judges them by what followed."""
    model = model_of(candidate)
    as_of = None if model.as_of_us is None or dataset.timeless else datetime_of(model.as_of_us)
    with judging_window(dataset) as late:
        times = None if late.timeless else order_times(late)
        last = None if times is None or not len(times) else int(times.max())
        truth = read_truth(dataset, as_of, config_of(candidate))
        owners = _drawn_owners(truth.inputs, bounds.n_owners, seed)
        side = read_side(candidate, truth.inputs, owners)
        other = None if serving is None else read_side(serving, truth.inputs, owners)
        with tempfile.TemporaryDirectory(prefix="sharepicks-gate-") as folder:
            followed = _followed(candidate, serving, dataset, late, Path(folder), bounds, seed)
    return Evidence(bounds, side, other, truth, followed, last)


def read_truth(dataset: Dataset, as_of: datetime | None, config: Config) -> Truth:
    """What a snapshot of that moment and configuration must hold."""
    with judging_window(dataset, as_of) as window:
        inputs = read_inputs(window, config.graphs)
        found = bursts(window, inputs.catalogue.category_row)
        return Truth(
            inputs, good_value(window, inputs, config.run.seed), commission_rates(window),
            None if found is None else found.blocked,
        )  # fmt: skip


def read_facts(judged: Judged, late: Window) -> Facts:
    """What was known at the cut, and what followed."""
    with judging_window(judged.early, judged.cut) as early:
        return gather_facts(early, late, judged.cut)


def _drawn_owners(inputs: Inputs, n: int, seed: int) -> npt.NDArray[Any]:
    known = np.asarray(inputs.owner_ids, dtype=np.str_)
    drawn = rng_for(seed, "gate owners").permutation(len(known))[:n]
    return known[np.sort(drawn)]


def read_side(snapshot: Snapshot, inputs: Inputs, owners: npt.NDArray[Any]) -> Side:
    """A snapshot's lists for these owners, and what can be told of it without the dataset."""
    model = model_of(snapshot)
    rows = map_rows(model, owners, np.asarray(inputs.catalogue.product_ids, dtype=np.str_))
    n_bytes = sum(file.stat().st_size for file in snapshot.path.iterdir() if file.is_file())
    return Side(
        snapshot, model, rows, lists_of(model, rows, N_PLACES), _flat(model, rows), _knows(model, rows),
        _reply_ms(model, owners), n_bytes,
    )  # fmt: skip


def _flat(model: Model, rows: RowMap) -> float:
    """The part of known owners' lists, of two products at least, whose scores tell nothing apart."""
    known = np.unique(rows.owner[rows.owner >= 0]).astype(np.int32)
    n_lists = n_flat = 0
    for chunk in rank_many_of(model, known, N_PLACES, "self", False):
        for owner in np.unique(chunk.owner_row):
            score = chunk.score[chunk.owner_row == owner]
            if len(score) > 1:
                n_lists += 1
                n_flat += not np.isfinite(score).all() or bool(score.min() == score.max())
    return n_flat / max(1, n_lists)


def _knows(model: Model, rows: RowMap) -> dict[str, float]:
    found: dict[str, float] = {}
    known = np.unique(rows.owner[rows.owner >= 0]).astype(np.int32)
    for target in TARGETS:
        scoring = scoring_of(model, known, target)
        held = scoring.profiles.own_orders if target == "self" else scoring.profiles.circle_orders
        if not held.nnz:
            continue
        drawn = rng_for(0, f"gate {target}")
        some = np.sort(drawn.permutation(held.nnz)[:N_PAIRS])
        owner = rows_of(held)[some].astype(np.int32)
        theirs = Pairs(owner, held.indices[some].astype(np.int32))
        others = Pairs(owner, drawn.integers(0, model.n_products, len(owner), dtype=np.int32))
        table = [pair_features(scoring, pairs) for pairs in (theirs, others)]
        names = feature_names(model)
        columns = [names.index(operator.name) for operator in model.operators]
        above = [_above(*(one[:, at] for one in table)) for at in columns]
        found[f"operators in the mean, {target}"] = float(np.mean(above))  # one alone may well be weak
        ranker = model.rankers[target]
        found[f"ranker, {target}"] = _above(*(scores_among(ranker, names, one) for one in table))
    return found


def _above(theirs: Floats, others: Floats) -> float:
    """How often the first is larger, ties by half."""
    return float(np.mean((theirs > others) + 0.5 * (theirs == others)))


def _reply_ms(model: Model, owners: npt.NDArray[Any]) -> float:
    """The median milliseconds of a reply, after one that warms up."""
    taken = []
    for owner_id in [owners[0], *owners[:N_TIMED]] if len(owners) else []:
        started = time.perf_counter()
        recommend_of(model, Query(str(owner_id), n=N_PLACES))
        taken.append(1000 * (time.perf_counter() - started))
    return float(np.median(taken[1:])) if taken else 0.0


def _followed(
    candidate: Snapshot, serving: Snapshot | None, dataset: Dataset, late: Window, folder: Path,
    bounds: Bounds, seed: int,
) -> Followed:  # fmt: skip
    try:
        judged = choose_judged(candidate, dataset, late, folder, rng_for(seed, "hold out"))
    except DataError as error:
        return Followed({}, {}, None, False, (), str(error))
    is_twin = judged.snapshot is not candidate
    against, said = _against(candidate, serving, judged, folder)
    facts = read_facts(judged, late)
    found: dict[Target, Evaluation] = {}
    seen: dict[Target, Evaluation] = {}
    why_not: str | None = None
    for target in TARGETS:
        try:
            problem = problem_of(
                judged.snapshot, facts, target, rng_for(seed, "owners"), bounds.n_judged
            )  # fmt: skip
        except DataError as error:
            why_not = str(error)
            continue
        lists = {OURS: _by_score(judged.snapshot, problem)}
        labels = {OURS: "the candidate", POPULAR: REGISTRY[POPULAR][1], SERVING: "the one that serves"}
        if against is not None:
            lists[SERVING] = _by_score(against, problem)
        lists[POPULAR] = rank_baseline(
            fit_baseline(POPULAR, problem.matrix, rng_for(seed, POPULAR)), problem, DEPTH
        )
        found[target] = judge(problem, lists, labels, rng_for(seed, "bootstrap"))
        if is_twin and target == "circle":  # of her own, what she has is never listed again
            own = {OURS: _by_score(candidate, problem), "twin": lists[OURS]}
            seen[target] = judge(problem, own, {OURS: SEEN, "twin": "its twin"}, rng_for(seed, "bootstrap"))
    calibration = judge_calibration(model_of(candidate), late, judged.cut, "circle")
    return Followed(found, seen, calibration, is_twin, (judged.said, *said), None if found else why_not)


def _by_score(snapshot: Snapshot, problem: Problem) -> Ranked:
    """Its lists by score alone: how well it knows what follows. What lists are worth is another guard's."""
    return rank_ours(ordering_by_score(model_of(snapshot)), problem, DEPTH, spare=DEPTH)


def _against(
    candidate: Snapshot, serving: Snapshot | None, judged: Judged, folder: Path
) -> tuple[Snapshot | None, tuple[str, ...]]:
    """What stands for the serving snapshot in the judgement: itself, a twin of it, or nothing."""
    if serving is None:
        return None, ("Nothing serves yet: it is judged against popular alone.",)
    as_of_us = model_of(serving).as_of_us
    if judged.cut is not None and as_of_us is not None and datetime_of(as_of_us) <= judged.cut:
        return serving, (
            f"Against it stands the serving snapshot itself, as of {datetime_of(as_of_us):%F %H:%M}.",
        )
    if judged.snapshot is candidate:
        return serving, ("The serving snapshot has seen a part of what is judged: it is flattered.",)
    if config_of(serving) == config_of(candidate):
        return None, (
            "The serving snapshot has the same settings and would know the same at the cut: its twin is the "
            "candidate's.",
        )
    from training.train import train  # only where settings differ

    train(judged.early.path, folder / "serving", as_of=judged.cut, config=config_of(serving))
    twin = open_snapshot(folder / "serving", verify=False)
    return twin, (
        "Against it stands a twin of the serving snapshot, with its settings, trained up to the cut.",
    )
