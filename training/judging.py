"""Ranked lists in, an evaluation out: every measure of every method on the same owners and the same draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training import metrics
from training.baselines import OF_CIRCLES, Baseline
from training.baselines.seam import Asked, Scores
from training.bootstrap import Interval, Resamples, resample
from training.problem import Problem, Slice

OURS = "sharepicks"
CUTOFFS = (10, 20)
DEPTH = max(CUTOFFS)
MAIN_MEASURE = "ndcg@20"
SLICE_MEASURES = ("recall@20", "ndcg@20")
_CELLS_AT_ONCE = 16_000_000  # scores held at a time: 64 MB


@dataclass(frozen=True, slots=True)
class Method:
    """One method's figures: per measure a mean with its interval; beyond accuracy plain numbers."""

    name: str
    label: str
    measures: Mapping[str, Interval]
    beyond: Mapping[str, float]
    lorenz: tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside one baseline on one measure, owner by owner; `ratio` None where the baseline has 0."""

    against: str
    measure: str
    difference: Interval
    ratio: Interval | None


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice: how many owners have something relevant in it, and each method's figures there."""

    name: str
    meaning: str
    n_owners: int
    methods: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that an evaluation found.

    `facts` are what a reader needs to repeat it; `left_out` says which baselines could not run and why, `off`
    what the dataset cannot support.
    """

    target: str
    n_owners: int
    n_products: int
    n_relevant: int
    methods: tuple[Method, ...]
    comparisons: tuple[Comparison, ...]
    slices: tuple[SliceResult, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    @property
    def ours(self) -> Method:
        """Our own figures."""
        return self.methods[0]

    @property
    def best_baseline(self) -> Method | None:
        """The baseline with the highest NDCG@20; None when none was asked for."""
        others = self.methods[1:]
        return max(others, key=lambda m: m.measures[MAIN_MEASURE].mean) if others else None

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`; Lorenz curves stay out."""
        best = self.best_baseline
        return {
            "target": self.target, "n_owners": self.n_owners, "n_products": self.n_products,
            "n_relevant": self.n_relevant, "best_baseline": best.name if best else None,
            "methods": [
                {"name": m.name, "label": m.label, "beyond": dict(m.beyond),
                 "measures": {k: asdict(v) for k, v in m.measures.items()}}
                for m in self.methods
            ],
            "comparisons": [asdict(c) for c in self.comparisons],
            "slices": [
                {"name": s.name, "meaning": s.meaning, "n_owners": s.n_owners,
                 "methods": {n: {k: asdict(v) for k, v in ms.items()} for n, ms in s.methods.items()}}
                for s in self.slices
            ],
            "facts": dict(self.facts), "said": list(self.said),
            "left_out": list(self.left_out), "off": list(self.off),
        }  # fmt: skip


def verdict(evaluation: Evaluation) -> str:
    """One sentence: ours beside the best baseline on NDCG@20, and whether the difference could be chance."""
    best = evaluation.best_baseline
    ours = evaluation.ours.measures[MAIN_MEASURE]
    if best is None:
        return f"Sharepicks reaches an NDCG@20 of {ours.mean:.4f}; no baseline was asked for."
    main = main_comparison(evaluation, best.name)
    ratio = "" if main.ratio is None else f", {main.ratio.mean:.2f} times as much"
    values = f"{ours.mean:.4f} against {best.measures[MAIN_MEASURE].mean:.4f}{ratio}"
    if not main.difference.excludes(0.0):
        return (
            f"Sharepicks and the best baseline, {best.label}, cannot be told apart on NDCG@20 ({values}): "
            "the 95 % interval of their difference holds 0."
        )
    word = "above" if main.difference.mean > 0 else "below"
    return (
        f"Sharepicks is {word} the best baseline, {best.label}, on NDCG@20: {values}. "
        "The 95 % interval of the difference does not hold 0."
    )


def main_comparison(evaluation: Evaluation, against: str, measure: str = MAIN_MEASURE) -> Comparison:
    """Ours beside that baseline on one measure; KeyError when they were not compared."""
    for comparison in evaluation.comparisons:
        if (comparison.against, comparison.measure) == (against, measure):
            return comparison
    raise KeyError((against, measure))


def rank_baseline(
    baseline: Baseline, problem: Problem, depth: int = DEPTH, advance: Callable[[int], None] | None = None
) -> metrics.Ranked:
    """The baseline's best products per judged owner, int32[n, depth]; what she has is masked, as for ours.

    For a circle whose members do not buy again, each member's own purchases are masked before the sum over
    the members. Equal scores go to the smaller product row.
    """
    n_products = len(problem.product_ids)
    step = max(1, _CELLS_AT_ONCE // max(n_products, 1))
    parts = []
    for start in range(0, problem.asked.n, step):
        stop = min(start + step, problem.asked.n)
        asked = problem.asked.rows(start, stop)
        if problem.target == "circle" and not problem.repeats and baseline.name not in OF_CIRCLES:
            scores = _sum_of_members(baseline, asked, problem.matrix, step)
        else:
            scores = baseline.scores(asked)
        seen = problem.seen[start:stop]
        scores[np.repeat(np.arange(stop - start), np.diff(seen.indptr)), seen.indices] = -np.inf
        parts.append(top_rows(scores, depth))
        if advance:
            advance(stop - start)
    return np.concatenate(parts)


def _sum_of_members(baseline: Baseline, asked: Asked, matrix: sp.csr_array, step: int) -> Scores:
    """Sum over each row's people of their scores above their least, 0 for what each has: float32[n, P]."""
    total = np.zeros(asked.history.shape, dtype=np.float32)
    members = np.unique(asked.people.indices)
    for start in range(0, len(members), step):
        some = members[start : start + step]
        history = sp.csr_array(matrix[some])
        one_each = sp.csr_array(
            (np.ones(len(some), np.float32), (np.arange(len(some)), some)), shape=(len(some), matrix.shape[0])
        )
        scores = baseline.scores(Asked(one_each, history, history))
        scores -= scores.min(axis=1, keepdims=True)
        scores[np.repeat(np.arange(len(some)), np.diff(history.indptr)), history.indices] = 0.0
        total += sp.csr_array(asked.people[:, some]) @ scores
    return total


def top_rows(scores: NDArray[np.float32], depth: int) -> metrics.Ranked:
    """Columns of the `depth` highest scores per row, best first; -1 where only -inf is left."""
    n_rows, n_columns = scores.shape
    width = min(depth, n_columns)
    # The place of the last one taken decides; ties with it go to the smaller column.
    last = np.partition(scores, n_columns - width, axis=1)[:, n_columns - width, None]
    above, equal = scores > last, scores == last
    room = width - above.sum(axis=1, keepdims=True)
    taken = above | (equal & (np.cumsum(equal, axis=1) <= room))
    columns = np.nonzero(taken)[1].reshape(n_rows, width)
    best = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-best, axis=1, kind="stable")
    ranked = np.full((n_rows, depth), -1, dtype=np.int32)
    found = np.take_along_axis(columns, order, axis=1)
    ranked[:, :width] = np.where(np.take_along_axis(best, order, axis=1) > -np.inf, found, -1)
    return ranked


def judge(
    problem: Problem, lists: Mapping[str, metrics.Ranked], labels: Mapping[str, str], rng: np.random.Generator
) -> Evaluation:
    """Judges every method's lists, int32[n, >= 20] each; the first one is ours, the others baselines."""
    names = list(lists)
    per_owner = {name: _per_owner(lists[name], problem) for name in names}
    columns = [(name, measure) for name in names for measure in per_owner[name]]
    place = {column: i for i, column in enumerate(columns)}
    values = np.column_stack([per_owner[name][measure] for name, measure in columns])
    drawn = resample(values, rng)
    methods = tuple(
        Method(
            name, labels[name],
            {measure: drawn.interval(place[name, measure]) for measure in per_owner[name]},
            _beyond(lists[name], problem),
            metrics.lorenz(metrics.exposure(lists[name], len(problem.product_ids), DEPTH)),
        )
        for name in names
    )  # fmt: skip
    return Evaluation(
        problem.target, problem.asked.n, len(problem.product_ids), int(problem.truth.nnz), methods,
        _comparisons(names, drawn, place), _judge_slices(problem, lists, rng),
    )  # fmt: skip


def _per_owner(ranked: metrics.Ranked, problem: Problem) -> dict[str, NDArray[np.float64]]:
    gains = metrics.hit_gains(ranked, problem.truth)
    hits = gains > 0
    n_relevant = _n_relevant(problem.truth)
    found: dict[str, NDArray[np.float64]] = {}
    for k in CUTOFFS:
        found[f"recall@{k}"] = metrics.recall(hits, n_relevant, k)
        found[f"ndcg@{k}"] = metrics.ndcg(hits, n_relevant, k)
        found[f"mrr@{k}"] = metrics.mrr(hits, k)
        found[f"hit@{k}"] = metrics.hit(hits, k)
        if problem.target == "circle":
            found[f"graded_ndcg@{k}"] = metrics.graded_ndcg(gains, problem.truth, k)
    return found


def _beyond(ranked: metrics.Ranked, problem: Problem) -> dict[str, float]:
    found = {}
    n_persons = int(problem.matrix.shape[0])
    for k in CUTOFFS:
        shown = metrics.exposure(ranked, len(problem.product_ids), k)
        found[f"coverage@{k}"] = metrics.coverage(shown)
        found[f"gini@{k}"] = metrics.gini(shown)
        found[f"novelty@{k}"] = float(metrics.novelty(ranked, problem.n_buyers, n_persons, k).mean())
        if len(np.unique(problem.category_row)) > 1:
            diversity = metrics.category_diversity(ranked, problem.category_row, k)
            found[f"diversity@{k}"] = float(diversity.mean())
    return found


def _comparisons(
    names: list[str], drawn: Resamples, place: Mapping[tuple[str, str], int]
) -> tuple[Comparison, ...]:
    measures = [measure for name, measure in place if name == names[0]]
    return tuple(
        Comparison(
            other, measure,
            drawn.difference(place[names[0], measure], place[other, measure]),
            drawn.ratio(place[names[0], measure], place[other, measure]),
        )
        for other in names[1:] for measure in measures
    )  # fmt: skip


def _judge_slices(
    problem: Problem, lists: Mapping[str, metrics.Ranked], rng: np.random.Generator
) -> tuple[SliceResult, ...]:
    return tuple(_judge_slice(part, problem, lists, rng) for part in problem.slices)


def _judge_slice(
    part: Slice, problem: Problem, lists: Mapping[str, metrics.Ranked], rng: np.random.Generator
) -> SliceResult:
    truth = problem.truth if part.truth is None else part.truth
    chosen = np.diff(truth.indptr) > 0
    if part.owners is not None:
        chosen &= part.owners
    if not chosen.any():
        return SliceResult(part.name, part.meaning, 0, {})
    n_relevant = _n_relevant(truth)[chosen]
    columns = []
    for ranked in lists.values():
        hits = metrics.hit_gains(ranked[chosen], sp.csr_array(truth[chosen])) > 0
        columns += [metrics.recall(hits, n_relevant, 20), metrics.ndcg(hits, n_relevant, 20)]
    drawn = resample(np.column_stack(columns), rng)
    width = len(SLICE_MEASURES)
    methods = {
        name: {measure: drawn.interval(i * width + j) for j, measure in enumerate(SLICE_MEASURES)}
        for i, name in enumerate(lists)
    }
    return SliceResult(part.name, part.meaning, int(chosen.sum()), methods)


def _n_relevant(truth: sp.csr_array) -> NDArray[np.int64]:
    return np.diff(truth.indptr).astype(np.int64)
