"""Of a circle the order of the command, and of each member only what passed between her and the owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from audience_logs import N_PEOPLE, N_PRODUCTS, Event, audience_of, log_of

from recsys import audience_told
from recsys.audience import audience, read_audience, write_audience
from recsys.audience_log import HOUR_US
from recsys.audience_names import Names
from recsys.audience_told import Glad, glad_of
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter

# 1 and 2 came back to owner 0, 1 three times; 0 came back to 3; 4 knows nobody near her
STORY: list[Event] = [
    (0, 1, 0, 1), (0, 1, 1, 5), (0, 2, 1, 5), (3, 0, 2, 7), (0, 1, 2, 9), (4, 5, 3, 10), (6, 2, 3, 12),
]  # fmt: skip
LATE = 30 * HOUR_US


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    with SnapshotWriter(tmp_path / "s") as writer:
        for name in ("members", "owners"):
            writer.ids(name, [f"m{row}" for row in range(N_PEOPLE)])
        writer.ids("products", [f"p{row}" for row in range(N_PRODUCTS)])
        write_audience(writer, audience_of(log_of(STORY)))
        writer.commit()
    return open_snapshot(tmp_path / "s")


def told(snapshot: Snapshot, owner_id: str, time_us: int = LATE, joined: tuple[str, ...] = ()) -> list[Glad]:
    found = read_audience(snapshot)
    return list(glad_of(found, Names(snapshot, found), owner_id, "p1", time_us, joined))


def test_her_own_people_stand_as_the_command_ranks_them_and_nobody_else_is_named(snapshot: Snapshot) -> None:
    ranked = [name for name, _ in audience(snapshot, "m0", "p1", 50)]
    found = [glad.member_id for glad in told(snapshot, "m0")]
    assert found == ["m1", "m2"] == [name for name in ranked if name in found]
    assert len(ranked) > len(found)  # the command goes on down its ladder, to people who are not hers


def test_what_is_said_is_how_often_and_never_what(snapshot: Snapshot) -> None:
    (anna, bea) = told(snapshot, "m0")
    assert (anna.reasons[0].code, anna.reasons[0].text) == ("came_to_you", "came to what you shared 3 times")
    assert bea.reasons[0].text == "came to what you shared once"
    assert not any("p" in str(value) for glad in (anna, bea) for value in glad.reasons[0].evidence.values())


def test_only_what_lies_before_the_moment_counts(snapshot: Snapshot) -> None:
    first = told(snapshot, "m0", time_us=5 * HOUR_US)
    assert [(glad.member_id, glad.reasons[0].evidence["n_times"]) for glad in first] == [("m1", 1)]


def test_who_joined_since_comes_with_the_tie_alone_and_below(snapshot: Snapshot) -> None:
    found = told(snapshot, "m0", joined=("m3", "m-new", "m0"))
    assert [glad.member_id for glad in found] == ["m1", "m2", "m3", "m-new"]
    assert found[2].reasons[0].code == "you_came_to_her" and found[3].reasons[0].code == "in_circle"
    assert [glad.score for glad in found] == sorted((glad.score for glad in found), reverse=True)
    assert [glad.member_id for glad in told(snapshot, "nobody", joined=("m1", "m-new"))] == ["m1", "m-new"]


def test_red_control_without_the_look_whose_they_are_strangers_would_be_named(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = staticmethod(lambda audience, owner, member: member >= 0)
    monkeypatch.setattr(audience_told._Ties, "_in_circle", everybody)
    assert len(told(snapshot, "m0")) > 2
