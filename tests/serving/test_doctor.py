from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from recsys.pointer import promote
from recsys.snapshot import SnapshotWriter
from serving import doctor
from serving.doctor import Finding, examine


def write_snapshot(folder: Path) -> None:
    with SnapshotWriter(folder) as writer:
        writer.ids("owners", ["o1", "o2"])
        writer.ids("products", ["p1"])
        writer.commit(as_of="2026-03-01T08:00:00Z")


def damage(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name != "manifest.json":
            content = bytearray(file.read_bytes())
            content[-1] ^= 1
            file.unlink()
            file.write_bytes(content)


def by_name(folder: Path, *, asked_for: bool = True) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(folder, asked_for=asked_for)}


def test_this_machine_is_fit_and_every_compiled_library_loads(tmp_path: Path) -> None:
    found = by_name(tmp_path)
    for name in ("python", "numpy", "import implicit", "import lightgbm", "import faiss"):
        assert found[name].level == "ok"


def test_a_missing_libgomp_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(module: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    found = doctor._loads("lightgbm")
    assert (found.level, found.found) == ("broken", "libgomp.so.1 is missing")
    assert "libgomp1" in found.to_do


def test_a_missing_library_is_broken() -> None:
    assert doctor._library("no-such-library-of-ours").level == "broken"


def test_a_sound_snapshot_is_verified_and_counted(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "good")
    promote(tmp_path, "good")
    found = by_name(tmp_path)["serving snapshot"]
    assert found.level == "ok"
    assert "as of 2026-03-01T08:00:00Z, 2 owners, 1 products" in found.found
    assert found.found.endswith("verified")


def test_a_damaged_serving_snapshot_is_broken_and_another_one_a_warning(tmp_path: Path) -> None:
    for name in ("serving", "other"):
        write_snapshot(tmp_path / name)
        damage(tmp_path / name)
    promote(tmp_path, "serving")
    found = by_name(tmp_path)
    assert found["serving snapshot"].level == "broken"
    assert found["snapshot other"].level == "warning"


def test_an_absent_folder_is_a_fault_only_when_it_was_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert by_name(nowhere, asked_for=True)["snapshots"].level == "broken"
    assert by_name(nowhere, asked_for=False)["snapshots"].level == "warning"


@pytest.mark.parametrize(("free", "level"), [(50 << 20, "broken"), (1 << 30, "warning"), (3 << 30, "ok")])
def test_a_filling_disk_is_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = namedtuple("usage", "total used free")(free * 2, free, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    assert doctor._disk(tmp_path).level == level


def test_memory_is_what_the_container_may_use(tmp_path: Path) -> None:
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable:    4194304 kB\n")
    assert doctor._available_memory(meminfo, limit) == 4 << 30
    limit.write_text("max\n")
    assert doctor._available_memory(meminfo, limit) == 4 << 30
    limit.write_text("1073741824\n")
    assert doctor._available_memory(meminfo, limit) == 1 << 30
    assert doctor._available_memory(tmp_path / "none", limit) is None
