"""The members worth scoring for each query: hers, theirs, those of the product, and who answers anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.audience_log import EventLog, Floats, Index, Ints, Rows, Span

MAX_OWN_EVENTS = 400  # latest events of the owner that propose members
MAX_INVITERS = 100  # latest events in which the owner was the member
MAX_FRIENDS = 40  # latest events of the owner, each way, whose people propose theirs
MAX_FRIENDS_OF = 20  # latest events, each way, of each of those
MAX_COMMON = 40  # members kept who are only friends of friends
MAX_PRODUCT_EVENTS = 30  # latest events of the product
MAX_STRANGERS = 20  # members open to anybody, proposed to owners with few events of their own
FEW_EVENTS = 20


UNKNOWN_PRODUCT = -2  # not -1, which in the log stands for a summary


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """owner int32 (row of people, -1 unknown), product int32 (-2 unknown), time_us int64, n_known int64."""

    owner: Rows
    product: Rows
    time_us: Ints
    n_known: Ints

    def __len__(self) -> int:
        return len(self.owner)

    def part(self, span: slice) -> Queries:
        """Some of them."""
        return Queries(self.owner[span], self.product[span], self.time_us[span], self.n_known[span])


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Candidates, sorted by query, then member; no pair twice."""

    query: Ints
    member: Ints


def candidates(log: EventLog, queries: Queries) -> tuple[Pairs, dict[str, Floats]]:
    """The members worth scoring for each query, and what finding them showed: common friends by path."""
    q = queries
    own, own_event = events_of(log.by_owner, q.owner, q.n_known, MAX_OWN_EVENTS)
    back, back_event = events_of(log.by_member, q.owner, q.n_known, MAX_INVITERS)
    sold, sold_event = events_of(log.by_product, q.product, q.n_known, MAX_PRODUCT_EVENTS)
    friend = _friends_of_friends(log, q)
    n_own = np.bincount(own, minlength=len(q)) + np.bincount(back, minlength=len(q))
    few = np.flatnonzero(n_own < FEW_EVENTS)
    asked, stranger = log.open_to_strangers(q.n_known[few], MAX_STRANGERS)
    query = np.concatenate([own, back, sold, sold, friend.query, few[asked]])
    member = np.concatenate([
        log.member[own_event], log.owner[back_event], log.member[sold_event], log.owner[sold_event],
        friend.member,
        stranger,
    ])  # fmt: skip
    keep = member != q.owner[query]
    key = np.unique(log.pair_key(query[keep], member[keep]))
    pairs = Pairs(key >> 32, key & 0xFFFFFFFF)
    at = np.searchsorted(log.pair_key(friend.query, friend.member), key)
    return pairs, {"common_friends": friend.values_at(at, key)}


@dataclass(frozen=True, slots=True, eq=False)
class _Friends:
    query: Ints
    member: Ints
    weight: Floats

    def values_at(self, at: Ints, key: Ints) -> Floats:
        if not len(self.query):
            return np.zeros(len(key))
        at = np.minimum(at, len(self.query) - 1)
        return np.where((self.query[at] << 32 | self.member[at]) == key, self.weight[at], 0.0)


def _friends_of_friends(log: EventLog, q: Queries) -> _Friends:
    """People two steps away; each friend between counts 1 / √(her events), as in Adamic and Adar (2003)."""
    own, own_event = events_of(log.by_owner, q.owner, q.n_known, MAX_FRIENDS)
    back, back_event = events_of(log.by_member, q.owner, q.n_known, MAX_FRIENDS)
    key = np.unique(
        log.pair_key(
            np.concatenate([own, back]), np.concatenate([log.member[own_event], log.owner[back_event]])
        )
    )
    query, friend = key >> 32, key & 0xFFFFFFFF
    known = q.n_known[query]
    as_owner, as_member = log.by_owner.known(friend, known), log.by_member.known(friend, known)
    degree = (as_owner.stop - as_owner.start) + (as_member.stop - as_member.start)
    share = 1.0 / np.sqrt(np.maximum(degree, 1))
    via_o, event_o = _expanded(log.by_owner, as_owner, MAX_FRIENDS_OF)
    via_m, event_m = _expanded(log.by_member, as_member, MAX_FRIENDS_OF)
    via = np.concatenate([via_o, via_m])
    other = np.concatenate([log.member[event_o], log.owner[event_m]]).astype(np.int64)
    path = np.unique(via << 32 | other)  # a friend counts once for each person beyond her
    via, other = path >> 32, path & 0xFFFFFFFF
    reached, at = np.unique(log.pair_key(query[via], other), return_inverse=True)
    weight = np.bincount(at, weights=share[via], minlength=len(reached))
    query, member = reached >> 32, reached & 0xFFFFFFFF
    place = place_in_group(query, weight)
    kept = (place < MAX_COMMON) & (member != q.owner[query])
    return _Friends(query[kept], member[kept], weight[kept])


def place_in_group(group: Ints, value: npt.NDArray[Any]) -> Ints:
    """How many of the group have a higher value, ties by position; groups are sorted."""
    order = np.lexsort((-value, group))
    starts = np.r_[True, group[1:] != group[:-1]] if len(group) else np.zeros(0, dtype=bool)
    first = np.flatnonzero(starts)
    place = np.empty(len(group), dtype=np.int64)
    place[order] = np.arange(len(group)) - np.repeat(first, np.diff(np.r_[first, len(group)]))
    return place


def events_of(index: Index, keys: npt.NDArray[Any], n_known: Ints, limit: int) -> tuple[Ints, Ints]:
    return _expanded(index, index.known(keys, n_known), limit)


def _expanded(index: Index, span: Span, limit: int) -> tuple[Ints, Ints]:
    question, place = span.last(limit).expand()
    return question, index.order[place]
