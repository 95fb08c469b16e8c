"""Promise 7 on SQLite: a file that another process holds, that may not grow, or that is moved away."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_store_faults import WITHIN_S, Told, lost
from test_store_unavailable import app_over

from serving.store import sqlite

HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(file: Path) -> Iterator[None]:
    """Somebody else's process has the write lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield
        finally:
            other.kill()  # as a crash would: the kernel gives its locks back


@contextmanager
def no_room(file: Path) -> Iterator[None]:
    """No file of this process may be written past the end of the store's log: its disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.with_name(f"{file.name}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def moved_away(file: Path) -> Iterator[None]:
    """The store's files are gone, and are put back."""
    away = file.with_name("away")
    away.mkdir()
    files = list(file.parent.glob(f"{file.name}*"))
    for found in files:
        found.rename(away / found.name)
    try:
        yield
    finally:
        for found in files:
            (away / found.name).rename(found)
        away.rmdir()


FAULTS = {"held": held_by_another_process, "full": no_room, "moved away": moved_away}


def go_through(folder: Path, faults: list[str]) -> Told:
    """What was told while each fault came and went; between two the store is whole again."""
    file = folder / "store.db"
    with app_over(folder, within_s=WITHIN_S) as caller:
        told = Told(caller)
        assert told.recovers()
        for fault in faults:
            with FAULTS[fault](file):
                assert {told.event() for _ in range(3)} == {503}
            assert told.recovers(), fault
    return told


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_file_costs_no_pick_and_no_acknowledged_event(fault: str, tmp_path: Path) -> None:
    told = go_through(tmp_path, [fault])
    assert told.picks_answered() >= 0.999
    assert len(told.acknowledged) >= 2 and lost(told, f"sqlite:///{tmp_path}/store.db") == set()


@pytest.mark.long
def test_sixty_faults_of_the_file_cost_no_pick_and_no_acknowledged_event(tmp_path: Path) -> None:
    told = go_through(tmp_path, [*FAULTS] * 20)
    assert len(told.pick_statuses) >= 1_000 and told.picks_answered() >= 0.999
    assert len(told.acknowledged) >= 60 and lost(told, f"sqlite:///{tmp_path}/store.db") == set()


def acknowledges_what_nobody_will_find(folder: Path) -> bool:
    file = folder / "store.db"
    with app_over(folder, within_s=WITHIN_S) as caller:
        told = Told(caller)
        assert told.recovers()
        for found in folder.glob("store.db*"):
            found.unlink()
        return told.event() == 202 and not file.exists()


def test_nothing_is_acknowledged_into_a_file_that_was_removed(tmp_path: Path) -> None:
    assert not acknowledges_what_nobody_will_find(tmp_path)


def test_red_control_sqlite_alone_writes_on_into_a_removed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_files_of", lambda file: ())
    assert acknowledges_what_nobody_will_find(tmp_path)
