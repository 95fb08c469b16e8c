"""Owner, product and moment → the members who would be glad of it.

The ladder for each query: members with evidence of their own, as the ranker scores them; then the rest of
her circle by the weight of the tie; then members who answer anybody, as the ranker scores them (with the
first, where no circle stands between); then the members most active of all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from recsys.audience_candidates import UNKNOWN_PRODUCT, Pairs, Queries, candidates
from recsys.audience_features import features
from recsys.audience_log import EventLog, Flags, Floats, Ints, Rows
from recsys.errors import QueryError, SnapshotError
from recsys.ranker import Blend, BoostedTrees, Ranker, columns_of
from recsys.snapshot import Snapshot
from recsys.snapshot_writer import SnapshotWriter
from recsys.sparse import CsrView

QUERIES_AT_ONCE = 500
RANKER_TEXT = "ranker_audience.txt"
FACTS_TEXT = "audience.json"
LOG_ARRAYS = ("owner", "member", "product", "time_us", "weight")
CIRCLE = "people_circle"
PLAIN = Blend({
    "tie": 1.0, "back_tie": 0.5, "common_friends": 0.2, "product_came": 0.2, "product_shared": 0.1,
    "tie_age_place": -1e-4,
})  # fmt: skip  # the best plain rule of the benchmarks; where nothing could be learned
Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Audience:
    """What ranks members. People: rows of members first, then owners who are no members, then newcomers.

    `person_of_owner` int32 (n_owners,); `is_member` bool (n_people,); `active` int32: members, most active
    first; `circle`: owners × members, None where there is none; `owner_of_person` finds her circle.
    """

    log: EventLog
    ranker: Ranker
    person_of_owner: Rows
    is_member: Flags
    active: Rows
    circle: CsrView | None = None
    as_of_us: int | None = None
    owner_of_person: Rows = field(init=False)

    def __post_init__(self) -> None:
        owner = np.full(self.log.n_people, -1, dtype=np.int32)
        owner[self.person_of_owner] = np.arange(len(self.person_of_owner))
        object.__setattr__(self, "owner_of_person", owner)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """query int64, rank int32 from 1, member int32 (row of people), score float32; by query, then rank."""

    query: Ints
    rank: Rows
    member: Rows
    score: npt.NDArray[np.float32]


def people_rows(n_members: int, owner_member: Rows) -> tuple[Rows, Flags]:
    """(person of each owner, which people are members): an owner without a member row comes after them."""
    own = np.arange(n_members, n_members + len(owner_member), dtype=np.int32)
    person = np.where(owner_member >= 0, owner_member, own).astype(np.int32)
    return person, np.arange(n_members + len(owner_member)) < n_members


def most_active(log: EventLog, is_member: Flags, limit: int = 1_000) -> Rows:
    """Member rows by how much they came back in the last tenth of the log, then in all of it."""
    total = np.bincount(log.member, log.weight, log.n_people)
    recent = slice(len(log) - max(len(log) // 10, min(len(log), 100)), None)
    lately = np.bincount(log.member[recent], log.weight[recent], log.n_people)
    order = np.lexsort((np.arange(log.n_people), -total, -lately))
    return order[is_member[order]][:limit].astype(np.int32)


def rank_members(
    audience: Audience, owner: Rows, product: Rows, time_us: Ints, n: int, progress: Progress = lambda _: None
) -> Ranked:
    """The best `n` members of each query, strictly by what the log holds from before it.

    owner: rows of people, -1 unknown; product: rows, negative unknown; time_us: int64 UTC.
    """
    product = np.where(product < 0, UNKNOWN_PRODUCT, product).astype(np.int32)
    queries = Queries(owner, product, time_us, audience.log.n_before(time_us))
    parts = []
    for start in range(0, max(len(queries), 1), QUERIES_AT_ONCE):
        part = queries.part(slice(start, start + QUERIES_AT_ONCE))
        parts.append(_rank_part(audience, part, start, n))
        progress(min(start + QUERIES_AT_ONCE, len(queries)))
    return Ranked(*(np.concatenate([getattr(p, name) for p in parts]) for name in Ranked.__slots__))


def _rank_part(audience: Audience, queries: Queries, offset: int, n: int) -> Ranked:
    pairs, figures = score_figures(audience.log, queries)
    kept = audience.is_member[pairs.member]
    score = ranker_scores(audience.ranker, figures).astype(np.float64)
    known = evidence_of(figures)
    query, member = pairs.query[kept], pairs.member[kept]
    more_query, more_member, more_score, more_rung = _ladder(audience, queries, n)
    in_circle = more_rung == 1
    unscored = in_circle & ~np.isin(more_query << 32 | more_member, query << 32 | member)
    has_more = np.bincount(more_query[unscored], minlength=len(queries)) > 0
    score, rung = score[kept], np.where(known[kept] | ~has_more[query], 0, 2)
    query = np.concatenate([query, more_query])
    member = np.concatenate([member, more_member])
    score = np.concatenate([score, more_score])
    rung = np.concatenate([rung, more_rung])
    order = np.lexsort((member, -score, rung, query))
    _, first = np.unique(query[order] << 32 | member[order], return_index=True)
    order = order[np.sort(first)]
    query, member, score, rung = query[order], member[order], score[order], rung[order]
    starts = (
        np.flatnonzero(np.r_[True, query[1:] != query[:-1]]) if len(query) else np.zeros(0, dtype=np.int64)
    )
    place = np.arange(len(query)) - np.repeat(starts, np.diff(np.r_[starts, len(query)]))
    best = place < n
    # what is not the ranker's own score goes on below the lowest of it, so that one order holds per query
    shown = _falling(query, np.where(rung == 0, score, np.nan), place)
    return Ranked(
        query[best] + offset, (place[best] + 1).astype(np.int32), member[best].astype(np.int32),
        shown[best].astype(np.float32),
    )  # fmt: skip


def _falling(query: Ints, score: Floats, place: Ints) -> Floats:
    if not len(query):
        return score
    lowest = np.full(int(query.max()) + 1, np.inf)
    known = ~np.isnan(score)
    np.minimum.at(lowest, query[known], score[known])
    lowest[np.isinf(lowest)] = 0.0
    return np.where(known, score, lowest[query] - 1e-3 * (place + 1))


def score_figures(log: EventLog, queries: Queries) -> tuple[Pairs, dict[str, Floats]]:
    """The candidates of each query and every feature of each."""
    pairs, found = candidates(log, queries)
    return pairs, features(log, queries, pairs, found)


def ranker_scores(ranker: Ranker, figures: dict[str, Floats]) -> npt.NDArray[np.float32]:
    """float32 (n_pairs,); SnapshotError when the ranker wants a feature that is not there."""
    names = list(figures)
    columns_of(names, ranker.feature_names)
    matrix = np.column_stack([figures[name] for name in ranker.feature_names]).astype(np.float32)
    return ranker.scores(matrix)


def evidence_of(figures: dict[str, Floats]) -> Flags:
    """Which candidates are tied to this owner herself, or to people of hers; the product alone is no tie."""
    return figures["tie"] + figures["back_tie"] + figures["common_friends"] > 0


def _ladder(audience: Audience, queries: Queries, n: int) -> tuple[Ints, Ints, Floats, Ints]:
    """Circle members (rung 1) and the most active of all (rung 3), the owner herself left out."""
    n_queries = len(queries)
    query = np.repeat(np.arange(n_queries), min(n + 1, len(audience.active)))
    member = np.tile(audience.active[: n + 1], n_queries).astype(np.int64)
    score = -np.tile(np.arange(min(n + 1, len(audience.active)), dtype=np.float64), n_queries)
    rung = np.full(len(query), 3)
    if audience.circle is not None:
        owner = np.where(queries.owner >= 0, audience.owner_of_person[queries.owner], -1)
        asking = np.flatnonzero(owner >= 0)
        ties = audience.circle.rows(owner[asking])
        asked = np.repeat(asking, np.diff(ties.indptr))
        query = np.concatenate([query, asked])
        member = np.concatenate([member, ties.indices.astype(np.int64)])
        score = np.concatenate([score, ties.data.astype(np.float64)])
        rung = np.concatenate([rung, np.full(len(asked), 1)])
    kept = member != queries.owner[query]
    return query[kept], member[kept], score[kept], rung[kept]


def with_events(audience: Audience, log: EventLog, is_member: Flags) -> Audience:
    """The same audience when more has happened; people keep their rows, newcomers come after them."""
    return replace(audience, log=log, is_member=is_member)


def write_audience(writer: SnapshotWriter, audience: Audience | None) -> None:
    """Write it into an open snapshot, after the model whose id lists and circle it shares; None: nothing."""
    if audience is None:
        return
    for name in LOG_ARRAYS:
        rows_of = "products" if name == "product" else None
        writer.array(f"audience_{name}", getattr(audience.log, name), None, rows_of=rows_of)
    writer.array("audience_person_of_owner", audience.person_of_owner, "owners")
    writer.array("audience_active", audience.active, None, rows_of="members")
    facts: dict[str, Any] = {"timeless": audience.log.timeless, "as_of_us": audience.as_of_us}
    if isinstance(audience.ranker, BoostedTrees):
        writer.text(RANKER_TEXT, audience.ranker.text)
    else:
        assert isinstance(audience.ranker, Blend)
        facts["blend"] = dict(audience.ranker.weights)
    writer.text(FACTS_TEXT, json.dumps(facts, indent=1, sort_keys=True) + "\n")


_opened: WeakKeyDictionary[Snapshot, Audience] = WeakKeyDictionary()


def read_audience(snapshot: Snapshot) -> Audience:
    """The audience of an open snapshot; SnapshotError when it has none or its rows do not fit its people."""
    if snapshot not in _opened:
        _opened[snapshot] = _read(snapshot)
    return _opened[snapshot]


def audience_or_empty(snapshot: Snapshot) -> Audience:
    """The audience of an open snapshot; where it has none, one that knows its people and no events."""
    if snapshot.has(FACTS_TEXT):
        return read_audience(snapshot)
    owner_member = snapshot.array("owner_member")
    person, is_member = people_rows(len(snapshot.ids("members")), owner_member)
    nothing = np.zeros(0, dtype=np.int32)
    log = EventLog(
        nothing, nothing, nothing, nothing.astype(np.int64), nothing.astype(np.float32), len(is_member)
    )
    circle = snapshot.csr(CIRCLE) if snapshot.has(CIRCLE) else None
    return Audience(log, PLAIN, person, is_member, nothing, circle)


def _read(snapshot: Snapshot) -> Audience:
    if not snapshot.has(FACTS_TEXT):
        raise SnapshotError(
            f"{snapshot.path}: knows no audience: its dataset had no reactions, no recipients, no credited "
            "orders and no circle; train on one that has"
        )
    facts = json.loads(snapshot.text(FACTS_TEXT))
    owner, member, product, time_us, weight = (snapshot.array(f"audience_{name}") for name in LOG_ARRAYS)
    n_members, person = len(snapshot.ids("members")), snapshot.array("audience_person_of_owner")
    n_people = n_members + len(person)
    _refuse_misfits(snapshot, [owner, member, person], [product, time_us, weight], n_people)
    blend = facts.get("blend")
    ranker: Ranker = BoostedTrees(snapshot.text(RANKER_TEXT)) if blend is None else Blend(blend)
    return Audience(
        log=EventLog(owner, member, product, time_us, weight, n_people, facts["timeless"]),
        ranker=ranker, person_of_owner=person, is_member=np.arange(n_people) < n_members,
        active=snapshot.array("audience_active"),
        circle=snapshot.csr(CIRCLE) if snapshot.has(CIRCLE) else None, as_of_us=facts["as_of_us"],
    )  # fmt: skip


def _refuse_misfits(
    snapshot: Snapshot, people: list[Rows], others: list[npt.NDArray[Any]], n_people: int
) -> None:
    for rows in people:
        if len(rows) and (rows.min() < 0 or rows.max() >= n_people):
            raise SnapshotError(
                f"{snapshot.path}: audience rows must be in [0, {n_people}); "
                f"got {rows.min()} to {rows.max()}; retrain"
            )
    if {len(part) for part in [*people[:2], *others]} != {len(people[0])}:
        raise SnapshotError(f"{snapshot.path}: the audience's columns differ in length; retrain")


def audience(
    snapshot: Snapshot, owner_id: str, product_id: str, n: int, as_of: datetime | None = None
) -> tuple[tuple[str, float], ...]:
    """(member_id, score) of the members most likely to be glad of it, best first; at most `n`.

    `as_of` None means the snapshot's own moment; an id it never saw gets the fallback. QueryError when n is
    not positive or `as_of` has no offset.
    """
    if n < 1:
        raise QueryError(f"n must be at least 1; got {n}")
    if as_of is not None and as_of.tzinfo is None:
        raise QueryError(f"as_of must have an offset from UTC; got {as_of.isoformat()}; add Z or +08:00")
    found = read_audience(snapshot)
    owner_row = snapshot.ids("owners").row(owner_id)
    person = found.person_of_owner[owner_row] if owner_row >= 0 else snapshot.ids("members").row(owner_id)
    # the snapshot's moment is known, so what happened in that very instant counts
    moment = (found.as_of_us or 0) + 1 if as_of is None else int(as_of.timestamp() * 1_000_000)
    ranked = rank_members(
        found, np.array([person], dtype=np.int32),
        np.array([snapshot.ids("products").row(product_id)], dtype=np.int32),
        np.array([moment], dtype=np.int64), n,
    )  # fmt: skip
    names = snapshot.ids("members").take(ranked.member)
    return tuple(zip(names, (float(score) for score in ranked.score), strict=True))
