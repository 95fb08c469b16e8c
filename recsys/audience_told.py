"""The members of one owner's circle who would be glad of a product, and why she may be told so.

The order is that of `rank_members`. What is told of a member is what passed between her and this owner, and
how often; never what she looked at or bought.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.audience import Audience, rank_members
from recsys.audience_log import Ints, Rows
from recsys.audience_names import Names
from recsys.domain import Reason

EVERYBODY = 1 << 20  # more than the ladder of one query has: her circle is picked out of it


@dataclass(frozen=True, slots=True)
class Glad:
    """A member, how glad (compares only within one reply), and why."""

    member_id: str
    score: float
    reasons: tuple[Reason, ...]


def glad_of(
    audience: Audience, names: Names, owner_id: str, product_id: str, time_us: int, joined: Sequence[str] = ()
) -> Iterator[Glad]:
    """Her circle, those most likely to be glad of it first; nobody for an owner of whom nothing is known.

    Her circle: who is in it, who `joined` since, and who came back to her before. What happened before
    `time_us` counts. Members of whom nothing but the tie is known stand below all others.
    """
    owner = names.owners([owner_id], add=False)
    product = names.products([product_id], add=False)
    moment = np.array([time_us], dtype=np.int64)
    newcomers = [name for name in dict.fromkeys(joined) if name != owner_id]
    if owner[0] >= 0:
        ranked = rank_members(audience, owner, product, moment, EVERYBODY)
        ties = _Ties(audience, int(owner[0]), ranked.member, audience.log.n_before(moment))
        rows = names.members(newcomers, add=False) if newcomers else np.zeros(0, dtype=np.int32)
        hers = ties.in_circle | (ties.n_forth > 0) | np.isin(ranked.member, rows[rows >= 0])
        at = np.flatnonzero(hers)
        met = dict.fromkeys(names.member_ids(ranked.member[at]))
        for place, member_id in zip(at.tolist(), met, strict=True):
            yield Glad(member_id, float(ranked.score[place]), (ties.reason(place),))
        lowest = float(ranked.score[at].min()) if len(at) else 0.0
        known = dict(zip(newcomers, rows.tolist(), strict=True))
        newcomers = [name for name in newcomers if name not in met and known[name] != owner[0]]
    else:
        lowest = 0.0
    for place, member_id in enumerate(newcomers, start=1):
        yield Glad(member_id, lowest - 1e-3 * place, (_IN_CIRCLE,))


_IN_CIRCLE = Reason("in_circle", "is one of your circle", {})


class _Ties:
    """What passed between one owner and some people, each int64 (n_people,)."""

    def __init__(self, audience: Audience, owner: int, member: Rows, n_known: Ints) -> None:
        log, known = audience.log, np.repeat(n_known, len(member))
        forth = log.by_pair.known(log.pair_key(np.full(len(member), owner), member), known)
        back = log.by_pair.known(log.pair_key(member, np.full(len(member), owner)), known)
        self.n_forth, self.n_back = forth.stop - forth.start, back.stop - back.start
        self.in_circle = self._in_circle(audience, owner, member)

    @staticmethod
    def _in_circle(audience: Audience, owner: int, member: Rows) -> npt.NDArray[np.bool_]:
        row = int(audience.owner_of_person[owner]) if owner < len(audience.owner_of_person) else -1
        if audience.circle is None or row < 0:
            return np.zeros(len(member), dtype=bool)
        return np.isin(member, audience.circle.row(row)[0])

    def reason(self, place: int) -> Reason:
        """Why: what passed between them most plainly."""
        if n := int(self.n_forth[place]):
            return Reason("came_to_you", f"came to what you shared {_times(n)}", {"n_times": n})
        if n := int(self.n_back[place]):
            return Reason("you_came_to_her", f"you came to what she shared {_times(n)}", {"n_times": n})
        return _IN_CIRCLE


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
