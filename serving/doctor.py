"""What this machine and its snapshots are fit for, one finding a line."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from recsys.errors import SnapshotError
from recsys.pointer import MANIFEST_FILE, POINTER_FILE, read_pointer
from recsys.threads import VARIABLES, thread_count

Level = Literal["ok", "warning", "broken"]

LIBRARIES = (
    "numpy", "scipy", "pandas", "pyarrow", "duckdb", "ibis-framework", "scikit-learn", "implicit",
    "faiss-cpu", "lightgbm", "fastapi", "uvicorn", "pydantic", "orjson", "prometheus-client",
)  # fmt: skip
COMPILED = ("numpy", "scipy.sparse", "faiss", "implicit", "lightgbm")
MEMORY_ENOUGH = 2 << 30
DISK_ENOUGH = 2 << 30
DISK_LEAST = 100 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found and, unless all is well, what to do."""

    name: str
    level: Level
    found: str
    to_do: str = ""


def examine(snapshots: Path, *, asked_for: bool) -> Iterator[Finding]:
    """Findings on Python, libraries, threads, memory, disk and the snapshots of a folder, in that order.

    `asked_for`: the folder was named, so that its absence is a fault and not merely a fresh start.
    """
    yield _python()
    yield from map(_library, LIBRARIES)
    yield from map(_loads, COMPILED)
    yield _threads()
    yield _memory()
    yield _disk(snapshots)
    yield from _snapshots(snapshots, asked_for)


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _library(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "broken", "not installed", "install from the lock: see the README")


def _loads(module: str) -> Finding:
    name = f"import {module}"
    try:
        importlib.import_module(module)
    except OSError as error:  # a shared library is missing; the wheels of implicit and lightgbm lack libgomp
        return _not_loading(name, str(error))
    except ImportError as error:
        return _not_loading(name, str(error))
    return Finding(name, "ok", "loads")


def _not_loading(name: str, found: str) -> Finding:
    if "libgomp" in found:
        return Finding(name, "broken", "libgomp.so.1 is missing", "install libgomp1 (Debian) or libgomp")
    return Finding(name, "broken", found, "install from the lock: see the README")


def _threads() -> Finding:
    n_threads, n_cores = thread_count(), os.cpu_count() or 1
    found = f"{n_threads} of {n_cores} cores"
    pools = {os.environ[variable] for variable in VARIABLES if variable in os.environ}
    if any(pool.isdigit() and int(pool) > n_threads for pool in pools):
        return Finding("threads", "warning", found, f"set OMP_NUM_THREADS to {n_threads} at most")
    return Finding("threads", "ok", found)


def _memory() -> Finding:
    available = _available_memory(Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max"))
    if available is None:
        return Finding("memory", "warning", "unknown on this system", "see that 2 GiB are free")
    if available < MEMORY_ENOUGH:
        return Finding(
            "memory", "warning", f"{_size(available)} available", "train smaller data or free memory"
        )
    return Finding("memory", "ok", f"{_size(available)} available")


def _available_memory(meminfo: Path, cgroup_limit: Path) -> int | None:
    """Bytes that can be had: what the system has available, at most what the container may use."""
    try:
        lines = meminfo.read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    try:
        return min(free, int(cgroup_limit.read_text()))
    except (OSError, ValueError):  # no container, or its limit is "max"
        return free


def _disk(folder: Path) -> Finding:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{_size(free)} free at {place}"
    if free < DISK_LEAST:
        return Finding("disk", "broken", found, "free some space: nothing can be written")
    if free < DISK_ENOUGH:
        return Finding("disk", "warning", found, "free some space before the next training")
    return Finding("disk", "ok", found)


def _snapshots(folder: Path, asked_for: bool) -> Iterator[Finding]:
    if not folder.is_dir():
        level: Level = "broken" if asked_for else "warning"
        yield Finding("snapshots", level, f"{folder} is no folder", "sharepicks train DIR --out SNAPSHOT")
        return
    serving: Path | None = None
    try:
        serving = read_pointer(folder)
    except SnapshotError as error:
        yield Finding("serving snapshot", "broken" if asked_for else "warning", str(error), "promote one")
    else:
        yield _snapshot(serving, "serving snapshot", "broken")
    for manifest in sorted(folder.glob(f"*/{MANIFEST_FILE}")):
        if manifest.parent != serving:
            yield _snapshot(manifest.parent, f"snapshot {manifest.parent.name}", "warning")


def _snapshot(path: Path, name: str, when_bad: Level) -> Finding:
    from recsys.snapshot import open_snapshot

    try:
        snapshot = open_snapshot(path, verify=True)
    except (SnapshotError, OSError) as error:
        return Finding(name, when_bad, str(error), f"train it again, or point {POINTER_FILE} at another")
    counts = ", ".join(
        f"{len(snapshot.ids(ids)):,} {ids}" for ids in ("owners", "members", "products") if snapshot.has(ids)
    )
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    as_of = snapshot.manifest.fields.get("as_of") or "timeless"
    return Finding(
        name, "ok", f"{snapshot.manifest.snapshot_id}, as of {as_of}, {counts}, {_size(size)}, verified"
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / (1 << 30):.1f} GiB" if n_bytes >= 1 << 30 else f"{n_bytes / (1 << 20):.1f} MiB"
