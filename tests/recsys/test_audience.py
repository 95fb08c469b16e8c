from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from audience_logs import EVENTS, N_PEOPLE, N_PRODUCTS, Event, audience_of, log_of
from hypothesis import given
from hypothesis import strategies as st

from recsys.audience import (
    Audience,
    Ranked,
    audience,
    rank_members,
    read_audience,
    score_figures,
    write_audience,
)
from recsys.audience_candidates import Queries
from recsys.audience_features import NEVER_HOURS
from recsys.audience_log import HOUR_US, EventLog
from recsys.audience_names import Names, grown
from recsys.errors import QueryError, SnapshotError
from recsys.ranker import Blend
from recsys.snapshot import open_snapshot
from recsys.snapshot_writer import SnapshotWriter
from recsys.sparse import CsrView

# 1 and 2 came back to owner 0; 0 came back to 3; 4 knows nobody near her
STORY: list[Event] = [
    (0, 1, 0, 1), (0, 1, 1, 5), (0, 2, 1, 5), (3, 0, 2, 7), (0, 1, 2, 9), (4, 5, 3, 10), (6, 2, 3, 12),
]  # fmt: skip


def figures_at(events: list[Event], owner: int, product: int, hour: int) -> dict[int, dict[str, float]]:
    """Candidate → feature → value of one query."""
    log = log_of(events)
    time_us = np.array([hour * HOUR_US])
    asked = Queries(
        np.array([owner], np.int32), np.array([product], np.int32), time_us, log.n_before(time_us)
    )
    pairs, figures = score_figures(log, asked)
    return {
        int(member): {name: float(values[at]) for name, values in figures.items()}
        for at, member in enumerate(pairs.member)
    }


def ask(found: Audience, owner: int, product: int, hour: int, n: int = 5) -> Ranked:
    one = np.array([owner], np.int32), np.array([product], np.int32), np.array([hour * HOUR_US])
    return rank_members(found, *one, n)


def test_figures_of_a_small_story_worked_by_hand() -> None:
    found = figures_at(STORY, owner=0, product=1, hour=20)
    anna = found[1]  # came at hours 1, 5 and 9; the last known event is at hour 12
    assert anna["tie"] == 3
    assert anna["tie_age"] == 3
    assert anna["tie_first_age"] == 11
    assert anna["tie_share"] == 3 / 4
    assert anna["products_missed"] == 0
    assert anna["came_before"] == 1  # for product 1, at hour 5
    assert anna["knowledge_age"] == 8
    assert anna["tie_days"] == 1
    assert anna["tie_decayed_6h"] == pytest.approx(0.5 ** (11 / 6) + 0.5 ** (7 / 6) + 0.5 ** (3 / 6))
    bea = found[2]  # once to 0 at hour 5, and to 6 at hour 12
    assert (bea["tie"], bea["products_missed"], bea["member_owners"]) == (1, 1, 2)
    assert bea["member_new_owners_3h"] == 1
    inviter = found[3]
    assert (inviter["tie"], inviter["back_tie"], inviter["back_age"]) == (0, 1, 5)
    assert inviter["tie_age"] == NEVER_HOURS


def test_who_comes_next_after_whoever_came_last() -> None:
    found = figures_at([(0, 1, 0, 1), (0, 2, 0, 2), (0, 1, 1, 3), (0, 2, 1, 4), (0, 1, 2, 5)], 0, 2, 6)
    assert (found[1]["was_last"], found[2]["was_last"]) == (1, 0)
    assert (found[1]["came_next"], found[2]["came_next"]) == (0, 2)
    assert found[2]["came_along"] == 2  # with 1, who came for product 2 already, on products 0 and 1


def test_friends_of_friends_are_proposed() -> None:
    found = figures_at([(0, 1, 0, 1), (1, 2, 1, 2), (3, 2, 2, 3)], owner=0, product=3, hour=9)
    assert found[2]["common_friends"] == pytest.approx(1 / np.sqrt(2))  # over 1, who has two events
    assert found[2]["tie"] == 0


def test_what_happens_in_the_very_moment_of_the_query_is_not_known() -> None:
    assert 1 not in figures_at([(0, 1, 0, 5)], owner=0, product=0, hour=5)
    assert figures_at([(0, 1, 0, 5)], owner=0, product=0, hour=6)[1]["tie"] == 1


QUERIES = st.lists(
    st.tuples(st.integers(-1, N_PEOPLE - 1), st.integers(-1, N_PRODUCTS - 1), st.integers(0, 30)),
    min_size=1, max_size=6,
)  # fmt: skip


def ranked_with(
    events: list[Event], active: npt.NDArray[np.int32], queries: list[tuple[int, int, int]]
) -> Ranked:
    owner, product, hour = np.array(queries).T
    found = replace(audience_of(log_of(events)), active=active)
    return rank_members(found, owner.astype(np.int32), product.astype(np.int32), hour * HOUR_US, 5)


def same(one: Ranked, other: Ranked) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Ranked.__slots__)


@given(events=EVENTS, later=EVENTS, queries=QUERIES)
def test_later_events_change_nothing(
    events: list[Event], later: list[Event], queries: list[tuple[int, int, int]]
) -> None:
    end = max(hour for _, _, hour in queries)
    before = [event for event in events if event[3] < end]
    after = [(owner, member, product, end + hour) for owner, member, product, hour in later]
    active = audience_of(log_of(before)).active  # the fallback list is the snapshot's, not the log's
    assert same(ranked_with(before, active, queries), ranked_with(before + after, active, queries))


def test_red_control_counting_the_moment_itself_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    query, active = [(0, 0, 5)], np.zeros(0, dtype=np.int32)
    before, moment = [(0, 1, 1, 1)], [(0, 2, 0, 5)]
    assert same(ranked_with(before, active, query), ranked_with(before + moment, active, query))
    monkeypatch.setattr(
        EventLog, "n_before", lambda log, time_us: np.searchsorted(log.time_us, time_us, side="right")
    )
    assert not same(ranked_with(before, active, query), ranked_with(before + moment, active, query))


@given(events=EVENTS, queries=QUERIES)
def test_ranks_count_from_one_scores_fall_and_nobody_stands_twice(
    events: list[Event], queries: list[tuple[int, int, int]]
) -> None:
    log = log_of(events)
    found = ranked_with(events, audience_of(log).active, queries)
    for row, (owner, _, _) in enumerate(queries):
        mine = found.query == row
        assert found.rank[mine].tolist() == list(range(1, int(mine.sum()) + 1))
        assert (np.diff(found.score[mine]) <= 0).all()
        assert len(set(found.member[mine].tolist())) == mine.sum()
        assert owner not in found.member[mine]
    again = ranked_with(events, audience_of(log).active, queries)
    assert same(found, again)


def test_the_order_of_questions_does_not_matter() -> None:
    active = audience_of(log_of(STORY)).active
    together = ranked_with(STORY, active, [(4, 0, 20), (0, 1, 20)])
    alone = ranked_with(STORY, active, [(0, 1, 20)])
    assert together.member[together.query == 1].tolist() == alone.member.tolist()
    assert together.score[together.query == 1].tolist() == alone.score.tolist()


def test_members_come_by_ties_then_inviters() -> None:
    assert ask(audience_of(log_of(STORY)), 0, 3, 20).member.tolist()[:3] == [1, 2, 3]


def test_a_new_owner_gets_the_members_most_active_of_all() -> None:
    found = ask(audience_of(log_of(STORY)), -1, -1, 20, n=3)
    assert len(found.member) == 3
    assert found.member.tolist()[:2] == [1, 2]  # three times and twice


def test_an_owner_without_evidence_gets_her_circle_before_strangers() -> None:
    plain = audience_of(log_of(STORY))
    ties = np.zeros((N_PEOPLE, N_PEOPLE))
    ties[7, [3, 6]] = [1.0, 2.0]
    owner, member = np.nonzero(ties)
    circle = CsrView(
        np.r_[0, np.cumsum(np.bincount(owner, minlength=N_PEOPLE))], member.astype(np.int32),
        ties[owner, member], N_PEOPLE,
    )  # fmt: skip
    assert ask(replace(plain, circle=circle), 7, 0, 20).member.tolist()[:2] == [6, 3]
    assert ask(plain, 7, 0, 20).member.tolist()[:2] != [6, 3]


def test_a_world_without_times_ranks_by_ties() -> None:
    found = ask(audience_of(log_of(STORY, timeless=True)), 0, 3, 0)
    assert found.member.tolist()[:3] == [1, 2, 3]


def write(path: Path, found: Audience | None) -> None:
    with SnapshotWriter(path) as writer:
        writer.ids("members", [f"m{row}" for row in range(N_PEOPLE)])
        writer.ids("owners", [f"m{row}" for row in range(N_PEOPLE)])
        writer.ids("products", [f"p{row}" for row in range(N_PRODUCTS)])
        write_audience(writer, found)
        writer.commit()


def test_a_snapshot_gives_back_what_was_written(tmp_path: Path) -> None:
    found = replace(audience_of(log_of(STORY), Blend({"tie": 1.0})), as_of_us=12 * HOUR_US)
    write(tmp_path / "s", found)
    snapshot = open_snapshot(tmp_path / "s")
    assert same(ask(read_audience(snapshot), 0, 1, 20), ask(found, 0, 1, 20))
    named = audience(snapshot, "m0", "p1", 2)
    assert [member_id for member_id, _ in named] == ["m1", "m2"]
    assert audience(snapshot, "nobody", "nothing", 1)[0][0] == "m1"
    with pytest.raises(QueryError, match="n must be at least 1; got 0"):
        audience(snapshot, "m0", "p1", 0)


def test_a_snapshot_without_an_audience_says_so(tmp_path: Path) -> None:
    write(tmp_path / "s", None)
    with pytest.raises(SnapshotError, match="knows no audience"):
        read_audience(open_snapshot(tmp_path / "s"))


def test_rows_outside_the_people_are_refused(tmp_path: Path) -> None:
    good = audience_of(log_of(STORY))
    bad = replace(good.log, member=good.log.member + np.int32(100))
    write(tmp_path / "s", replace(good, log=bad))
    with pytest.raises(SnapshotError, match=r"audience rows must be in \[0, 16\)"):
        read_audience(open_snapshot(tmp_path / "s"))


def test_newcomers_are_named_and_known_events_count_once(tmp_path: Path) -> None:
    write(tmp_path / "s", audience_of(log_of(STORY)))
    snapshot = open_snapshot(tmp_path / "s")
    known = read_audience(snapshot)
    names = Names(snapshot, known)
    more = grown(
        known, names, ["newcomer", "m0"], ["guest", "m1"], ["p9", "p2"],
        np.array([15 * HOUR_US, 9 * HOUR_US]), np.ones(2, dtype=np.float32),
    )  # fmt: skip
    assert len(more.log) == len(known.log) + 1  # (m0, m1, p2) at hour 9 is in the snapshot
    owner = names.owners(["newcomer", "m0", "stranger"], add=False)
    product = names.products(["p9", "p1", "p1"], add=False)
    found = rank_members(more, owner, product, np.full(3, 20 * HOUR_US), 1)
    assert names.member_ids(found.member)[:2] == ["guest", "m1"]
    assert owner[2] == -1


def test_who_answers_anybody_is_looked_up_in_the_past_only() -> None:
    n = 600
    owner = np.arange(n, dtype=np.int32) % 50
    member = np.where(np.arange(n) % 3 == 0, 60, 61 + np.arange(n) % 7).astype(np.int32)
    product, weight = np.zeros(n, np.int32), np.ones(n, np.float32)
    log = EventLog(owner, member, product, np.arange(n, dtype=np.int64), weight, 80)
    question, found = log.open_to_strangers(np.array([0, 300, 599]), 2)
    assert 0 not in question  # nothing is known before the first step
    assert found[question == 1][0] == 60  # new to more owners than anybody
    changed = EventLog(owner, np.where(np.arange(n) < 256, member, 79).astype(np.int32), product,
                       np.arange(n, dtype=np.int64), weight, 80)  # fmt: skip
    _, again = changed.open_to_strangers(np.array([300]), 2)
    assert again.tolist() == found[question == 1].tolist()
