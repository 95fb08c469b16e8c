"""Small logs made by hand, and logs drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from recsys.audience import PLAIN, Audience, most_active, people_rows
from recsys.audience_log import HOUR_US, EventLog
from recsys.ranker import Ranker

N_PEOPLE = 8
N_PRODUCTS = 4
Event = tuple[int, int, int, int]  # owner, member, product, hour
EVENTS = st.lists(
    st.tuples(
        st.integers(0, N_PEOPLE - 1), st.integers(0, N_PEOPLE - 1), st.integers(0, N_PRODUCTS - 1),
        st.integers(0, 60),
    ).filter(lambda event: event[0] != event[1]),
    max_size=40,
)  # fmt: skip


def log_of(events: Sequence[Event], timeless: bool = False) -> EventLog:
    """A log of these events, each weighing 1, sorted as training sorts them."""
    ordered = sorted(events, key=lambda event: (event[3], event[0], event[1], event[2]))
    owner, member, product, hour = np.array(ordered, dtype=np.int64).reshape(-1, 4).T
    return EventLog(
        owner.astype(np.int32), member.astype(np.int32), product.astype(np.int32),
        hour * HOUR_US * (not timeless), np.ones(len(ordered), dtype=np.float32), N_PEOPLE, timeless,
    )  # fmt: skip


def audience_of(log: EventLog, ranker: Ranker = PLAIN) -> Audience:
    """An audience in which everybody is owner and member, as in the research sets, without a circle."""
    person, _ = people_rows(N_PEOPLE, np.arange(N_PEOPLE, dtype=np.int32))
    everybody = np.ones(N_PEOPLE, dtype=bool)
    return Audience(log, ranker, person, everybody, most_active(log, everybody))
