"""The registry: one move at a time, every move in the journal, and the way back."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_model import town, write_small_snapshot

from recsys import registry as registry_module
from recsys.errors import SnapshotError
from recsys.registry import (
    JOURNAL_FILE,
    Move,
    RegistryConflict,
    done,
    journal,
    known_snapshots,
    move,
    named,
    rollback,
    serving_name,
)
from recsys.snapshot import open_snapshot

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry of three snapshots, none promoted."""
    for name in ("a", "b", "c"):
        write_small_snapshot(town(), tmp_path / name)
    return tmp_path


def promoted(folder: Path, name: str, **more: Any) -> Move:
    return move(folder, name, who="ann", why=f"try {name}", now=NOW, verify=open_snapshot, **more)


def back(folder: Path) -> Move:
    return rollback(folder, who="bob", why="worse", now=NOW, verify=open_snapshot)


def test_every_move_is_in_the_journal_with_who_when_why_and_from_where(folder: Path) -> None:
    promoted(folder, "a")
    promoted(folder, "b")
    first, second = journal(folder)
    assert (first.before, first.after, second.before, second.after) == (None, "a", "a", "b")
    assert (second.who, second.why, second.time) == ("ann", "try b", "2026-03-01T08:00:00+00:00")
    assert second.snapshot_id == open_snapshot(folder / "b").manifest.snapshot_id
    assert done(folder, [first, second]) == [True, True] and serving_name(folder) == "b"


def test_rollback_goes_back_and_again_further_back(folder: Path) -> None:
    for name in ("a", "b", "c"):
        promoted(folder, name)
    assert [back(folder).after, back(folder).after] == ["b", "a"]
    with pytest.raises(SnapshotError, match="nothing served before"):
        back(folder)
    promoted(folder, "c")
    assert back(folder).after == "a"


def test_a_snapshot_that_cannot_be_opened_is_not_promoted_and_not_recorded(folder: Path) -> None:
    promoted(folder, "a")
    file = next((folder / "b").glob("popularity.npy"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(SnapshotError):
        promoted(folder, "b")
    assert serving_name(folder) == "a" and len(journal(folder)) == 1


def test_what_was_expected_to_serve_must_serve(folder: Path) -> None:
    promoted(folder, "a", expected=None)
    promoted(folder, "b", expected="a")
    with pytest.raises(RegistryConflict, match="b serves and not a"):
        promoted(folder, "c", expected="a")
    assert serving_name(folder) == "b"


def _waits(folder: Path, started: Any, go: Any, told: Any) -> None:
    def verify(path: Path) -> object:
        started.set()
        assert go.wait(30)
        return open_snapshot(path)

    move(folder, "a", who="one", why="", now=NOW, verify=verify)
    told.put("moved")


def test_of_two_at_once_one_wins_and_the_other_is_told(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started, go, told = context.Event(), context.Event(), context.Queue()
    first = context.Process(target=_waits, args=(folder, started, go, told))
    first.start()
    try:
        assert started.wait(60)
        with pytest.raises(RegistryConflict, match="another promote or rollback goes on"):
            promoted(folder, "b")
        go.set()
        assert told.get(timeout=60) == "moved"
        first.join(30)
    finally:
        first.kill()
        first.join()
        told.close()
    assert serving_name(folder) == "a"
    assert promoted(folder, "b").before == "a"


def crash_at(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[], None]:
    real = getattr(registry_module, name)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry_module, name, crash)
    return lambda: monkeypatch.setattr(registry_module, name, real)


def test_a_crash_between_journal_and_pointer_leaves_an_intention_that_is_seen_as_not_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(folder, "a")
    mend = crash_at(monkeypatch, "promote")
    with pytest.raises(KeyboardInterrupt):
        promoted(folder, "b")
    mend()
    assert serving_name(folder) == "a" and done(folder, journal(folder)) == [True, False]
    promoted(folder, "c")
    assert done(folder, journal(folder)) == [True, False, True]
    assert back(folder).after == "a"


@pytest.mark.parametrize("n_bytes", [1, 2, 40])
def test_a_line_that_a_killed_writer_left_half_is_mended_by_the_next(folder: Path, n_bytes: int) -> None:
    promoted(folder, "a")
    promoted(folder, "b")
    file = folder / JOURNAL_FILE
    os.truncate(file, file.stat().st_size - n_bytes)
    promoted(folder, "c")
    assert [made.after for made in journal(folder)] == (["a", "b", "c"] if n_bytes == 1 else ["a", "c"])
    assert file.read_bytes().count(b"\n") == len(journal(folder))


@pytest.mark.parametrize(
    "change", [("ann", "eve"), ("try b", "try it"), ('"forced": false', '"forced": true')]
)
def test_a_changed_line_is_found(folder: Path, change: tuple[str, str]) -> None:
    promoted(folder, "a")
    promoted(folder, "b")
    promoted(folder, "c")
    file = folder / JOURNAL_FILE
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[1].replace(*change) + lines[2])
    with pytest.raises(SnapshotError, match="line 2"):
        journal(folder)
    file.write_text(lines[0] + lines[2])
    with pytest.raises(SnapshotError, match="line 2"):
        journal(folder)


def test_the_list_tells_what_serves_and_what_cannot_be_read(folder: Path) -> None:
    promoted(folder, "b")
    (folder / "c" / "manifest.json").write_text("{}")
    (folder / "half").mkdir()
    told = {known.name: known for known in known_snapshots(folder)}
    assert told.keys() == {"a", "b", "c"}
    assert [name for name, known in told.items() if known.is_serving] == ["b"]
    assert told["c"].trouble is not None and told["a"].trouble is None and told["a"].n_bytes > 1000


def test_a_snapshot_is_found_by_name_or_id(folder: Path) -> None:
    assert named(folder, "a").name == "a"
    with pytest.raises(SnapshotError, match="no snapshot is called 'z'; there are: a, b, c"):
        named(folder, "z")
    with pytest.raises(SnapshotError, match="more than one"):
        named(folder, str(named(folder, "a").snapshot_id))  # three of the same content
