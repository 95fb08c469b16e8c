"""A fault or a power cut at any step of writing leaves no snapshot or the whole one.

`os` in recsys.files is replaced by one that counts its calls and breaks one of them. After a power cut the
disk holds what was fsynced: a file written since is cut to nothing, and a folder that was not fsynced since a
file was made in it loses its files. (A rename that is lost leaves nothing at the path, which is always well.)
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshot_examples import FIELDS, PRODUCTS

from recsys.errors import SnapshotError
from recsys.snapshot import SnapshotWriter, open_snapshot

STEPS = ("mkdir", "open", "write", "fsync", "close", "rename")


class PowerCutError(BaseException):
    """The process is gone; nothing may clean up after it."""


class FaultyOs:
    """The module os, breaking its step number `at` (from 0), and remembering what is not yet on the disk."""

    def __init__(self, at: int, error: BaseException | None, skip_fsync: bool = False) -> None:
        self.at, self.error, self.skip_fsync = at, error, skip_fsync
        self.log: list[str] = []
        self.unsynced: set[str] = set()
        self.names: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in STEPS:
            return real

        def step(*args: Any, **kwargs: Any) -> Any:
            if self.error and len(self.log) == self.at:
                if not isinstance(self.error, PowerCutError):
                    self.log.append(name)
                raise self.error
            self.log.append(name)
            if name == "fsync" and self.skip_fsync:
                return None
            result = real(*args, **kwargs)
            self._remember(name, args, result)
            return result

        return step

    def _remember(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self.names[result] = str(args[0])
            if args[1] & os.O_CREAT:
                self.unsynced |= {str(args[0]), str(Path(args[0]).parent)}
        elif name == "write":
            self.unsynced.add(self.names[args[0]])
        elif name == "fsync":
            self.unsynced.discard(self.names[args[0]])
        elif name == "close":
            del self.names[args[0]]
        elif name == "rename":
            self.unsynced = {f.replace(str(args[0]), str(args[1])) for f in self.unsynced}


def fill_little(writer: SnapshotWriter) -> None:
    """Few files, as every one of their steps is broken in turn."""
    writer.ids("products", PRODUCTS)
    writer.array("product_vectors", np.ones((3, 4), dtype=np.float32), ("products", None))


def write(path: Path) -> None:
    with SnapshotWriter(path) as writer:
        fill_little(writer)
        writer.commit(**FIELDS)


def patched(monkeypatch: pytest.MonkeyPatch, faulty: FaultyOs) -> FaultyOs:
    monkeypatch.setattr("recsys.files.os", faulty)
    return faulty


def steps_of_a_sound_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    faulty = patched(monkeypatch, FaultyOs(-1, None))
    write(tmp_path / "counted")
    monkeypatch.undo()
    return faulty.log


def test_the_order_of_steps_is_the_promised_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    faulty = FaultyOs(-1, None)
    remember = faulty._remember

    def note(name: str, args: tuple[Any, ...], result: Any) -> None:
        remember(name, args, result)
        if name == "open":
            opened.append(Path(args[0]).name)
        if name == "rename":
            assert not faulty.unsynced  # everything inside is on the disk before it gets its name

    monkeypatch.setattr(faulty, "_remember", note)
    patched(monkeypatch, faulty)
    write(tmp_path / "s")
    files = [name for name in opened if not name.startswith(".") and name != tmp_path.name]
    assert files[-1] == "manifest.json" and len(files) == len(list((tmp_path / "s").iterdir()))
    last = [step for step in faulty.log if step in ("fsync", "rename")]
    assert last[-3:] == ["fsync", "rename", "fsync"]
    assert last.count("fsync") == len(files) + 2


def test_an_error_at_any_step_leaves_nothing_or_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = steps_of_a_sound_run(tmp_path, monkeypatch)
    assert set(steps) == set(STEPS)
    n_whole = 0
    for at, step in enumerate(steps):
        path = tmp_path / f"s{at}"
        patched(monkeypatch, FaultyOs(at, OSError(errno.ENOSPC, "No space left on device")))
        try:
            write(path)
        except OSError as error:
            assert error.errno == errno.ENOSPC, step
        monkeypatch.undo()
        left = [f.name for f in tmp_path.iterdir() if f.name.startswith(f".s{at}.")]
        assert left == [], f"step {at}, {step}"
        if path.exists():
            open_snapshot(path)
            n_whole += 1
    assert 0 < n_whole < 10  # only what fails after the rename


def cut_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, skip_fsync: bool = False
) -> tuple[Path, bool]:
    """Write until step `at`, lose what was not fsynced; the path, and whether the rename had happened."""
    path = tmp_path / f"s{at}"
    faulty = patched(monkeypatch, FaultyOs(at, PowerCutError(), skip_fsync))
    monkeypatch.setattr("recsys.files.shutil.rmtree", lambda *args, **kwargs: None)
    with pytest.raises(PowerCutError):
        write(path)
    monkeypatch.undo()
    for fd in faulty.names:  # the system closes what a dead process had open, and its lock goes with it
        os.close(fd)
    for lost in map(Path, faulty.unsynced):
        if lost.is_dir():
            for file in lost.iterdir():
                file.unlink()
        elif lost.exists():
            os.truncate(lost, 0)
    return path, path.exists()


def test_a_power_cut_at_any_step_leaves_nothing_or_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_steps = len(steps_of_a_sound_run(tmp_path, monkeypatch))
    n_whole = 0
    for at in range(n_steps):
        path, exists = cut_power(tmp_path, monkeypatch, at)
        if exists:
            open_snapshot(path)
            n_whole += 1
        else:
            for left in tmp_path.glob(f".s{at}.partial-*"):
                assert not list(left.glob("manifest.json")) or at > n_steps // 2  # the manifest came late
            write(path)  # and the next run sweeps and succeeds
            open_snapshot(path)
        assert not list(tmp_path.glob(f".s{at}.partial-*"))
        shutil.rmtree(path)
    assert 0 < n_whole < 10


def test_red_control_without_fsync_a_power_cut_tears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_steps = len(steps_of_a_sound_run(tmp_path, monkeypatch))
    path, exists = cut_power(tmp_path, monkeypatch, n_steps - 1, skip_fsync=True)
    assert exists
    with pytest.raises(SnapshotError):
        open_snapshot(path)


def test_red_control_a_folder_written_in_place_is_seen_half(tmp_path: Path) -> None:
    """Were files written under the final name, a reader in between would meet a folder that does not open."""
    with SnapshotWriter(tmp_path / "s") as writer:
        fill_little(writer)
        (partial,) = tmp_path.glob(".s.partial-*")
        with pytest.raises(SnapshotError, match=r"manifest\.json: is missing"):
            open_snapshot(partial)
        assert not (tmp_path / "s").exists()


def test_short_writes_are_written_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr("recsys.files.os.write", lambda fd, data: real(fd, data[:7]))
    write(tmp_path / "s")
    open_snapshot(tmp_path / "s")


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(fd: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("recsys.files.os.write", no_space)
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path / "s")
    assert str(caught.value.filename).endswith("products.offsets.npy")
    assert list(tmp_path.iterdir()) == []
