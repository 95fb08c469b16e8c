"""The engine's folder goes with it, and what a killed process left goes with the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from features import engine
from features.engine import PREFIX, DuckDBEngine

LONG_AGO_S = 3_600

OPEN_AND_WAIT = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from features.engine import DuckDBEngine
held = DuckDBEngine(memory_limit_mb=200, threads=1)
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with an open engine."""
    command = [sys.executable, "-c", OPEN_AND_WAIT, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        yield child
        child.kill()


def age(folder: Path) -> Path:
    """The one window folder there, made to look an hour old."""
    (left,) = folder.glob(f"{PREFIX}*")
    then = left.stat().st_mtime - LONG_AGO_S
    os.utime(left, (then, then))
    return left


def open_and_close() -> None:
    DuckDBEngine(memory_limit_mb=200, threads=1).close()


def test_an_engine_leaves_nothing(folder: Path) -> None:
    open_and_close()
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_is_swept(folder: Path, other: subprocess.Popen[bytes]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    left = age(folder)
    open_and_close()
    assert not left.exists()


def test_a_living_process_keeps_its_folder(folder: Path, other: subprocess.Popen[bytes]) -> None:
    left = age(folder)
    open_and_close()
    assert (left / "window.duckdb").exists()


def test_red_control_without_its_lock_the_folder_of_a_living_process_would_go(
    folder: Path, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = age(folder)
    monkeypatch.setattr(engine, "hold_folder", lambda path: os.open(path, os.O_RDONLY))
    open_and_close()
    assert not left.exists()


def test_a_folder_made_a_moment_ago_may_not_have_its_lock_yet(folder: Path) -> None:
    fresh = folder / f"{PREFIX}fresh"
    fresh.mkdir()
    open_and_close()
    assert fresh.exists()


def test_red_control_without_the_sweep_it_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f"{PREFIX}dead").mkdir()
    left = age(folder)
    monkeypatch.setattr(engine, "sweep_dead", lambda *_: None)
    open_and_close()
    assert left.exists()
