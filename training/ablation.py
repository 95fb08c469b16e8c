"""What each part is worth: the same owners judged with the part taken away, paired with the whole.

A candidate source is taken away when the list is made; the ranker stays. The social parts (shares, circles)
are taken away before training: operators and rankers are fitted anew on a world that nobody shared in, or
where every circle is its owner alone. The labels stay those of the whole world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from features.dataset import Dataset
from features.window import open_window
from recsys.model import Model
from recsys.ranking import chunk_size, scoring_of
from recsys.sources import SOURCES
from recsys.threads import thread_count
from training.config import Config
from training.inputs import Edges, Inputs, Shares
from training.learn import SeenAs
from training.metrics import Ranked
from training.problem import Problem
from training.rank_ours import Progress, map_rows, rank_ours

NOBODY = np.zeros(0, dtype=np.int32)
NOTHING = NOBODY.astype(np.float32)
SPARE_PLACES = 200  # for what only the judged snapshot closes: shared lately, poor value


@dataclass(frozen=True, slots=True)
class Part:
    """One part taken away: its lists, and how it was taken away."""

    name: str
    refitted: bool
    ranked: Ranked


def without_shares(inputs: Inputs) -> Inputs:
    """The world as if nobody had ever shared anything."""
    times = None if inputs.shares.last_time is None else NOBODY.astype(np.int64)
    moved = inputs.movement
    moved = None if moved is None else replace(moved, has_shares=False, groups=None)
    shares = Shares(NOBODY, NOBODY, NOTHING, NOBODY, NOBODY, times)
    return replace(inputs, shares=shares, movement=moved, shared=None)


def without_circles(inputs: Inputs) -> Inputs:
    """The world as if every owner's circle were herself alone."""
    nothing, moved = Edges(NOBODY, NOBODY, NOTHING, {}), inputs.movement
    if moved is not None:
        moved = replace(moved, price_band=None, upline_row=None, region_row=None, groups=None)
    return replace(inputs, circle=nothing, circle_categories=nothing, movement=moved)


def without_social(inputs: Inputs) -> Inputs:
    """Neither shares nor circles."""
    return without_circles(without_shares(inputs))


def without_each_source(model: Model, problem: Problem, depth: int, report: Progress) -> Iterator[Part]:
    """Our lists without each source that proposes anything here."""
    rows = map_rows(model, problem.owner_ids, problem.product_ids)
    some = np.unique(rows.owner)[: chunk_size(model)]
    for at, source in enumerate(SOURCES):
        report("taking away each source", at, len(SOURCES))
        if not len(source.propose(scoring_of(model, some, problem.target), 1).owner):
            continue
        others = tuple(other for other in SOURCES if other is not source)
        yield Part(f"source {source.name}", False, rank_ours(model, problem, depth, sources=others))


def without_each_social_part(
    dataset: Dataset, cut: datetime | None, config: Config, problem: Problem, depth: int, report: Progress
) -> Iterator[Part]:
    """Our lists when fitted without shares, without circles, and without both, where the data have them."""
    from training.read_inputs import read_inputs  # only here: most evaluations fit nothing
    from training.train import fit_model

    memory, n_threads = config.run.memory_limit_mb, thread_count()
    with open_window(dataset, cut, memory_limit_mb=memory, threads=n_threads) as window:
        inputs, moment = read_inputs(window, config.graphs), window.as_of
    parts = _social_parts(inputs)
    for at, (name, seen_as) in enumerate(parts.items()):
        report(f"fitting without {name}", at, len(parts))
        model, _ = fit_model(dataset, inputs, moment, config, n_threads, seen_as=seen_as)
        spare = 0 if cut is None else SPARE_PLACES
        yield Part(name, True, rank_ours(model, problem, depth, spare=spare))


def _social_parts(inputs: Inputs) -> dict[str, SeenAs]:
    parts: dict[str, SeenAs] = {}
    if len(inputs.shares.owner_row):
        parts["shares"] = without_shares
    if len(inputs.circle.row):
        parts["circles"] = without_circles
    if len(parts) == 2:
        parts["the whole social part"] = without_social
    return parts
