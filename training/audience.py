"""Learns who comes back: the audience of a snapshot, from everything a window knows.

The ranker's examples are later events of the log itself, asked as they were: once knowing all that came
strictly before (a live store), and once knowing what came before one of several cuts (a snapshot that has
aged). How old the knowledge is stands among the features, so one ranker learns both.
"""

from __future__ import annotations

from collections.abc import Iterator

import lightgbm
import numpy as np
import numpy.typing as npt

from features.audience_events import AudienceEvents, window_events
from features.window import Window
from recsys.audience import PLAIN, Audience, most_active, people_rows, score_figures
from recsys.audience_candidates import Queries
from recsys.audience_log import EventLog, Flags, Ints, Rows
from recsys.ranker import BoostedTrees, Ranker
from training.config import AudiencePlan

LIVE_FROM = 0.25  # share of the log that only teaches what is known
CUTS = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)  # where ageing snapshots end, as shares of the log
HORIZON = 0.25  # share of the log that a cut is asked about
QUERIES_AT_ONCE = 500
MIN_QUERIES = 300  # with a right answer among the candidates; below, the plain blend ranks
MIN_WEIGHT = 1.0  # of an event that says a member was glad: more than seeing it or being sent it
TREES = {
    "objective": "lambdarank", "num_leaves": 15, "learning_rate": 0.07, "min_data_in_leaf": 50,
    "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "lambdarank_truncation_level": 8,
    "max_bin": 127, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip
DEFAULT_PLAN = AudiencePlan()


def fit_audience(
    window: Window,
    owner_ids: npt.NDArray[np.object_],
    member_ids: npt.NDArray[np.object_],
    owner_member: Rows,
    seed: int,
    n_threads: int = 1,
    plan: AudiencePlan = DEFAULT_PLAN,
) -> Audience | None:
    """The audience as the window's moment knew it; None where there is neither an event nor a circle."""
    events = window_events(window)
    if not len(member_ids) or (not len(events) and not window.has("circle")):
        return None
    person_of_owner, is_member = people_rows(len(member_ids), owner_member)
    assert len(person_of_owner) == len(owner_ids)
    log = event_log(events, person_of_owner, len(is_member), window.timeless)
    return Audience(
        log=log, ranker=learn_ranker(log, seed, n_threads, plan), person_of_owner=person_of_owner,
        is_member=is_member, active=most_active(log, is_member), as_of_us=window.as_of_us,
    )  # fmt: skip


def event_log(events: AudienceEvents, person_of_owner: Rows, n_people: int, timeless: bool) -> EventLog:
    """The events with people in place of owners; an owner coming back to herself says nothing."""
    owner, member = person_of_owner[events.owner], events.member.astype(np.int32)
    kept = np.flatnonzero(owner != member)
    order = kept[np.lexsort((events.product[kept], member[kept], owner[kept], events.time_us[kept]))]
    return EventLog(
        owner[order], member[order], events.product[order].astype(np.int32), events.time_us[order],
        events.weight[order], n_people, timeless,
    )  # fmt: skip


def learn_ranker(log: EventLog, seed: int, n_threads: int = 1, plan: AudiencePlan = DEFAULT_PLAN) -> Ranker:
    """LambdaMART (Burges 2010) over the log's own later events, or the plain blend where they are too few."""
    if log.timeless or len(log) < MIN_QUERIES:
        return PLAIN
    rng = np.random.default_rng(seed)
    parts = [
        part
        for queries, limit in _regimes(log, rng, plan.max_pairs)
        for part in _examples(log, queries, limit)
    ]
    n_queries = sum(len(group) for _, _, group, _ in parts)
    if n_queries < MIN_QUERIES:
        return PLAIN
    names = list(parts[0][3])
    data = lightgbm.Dataset(
        np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]),
        group=np.concatenate([part[2] for part in parts]), feature_name=names,
        params={"verbose": -1, "max_bin": 127},
    )  # fmt: skip
    booster = lightgbm.train(TREES | {"seed": seed, "num_threads": n_threads}, data, plan.n_trees)
    return BoostedTrees(booster.model_to_string())


def _regimes(log: EventLog, rng: np.random.Generator, max_pairs: int) -> Iterator[tuple[Queries, int]]:
    """Queries of each regime in an order drawn by chance, and how many pairs of them to take."""
    glad = first_of_each(log, np.flatnonzero(log.weight >= MIN_WEIGHT))
    live = rng.permutation(glad[glad >= int(len(log) * LIVE_FROM)])
    yield _asked(log, live, log.n_before(log.time_us[live])), max_pairs // 2
    for cut in CUTS:
        end = int(log.n_before(log.time_us[[int(len(log) * cut)]])[0])
        later = rng.permutation(glad[(glad >= end) & (glad < end + int(len(log) * HORIZON))])
        yield _asked(log, later, np.full(len(later), end, dtype=np.int64)), max_pairs // 2 // len(CUTS)


def first_of_each(log: EventLog, event: Ints) -> Ints:
    """One event of each owner, product and moment: several members may answer one query."""
    keys = np.column_stack([log.owner[event], log.product[event], log.time_us[event]])
    _, first = np.unique(keys, axis=0, return_index=True)
    return event[np.sort(first)]


def _asked(log: EventLog, event: Ints, n_known: Ints) -> Queries:
    return Queries(log.owner[event], log.product[event], log.time_us[event], n_known)


Part = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[str, ...]]


def _examples(log: EventLog, queries: Queries, max_pairs: int) -> Iterator[Part]:
    """(features, label, pairs of each query, names) of the queries with a right answer among candidates."""
    n_pairs = 0
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = queries.part(slice(start, start + QUERIES_AT_ONCE))
        pairs, figures = score_figures(log, part)
        label = _answers(log, part, pairs.query, pairs.member)
        answered = np.bincount(pairs.query, label, len(part)) > 0
        kept = answered[pairs.query]
        if not kept.any():
            continue
        matrix = np.column_stack(list(figures.values()))[kept].astype(np.float32)
        group = np.bincount(pairs.query[kept], minlength=len(part))
        yield matrix, label[kept].astype(np.int32), group[group > 0].astype(np.int32), tuple(figures)
        n_pairs += len(matrix)
        if n_pairs >= max_pairs:
            return


def _answers(log: EventLog, queries: Queries, query: Ints, member: Ints) -> Flags:
    """Whether each candidate came back to that owner for that product in that very moment."""
    key = log.pair_key(queries.owner, queries.product)
    late = log.by_owner_product.known(key, np.searchsorted(log.time_us, queries.time_us, side="right"))
    early = log.by_owner_product.known(key, log.n_before(queries.time_us))
    question, place = type(late)(early.stop, late.stop).expand()
    event = log.by_owner_product.order[place]
    came = log.weight[event] >= MIN_WEIGHT
    there = np.unique(question[came] << 32 | log.member[event][came].astype(np.int64))
    return np.isin(query << 32 | member, there)
