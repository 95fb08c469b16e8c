"""What a town's days change: who bought what last, how ties stand, and the numbers given out so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.town.draw import Array, GroupedWeights
from training.town.town import Town

NEVER = -30_000


@dataclass(slots=True)
class TieChange:
    """Ties multiplied by a factor from a day on: 0 for a mute, less than 1 for a share that ended badly."""

    circle_row: NDArray[np.int64]
    day: NDArray[np.int64]
    factor: NDArray[np.float64]


@dataclass(slots=True)
class State:
    """The changing part of a town; `lines` and `changes` are kept for its truth."""

    tie: NDArray[np.float32]  # (n_circle_rows,)
    circle_starts: NDArray[np.int64]
    member_starts: NDArray[np.int64]
    rows_by_member: NDArray[np.int64]  # circle rows sorted by member
    last_day: NDArray[np.int16]  # (n_members, n_leaves)
    last_product: NDArray[np.int32]  # (n_members, n_leaves), -1 when none or when it ended badly
    by_popularity: GroupedWeights  # products by leaf
    last_share: NDArray[np.int64]  # (n_owners,)
    last_shared: NDArray[np.int32]
    last_shared_day: NDArray[np.int16]
    numbers: dict[str, int] = field(default_factory=dict)
    pending: dict[int, list[tuple[Array, Array]]] = field(default_factory=dict)
    changes: list[TieChange] = field(default_factory=list)

    def take_numbers(self, kind: str, n: int) -> NDArray[np.int64]:
        """The next n numbers of a kind of row."""
        first = self.numbers.get(kind, 0)
        self.numbers[kind] = first + n
        return np.arange(first, first + n, dtype=np.int64)

    def change_ties(self, circle_rows: Array, days: Array, factor: float) -> None:
        """Let ties change from the given days on."""
        factors = np.full(len(circle_rows), factor)
        self.changes.append(TieChange(circle_rows.astype(np.int64), days.astype(np.int64), factors))
        for day in np.unique(days):
            here = days == day
            self.pending.setdefault(int(day), []).append((circle_rows[here], factors[here]))

    def begin_day(self, day: int) -> None:
        """Apply the changes of ties that are due."""
        for rows, factors in self.pending.pop(day, []):
            np.multiply.at(self.tie, rows, factors.astype(np.float32))

    def remember(self, member: Array, leaf: Array, product: Array, ended_well: Array, day: int) -> None:
        """Note the day's purchases."""
        self.last_day[member, leaf] = day
        self.last_product[member, leaf] = np.where(ended_well, product, -1)


def begin(town: Town) -> State:
    """The state of a town on its first morning."""
    n_members, n_leaves, n_owners = len(town.members), len(town.leaves), len(town.owners)
    by_member = np.argsort(town.circle.member, kind="stable")
    return State(
        tie=town.circle.tie.copy(),
        circle_starts=town.circle.starts(n_owners),
        member_starts=np.searchsorted(town.circle.member[by_member], np.arange(n_members + 1)),
        rows_by_member=by_member,
        last_day=np.full((n_members, n_leaves), NEVER, dtype=np.int16),
        last_product=np.full((n_members, n_leaves), -1, dtype=np.int32),
        by_popularity=GroupedWeights.build(town.products.leaf, np.exp(town.products.popularity), n_leaves),
        last_share=np.full(n_owners, -1, dtype=np.int64),
        last_shared=np.zeros(n_owners, dtype=np.int32),
        last_shared_day=np.full(n_owners, NEVER, dtype=np.int16),
    )


def days_since(last_day: Array, day: int) -> NDArray[np.float32]:
    """Days since the last purchase, -1 where there was none."""
    return np.where(last_day == NEVER, -1, day - last_day.astype(np.int32)).astype(np.float32)
