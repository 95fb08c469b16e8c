"""Our own lists for a problem, by the very code that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.arrays import places_in
from recsys.domain import Target
from recsys.model import Model
from recsys.recommend import rank_many_of
from recsys.sources import SOURCES, Source
from training.metrics import Ranked
from training.problem import Facts, Problem

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how many
Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class RowMap:
    """A model's rows beside a dataset's, -1 where the other side lacks one.

    owner: for each owner of the dataset her row in the model. product: for each product of the model its row
    in the dataset.
    """

    owner: Rows
    product: Rows


def map_rows(model: Model, owner_ids: NDArray[np.str_], product_ids: NDArray[np.str_]) -> RowMap:
    """How the model's rows stand beside these ids; product_ids sorted."""
    owner = np.asarray(model.people.owners.rows(owner_ids), dtype=np.int32)
    known = np.asarray(list(model.products.ids), dtype=np.str_)
    return RowMap(owner, places_in(product_ids, known).astype(np.int32))


def map_facts(model: Model, facts: Facts) -> RowMap:
    """How the model's rows stand beside those of the facts."""
    return map_rows(model, facts.owner_ids, facts.product_ids)


def rank_ours(
    model: Model, problem: Problem, depth: int, report: Progress | None = None,
    sources: Sequence[Source] = SOURCES, spare: int = 0,
) -> Ranked:  # fmt: skip
    """Our lists, int32[n, depth] in the problem's rows; an owner unknown to the model gets its fallback.

    Nothing that the problem says is closed stands in them, whatever this model's own gates know; a model
    that knows less than the judged one ranks `spare` places more to make up for what is taken out.
    """
    rows = map_rows(model, problem.owner_ids, problem.product_ids)
    lists = lists_of(model, rows, depth + spare, problem.target, report, sources)
    return _without_closed(lists, problem, depth)


def lists_of(
    model: Model, rows: RowMap, depth: int, target: Target = "circle", report: Progress | None = None,
    sources: Sequence[Source] = SOURCES,
) -> Ranked:  # fmt: skip
    """The model's own list of each owner, int32[n, depth] in the dataset's rows, -1 where it ends before."""
    asked, place = np.unique(rows.owner, return_inverse=True)
    lists = np.full((len(asked), depth), -1, dtype=np.int32)
    done = 0
    for chunk in rank_many_of(model, asked.astype(np.int32), depth, target, target == "self", sources):
        lists[np.searchsorted(asked, chunk.owner_row), chunk.rank - 1] = rows.product[chunk.product_row]
        done = max(done, int(np.searchsorted(asked, chunk.owner_row.max(initial=-1), side="right")))
        if report:
            report("ranking with the snapshot", done, len(asked))
    return lists[place]


def _without_closed(lists: Ranked, problem: Problem, depth: int) -> Ranked:
    """The lists without what is closed, moved up, cut at `depth`."""
    width = len(problem.product_ids)
    seen = problem.seen
    owner_of_entry = np.repeat(np.arange(problem.asked.n, dtype=np.int64), np.diff(seen.indptr))
    keys = np.arange(len(lists), dtype=np.int64)[:, None] * width + lists
    closed = np.isin(keys, owner_of_entry * width + seen.indices)
    if problem.closed is not None:
        closed |= problem.closed[np.maximum(lists, 0)]
    gone = closed | (lists < 0)
    order = np.argsort(gone, axis=1, kind="stable")
    moved = np.take_along_axis(np.where(gone, -1, lists), order, axis=1)
    found = np.full((len(lists), depth), -1, dtype=np.int32)
    found[:, : moved.shape[1]] = moved[:, :depth]
    return found
