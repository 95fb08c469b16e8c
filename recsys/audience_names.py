"""Ids of people and products for an audience, newcomers included: what a snapshot never saw gets rows too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.audience import Audience, with_events
from recsys.audience_log import EventLog, Flags, Rows
from recsys.errors import SnapshotError
from recsys.snapshot import Snapshot

Ids = Sequence[str] | npt.NDArray[Any]


class Names:
    """Ids ↔ rows of people and products: the snapshot's, then those added, in the order they came.

    An owner and a member of one id are one person unless the snapshot, or `owner_members` (owner_id →
    member_id), says otherwise.
    """

    def __init__(
        self, snapshot: Snapshot, audience: Audience, owner_members: Mapping[str, str] | None = None
    ) -> None:
        self._owners, self._members = snapshot.ids("owners"), snapshot.ids("members")
        self._products = snapshot.ids("products")
        self._audience = audience
        self._told = dict(owner_members or {})
        self._new_people: dict[str, int] = {}
        self._new_products: dict[str, int] = {}
        self._as_member: set[int] = set()
        self._first_new = audience.log.n_people

    @property
    def n_people(self) -> int:
        """People so far."""
        return self._first_new + len(self._new_people)

    def is_member(self) -> Flags:
        """bool (n_people,): who can be named as a member."""
        flags = np.zeros(self.n_people, dtype=bool)
        flags[: self._first_new] = self._audience.is_member
        flags[np.fromiter(self._as_member, dtype=np.int64, count=len(self._as_member))] = True
        return flags

    def members(self, ids: Ids, *, add: bool) -> Rows:
        """Rows of people; an unknown one is added, or -1."""
        unique, at = np.unique(np.asarray(ids, dtype=object), return_inverse=True)
        rows = self._members.rows(unique)
        own = self._owners.rows(unique)
        for place in np.flatnonzero(rows < 0):
            # a shop owner who had never bought, and now comes back to somebody
            known = int(self._audience.person_of_owner[own[place]]) if own[place] >= 0 else -1
            row = known if known >= 0 else self._new_person(unique[place], add)
            rows[place] = row
            if add and row >= 0:
                self._as_member.add(row)
        return rows[at]

    def owners(self, ids: Ids, *, add: bool) -> Rows:
        """Rows of people; an unknown one is added, or -1."""
        unique, at = np.unique(np.asarray(ids, dtype=object), return_inverse=True)
        found = self._owners.rows(unique)
        person = self._audience.person_of_owner
        rows = np.where(found >= 0, person[np.maximum(found, 0)] if len(person) else -1, -1).astype(np.int32)
        for place in np.flatnonzero(rows < 0):
            name = unique[place]
            if name in self._told:
                rows[place] = self.members([self._told[name]], add=add)[0]
            else:
                row = self._members.row(name)
                rows[place] = row if row >= 0 else self._new_person(name, add)
        return rows[at]

    def products(self, ids: Ids, *, add: bool) -> Rows:
        """Rows of products; an unknown one is added, or -1; so is the empty id."""
        unique, at = np.unique(np.asarray(ids, dtype=object), return_inverse=True)
        rows = self._products.rows(unique)
        for place in np.flatnonzero(rows < 0):
            name = unique[place]
            if add and name:
                self._new_products.setdefault(name, len(self._products) + len(self._new_products))
            rows[place] = self._new_products.get(name, -1)
        return rows[at]

    def member_ids(self, rows: Rows) -> list[str]:
        """The ids of these people as members."""
        names: list[str] = [""] * len(rows)
        known = rows < len(self._members)
        for place, name in zip(np.flatnonzero(known), self._members.take(rows[known]), strict=True):
            names[place] = name
        new = list(self._new_people)
        for place in np.flatnonzero(~known):
            row = int(rows[place])
            if row >= self._first_new:
                names[place] = new[row - self._first_new]
            else:
                names[place] = self._owners[row - len(self._members)]
        return names

    def _new_person(self, name: str, add: bool) -> int:
        if add:
            self._new_people.setdefault(name, self.n_people)
        return self._new_people.get(name, -1)


def grown(
    audience: Audience,
    names: Names,
    owner: Ids,
    member: Ids,
    product: Ids,
    time_us: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float32],
) -> Audience:
    """The audience knowing these events besides; one that the snapshot has already counts once."""
    log = audience.log
    if log.timeless and len(log) and len(time_us):
        raise SnapshotError(
            "audience: the snapshot is of a world without times, so no later events can join it"
        )
    new_member = names.members(member, add=True)
    new_owner = names.owners(owner, add=True)
    new_product = names.products(product, add=True)
    owners, members = np.r_[log.owner, new_owner], np.r_[log.member, new_member]
    products, times = np.r_[log.product, new_product], np.r_[log.time_us, time_us]
    weights = np.r_[log.weight, weight].astype(np.float32)
    order = np.lexsort((products, members, owners, times))  # stable: the snapshot's own row comes first
    same = np.zeros(len(order), dtype=bool)
    is_new = order >= len(log)
    same[1:] = is_new[1:]
    for column in (times, owners, members, products, weights):
        same[1:] &= column[order][1:] == column[order][:-1]
    kept = order[~same & (owners[order] != members[order])]
    whole = EventLog(
        owners[kept].astype(np.int32), members[kept].astype(np.int32), products[kept].astype(np.int32),
        times[kept].astype(np.int64), weights[kept], names.n_people,
    )  # fmt: skip
    return with_events(audience, whole, names.is_member())
