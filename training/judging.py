"""Ranked lists in, an evaluation out: every measure of every method on the same owners and the same draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from training import metrics
from training.ablation import Part
from training.baselines import OF_CIRCLES, Baseline
from training.baselines.seam import Asked, Scores
from training.bootstrap import Resamples, resample
from training.evaluation import (
    CUTOFFS,
    DEPTH,
    MAIN_MEASURE,
    PAIRED_MEASURES,
    Comparison,
    Evaluation,
    Gain,
    Method,
    SliceResult,
)
from training.problem import Problem, Slice

DIVERSITY_FACTORS = 32
_CELLS_AT_ONCE = 16_000_000  # scores held at a time: 64 MB


def rank_baseline(
    baseline: Baseline, problem: Problem, depth: int = DEPTH, advance: Callable[[int], None] | None = None
) -> metrics.Ranked:
    """The baseline's best products per judged owner, int32[n, depth], behind the same gates as ours.

    What she has is masked too for `self`. For a circle judged on a held-out fold each member's own purchases
    are masked before the sum over the members. Equal scores go to the smaller product row.
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
        if problem.closed is not None:
            scores[:, problem.closed] = -np.inf
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
    # where categories tell nothing apart, products differ by who buys them
    vectors = _product_vectors(problem) if len(np.unique(problem.category_row)) < 2 else None
    methods = tuple(
        Method(
            name, labels[name],
            {measure: drawn.interval(place[name, measure]) for measure in per_owner[name]},
            _beyond(lists[name], problem, vectors),
            metrics.lorenz(metrics.exposure(lists[name], len(problem.product_ids), DEPTH)),
            metrics.hit_rates(lists[name], problem.truth),
        )
        for name in names
    )  # fmt: skip
    return Evaluation(
        problem.target, problem.asked.n, len(problem.product_ids), int(problem.truth.nnz), methods,
        _comparisons(names, drawn, place), _judge_slices(problem, lists, rng),
        slices_off=problem.slices_off,
    )  # fmt: skip


def judge_parts(
    problem: Problem, whole: metrics.Ranked, parts: Sequence[Part], rng: np.random.Generator
) -> tuple[Gain, ...]:
    """What each part adds to our lists: the whole minus without it, paired by owner."""
    lists = [whole, *(part.ranked for part in parts)]
    judged = [_per_owner(ranked, problem) for ranked in lists]
    columns = [found[measure] for found in judged for measure in PAIRED_MEASURES]
    drawn = resample(np.column_stack(columns), rng)
    width = len(PAIRED_MEASURES)
    return tuple(
        Gain(
            part.name, part.refitted,
            {m: drawn.difference(at, row * width + at) for at, m in enumerate(PAIRED_MEASURES)},
            {m: drawn.interval(row * width + at) for at, m in enumerate(PAIRED_MEASURES)},
        )
        for row, part in enumerate(parts, start=1)
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


def _beyond(
    ranked: metrics.Ranked, problem: Problem, vectors: NDArray[np.float32] | None
) -> dict[str, float]:
    found = {}
    n_persons = int(problem.matrix.shape[0])
    for k in CUTOFFS:
        shown = metrics.exposure(ranked, len(problem.product_ids), k)
        found[f"coverage@{k}"] = metrics.coverage(shown)
        found[f"gini@{k}"] = metrics.gini(shown)
        found[f"novelty@{k}"] = float(metrics.novelty(ranked, problem.n_buyers, n_persons, k).mean())
        if vectors is None:
            diversity = metrics.category_diversity(ranked, problem.category_row, k)
            found[f"diversity@{k}"] = float(diversity.mean())
        else:
            found[f"distance@{k}"] = float(metrics.vector_diversity(ranked, vectors, k).mean())
    return found


def _product_vectors(problem: Problem) -> NDArray[np.float32]:
    """float32[n_products, d]: products by who bought them, from the singular vectors of scaled purchases."""
    scale = np.maximum(problem.n_buyers, 1).astype(np.float32) ** -0.5
    unit = sp.csr_array(problem.matrix @ sp.diags_array(scale))
    factors = max(1, min(DIVERSITY_FACTORS, min(unit.shape) - 1))
    _, strength, right = randomized_svd(unit, factors, random_state=0)
    return np.asarray((right * strength[:, None]).T, dtype=np.float32)


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
        columns += [metrics.recall(hits, n_relevant, DEPTH), metrics.ndcg(hits, n_relevant, DEPTH)]
    drawn = resample(np.column_stack(columns), rng)
    width = len(PAIRED_MEASURES)
    methods = {
        name: {measure: drawn.interval(i * width + j) for j, measure in enumerate(PAIRED_MEASURES)}
        for i, name in enumerate(lists)
    }
    main = PAIRED_MEASURES.index(MAIN_MEASURE)
    others = list(lists)[1:]
    ahead = {name: drawn.difference(main, i * width + main) for i, name in enumerate(others, start=1)}
    return SliceResult(part.name, part.meaning, int(chosen.sum()), methods, ahead)


def _n_relevant(truth: sp.csr_array) -> NDArray[np.int64]:
    return np.diff(truth.indptr).astype(np.int64)
