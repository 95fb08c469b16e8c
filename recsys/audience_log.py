"""Who came back to whom for what, and when: a log in the order of time, and indexes that never look ahead.

Owner and member of an event are rows of one list of people, because who shares today came back to somebody
yesterday. What is known to a query is always a prefix of the log, its first `n_known` events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NO_PRODUCT = -1  # of a row that sums up older events of one owner and one member
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAY_HOURS = 24
STRANGERS_STEP = 256  # events
STRANGERS_WINDOW = 5_000  # events


@dataclass(frozen=True, slots=True)
class Span:
    """For each question, the places start <= place < stop of an index's order."""

    start: Ints
    stop: Ints

    @property
    def found(self) -> Flags:
        """Whether there is anything."""
        return self.stop > self.start

    def last(self, limit: int) -> Span:
        """The latest `limit` of each."""
        return Span(np.maximum(self.start, self.stop - limit), self.stop)

    def expand(self) -> tuple[Ints, Ints]:
        """(question, place) of every place of every span, question after question."""
        lengths = np.maximum(self.stop - self.start, 0)
        question = np.repeat(np.arange(len(lengths)), lengths)
        before = np.cumsum(lengths) - lengths
        return question, np.arange(len(question)) + np.repeat(self.start - before, lengths)


class Index:
    """The events of each key in the order of time."""

    def __init__(self, keys: npt.NDArray[Any], weight: npt.NDArray[Any]) -> None:
        self.keys, code, n_events = np.unique(keys, return_inverse=True, return_counts=True)
        self.order: Ints = np.argsort(code, kind="stable")
        self.starts = np.r_[0, np.cumsum(n_events)].astype(np.int64)
        self._stride = len(code) + 1
        self._places = code[self.order].astype(np.int64) * self._stride + self.order
        self.summed = np.r_[0.0, np.cumsum(weight[self.order], dtype=np.float64)]

    def known(self, keys: npt.NDArray[Any], n_known: npt.NDArray[Any]) -> Span:
        """The events of each key among the first `n_known` of the log."""
        if not len(self.keys):
            nothing = np.zeros(len(keys), dtype=np.int64)
            return Span(nothing, nothing)
        code = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        there = self.keys[code] == keys
        stop = np.searchsorted(self._places, code * self._stride + n_known, side="left")
        start = self.starts[code]
        return Span(np.where(there, start, 0), np.where(there, stop, 0))

    def weight(self, span: Span) -> Floats:
        """The summed weight of each span."""
        return self.summed[span.stop] - self.summed[span.start]  # type: ignore[no-any-return]

    def latest(self, span: Span) -> Ints:
        """The last event of each span, -1 where it is empty."""
        if not len(self.order):
            return np.full(len(span.start), -1, dtype=np.int64)
        return np.where(span.found, self.order[np.maximum(span.stop - 1, 0)], -1)

    def earliest(self, span: Span) -> Ints:
        """The first event of each span, -1 where it is empty."""
        if not len(self.order):
            return np.full(len(span.start), -1, dtype=np.int64)
        return np.where(span.found, self.order[np.minimum(span.start, len(self.order) - 1)], -1)


@dataclass(frozen=True, eq=False)
class EventLog:
    """Events sorted by time: `owner` int32, `member` int32 (rows of people), `product` int32 (-1: a summary
    of older events), `time_us` int64 UTC (0 in a timeless log), `weight` float32.
    """

    owner: Rows
    member: Rows
    product: Rows
    time_us: Ints
    weight: npt.NDArray[np.float32]
    n_people: int
    timeless: bool = False

    def __len__(self) -> int:
        return len(self.owner)

    def n_before(self, time_us: Ints) -> Ints:
        """How many events are strictly before each moment; all of them in a timeless log."""
        if self.timeless:
            return np.full(len(time_us), len(self), dtype=np.int64)
        return np.searchsorted(self.time_us, time_us, side="left").astype(np.int64)

    def pair_key(self, owner: npt.NDArray[Any], other: npt.NDArray[Any]) -> Ints:
        """One number for two rows, of which the first is a person and the second a person or a product."""
        return owner.astype(np.int64) << 32 | (other.astype(np.int64) & 0xFFFFFFFF)

    @cached_property
    def by_owner(self) -> Index:
        """Events of an owner."""
        return Index(self.owner, self.weight)

    @cached_property
    def by_member(self) -> Index:
        """Events of a member."""
        return Index(self.member, self.weight)

    @cached_property
    def by_product(self) -> Index:
        """Events of a product."""
        return Index(self.product, self.weight)

    @cached_property
    def by_pair(self) -> Index:
        """Events of an owner and a member."""
        return Index(self.pair_key(self.owner, self.member), self.weight)

    @cached_property
    def by_owner_product(self) -> Index:
        """Events of an owner and a product."""
        return Index(self.pair_key(self.owner, self.product), self.weight)

    @cached_property
    def by_member_product(self) -> Index:
        """Events of a member and a product."""
        return Index(self.pair_key(self.member, self.product), self.weight)

    @cached_property
    def by_member_hour(self) -> Index:
        """Events of a member in an hour of the day (UTC)."""
        return Index(self.pair_key(self.member, hour_of_day(self.time_us)), self.weight)

    @cached_property
    def day(self) -> Ints:
        """The day of each event, in whole days since 1970 UTC."""
        return self.time_us // DAY_US

    @cached_property
    def n_days_of_pair(self) -> Ints:
        """For each place of `by_pair.order`: distinct days of that pair up to it."""
        return _distinct_so_far(self.by_pair, self.day)

    @cached_property
    def n_days_of_owner(self) -> Ints:
        """For each place of `by_owner.order`: distinct days of that owner up to it."""
        return _distinct_so_far(self.by_owner, self.day)

    @cached_property
    def n_days_of_member(self) -> Ints:
        """For each place of `by_member.order`: distinct days of that member up to it."""
        return _distinct_so_far(self.by_member, self.day)

    @cached_property
    def by_pair_hour(self) -> Index:
        """Events of an owner and a member in an hour of the day."""
        pair = np.searchsorted(self.by_pair.keys, self.pair_key(self.owner, self.member))
        return Index(pair << 5 | hour_of_day(self.time_us), self.weight)

    @cached_property
    def n_owners_of_member(self) -> Ints:
        """For each place of `by_member.order`: distinct owners of that member up to it."""
        return _distinct_so_far(self.by_member, self.owner)

    @cached_property
    def is_first_of_pair(self) -> Flags:
        """Which events are the first between their owner and their member."""
        first = np.zeros(len(self), dtype=bool)
        first[self.by_pair.order[self.by_pair.starts[:-1]]] = True
        return first

    @cached_property
    def n_returns_of_member(self) -> Ints:
        """For each place of `by_member.order`: owners she came back to who had come back to her before."""
        before = self.by_pair.known(self.pair_key(self.member, self.owner), np.arange(len(self)))
        is_return = (self.is_first_of_pair & before.found)[self.by_member.order].astype(np.int64)
        return _summed_so_far(self.by_member, is_return)

    def open_to_strangers(self, n_known: Ints, limit: int) -> tuple[Ints, Ints]:
        """(question, member): who lately came back to most owners for the first time, for each prefix.

        Looked up every `STRANGERS_STEP` events, so that many questions share one answer; that of a prefix
        depends on nothing behind it.
        """
        steps, at = np.unique(n_known // STRANGERS_STEP, return_inverse=True)
        found = [self._open_at(int(step) * STRANGERS_STEP, limit) for step in steps]
        lengths = np.array([len(members) for members in found], dtype=np.int64)
        starts = np.r_[0, np.cumsum(lengths)[:-1]].astype(np.int64)
        question, place = Span(starts[at], (starts + lengths)[at]).expand()
        members = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        return question, members[place].astype(np.int64)

    def _open_at(self, end: int, limit: int) -> Rows:
        lately = slice(max(end - STRANGERS_WINDOW, 0), end)
        members, at = np.unique(self.member[lately], return_inverse=True)
        n_new = np.bincount(at, self.is_first_of_pair[lately], len(members))
        n_all = np.bincount(at, self.weight[lately], len(members))
        return members[np.lexsort((members, -n_all, -n_new))[:limit]]

    @cached_property
    def n_products_of_owner(self) -> Ints:
        """For each event: distinct products of its owner up to it."""
        counted = np.zeros(len(self), dtype=np.int64)
        counted[self.by_owner.order] = _distinct_so_far(self.by_owner, self.product)
        return counted

    @cached_property
    def n_members_of_owner(self) -> Ints:
        """For each place of `by_owner.order`: distinct members of that owner up to it."""
        return _distinct_so_far(self.by_owner, self.member)


def hour_of_day(time_us: Ints) -> Ints:
    """0 to 23, in UTC."""
    return (time_us // HOUR_US) % DAY_HOURS


def _distinct_so_far(index: Index, values: npt.NDArray[Any]) -> Ints:
    """For each place of an index: how many different values its key has had up to there."""
    ordered = values[index.order].astype(np.int64)
    key = np.repeat(np.arange(len(index.keys)), np.diff(index.starts))
    _, first = np.unique(key << 32 | (ordered & 0xFFFFFFFF), return_index=True)
    is_new = np.zeros(len(ordered), dtype=np.int64)
    is_new[first] = 1
    return _summed_so_far(index, is_new)


def _summed_so_far(index: Index, ordered: Ints) -> Ints:
    """For each place of an index: the sum of its key's values up to there."""
    summed = np.cumsum(ordered)
    before = np.r_[0, summed][index.starts[:-1]]
    so_far: Ints = summed - np.repeat(before, np.diff(index.starts))
    return so_far
