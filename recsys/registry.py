"""The registry: a folder of snapshots, the pointer to the one that serves, and the journal of every move.

A move is written into the journal first, durably, and then made by one atomic rename of the pointer: a crash
between the two leaves an intention that the journal shows as not done, never a move that nobody recorded. One
move at a time: whoever comes second is told.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from recsys.errors import SharepicksError, SnapshotError
from recsys.manifest import read_manifest
from recsys.pointer import MANIFEST_FILE, is_snapshot_name, promote, read_pointer

JOURNAL_FILE = "journal.jsonl"
LOCK_FILE = ".moving"
MAX_WHY = 500
BEGINNING = "0" * 64
Act = Literal["promote", "rollback"]


class RegistryConflict(SharepicksError):
    """Another move goes on, or was made meanwhile; nothing of this one happened."""


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the journal. `chain`: the sha256 of the line before and this one without it."""

    time: str  # RFC 3339
    act: Act
    who: str
    why: str
    before: str | None  # the name that served
    after: str
    snapshot_id: str
    forced: bool
    chain: str


@dataclass(frozen=True, slots=True)
class Known:
    """A snapshot of the registry as its manifest tells it; `trouble` says why it cannot be read."""

    name: str
    is_serving: bool
    n_bytes: int
    snapshot_id: str | None = None
    as_of: str | None = None
    dataset_hash: str | None = None
    counts: dict[str, int] | None = None
    trouble: str | None = None


def known_snapshots(folder: Path) -> list[Known]:
    """Every snapshot of a registry, by as_of, then name; SnapshotError when it is no folder of snapshots."""
    if not folder.is_dir() or (folder / MANIFEST_FILE).is_file():
        raise SnapshotError(f"{folder}: must be a folder that holds snapshots; name the registry itself")
    serving = serving_name(folder)
    found = [
        _known(place, is_serving=place.name == serving)
        for place in folder.iterdir()
        if is_snapshot_name(place.name) and (place / MANIFEST_FILE).is_file()
    ]
    return sorted(found, key=lambda known: (known.as_of or "", known.name))


def serving_name(folder: Path) -> str | None:
    """The name of the snapshot that serves; None when none does."""
    with contextlib.suppress(SnapshotError):
        return read_pointer(folder).name
    return None


def named(folder: Path, name_or_id: str) -> Known:
    """The snapshot of that name or snapshot_id; SnapshotError when there is none, or several."""
    found = [known for known in known_snapshots(folder) if name_or_id in (known.name, known.snapshot_id)]
    exact = [known for known in found if known.name == name_or_id] or found
    if len(exact) != 1:
        names = ", ".join(known.name for known in known_snapshots(folder)) or "none"
        raise SnapshotError(
            f"{folder}: {'no' if not exact else 'more than one'} snapshot is called {name_or_id[:64]!r}; "
            f"there are: {names[:500]}"
        )
    return exact[0]


def move(
    folder: Path, name: str, *, who: str, why: str, now: datetime, verify: Callable[[Path], object],
    expected: str | None = None, forced: bool = False, act: Act = "promote",
) -> Move:  # fmt: skip
    """Make a snapshot the serving one, recorded.

    `verify` opens it and raises SnapshotError when it is not fit to serve. `expected`: the name that must
    serve now. RegistryConflict when another move goes on, or something else serves.
    """
    with _alone(folder):
        before = serving_name(folder)
        if expected is not None and before != expected:
            raise RegistryConflict(f"{folder}: {before or 'nothing'} serves and not {expected}; look again")
        verify(folder / name)
        manifest = read_manifest(folder / name)
        made = _written(
            folder, time=now.isoformat(), act=act, who=who[:100], why=why[:MAX_WHY], before=before,
            after=name, snapshot_id=manifest.snapshot_id, forced=forced,
        )  # fmt: skip
        promote(folder, name)
        return made


def rollback(folder: Path, *, who: str, why: str, now: datetime, verify: Callable[[Path], object]) -> Move:
    """Go back to the snapshot that served before this one was promoted; again, further back."""
    served = served_in_turn(folder)
    if len(served) < 2:
        raise SnapshotError(f"{folder}: nothing served before; promote another snapshot instead")
    return move(
        folder, served[-2], who=who, why=why, now=now, verify=verify, expected=served[-1], act="rollback"
    )


def journal(folder: Path) -> list[Move]:
    """Every move that was written down, the oldest first; SnapshotError where the chain is broken."""
    file = folder / JOURNAL_FILE
    if not file.exists():
        return []
    found, chain = [], BEGINNING
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        try:
            told: dict[str, Any] = json.loads(line)
            made = Move(**told)
        except (ValueError, TypeError):
            if not line.endswith("}"):  # a writer was killed in the middle of it; the next one mends it
                break
            raise SnapshotError(f"{file} line {number}: is no line of a journal; restore it") from None
        chain = _chained(chain, {name: value for name, value in told.items() if name != "chain"})
        if chain != made.chain:
            raise SnapshotError(
                f"{file} line {number}: does not follow from the lines before; it was changed"
            )
        found.append(made)
    return found


def done(folder: Path, moves: list[Move]) -> list[bool]:
    """Which of the moves were made: the next one started from it, or it serves now."""
    starts = [made.before for made in moves[1:]] + [serving_name(folder)] * bool(moves)
    return [made.after == start for made, start in zip(moves, starts, strict=True)]


def served_in_turn(folder: Path) -> list[str]:
    """The names that rollback goes back through; the last one serves."""
    moves = journal(folder)
    stack: list[str] = []
    for made, was_done in zip(moves, done(folder, moves), strict=True):
        if not was_done:
            continue
        if not stack and made.before is not None:
            stack.append(made.before)
        if made.act == "rollback" and len(stack) > 1:
            stack.pop()
        else:
            stack.append(made.after)
    return stack


def _known(place: Path, *, is_serving: bool) -> Known:
    n_bytes = sum(file.stat().st_size for file in place.iterdir() if file.is_file())
    try:
        manifest = read_manifest(place)
    except SnapshotError as error:
        return Known(place.name, is_serving, n_bytes, trouble=str(error))
    fields = manifest.fields
    return Known(
        place.name, is_serving, n_bytes, manifest.snapshot_id, fields.get("as_of"),
        fields.get("dataset_hash"), fields.get("counts"),
    )  # fmt: skip


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        raise SnapshotError(f"{folder}: there is no such folder")
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RegistryConflict(
                f"{folder}: another promote or rollback goes on; look what it did, then try again"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _written(folder: Path, **told: Any) -> Move:
    """Append a move to the journal, durably; a line that a killed writer left half is cut off first."""
    moves = journal(folder)
    made = Move(**told, chain=_chained(moves[-1].chain if moves else BEGINNING, told))
    file = folder / JOURNAL_FILE
    whole = sum(len(_line(one)) for one in moves)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, whole)
        if whole:  # the last line may be whole but for its end
            os.pwrite(descriptor, b"\n", whole - 1)
        os.pwrite(descriptor, _line(made), whole)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return made


def _line(made: Move) -> bytes:
    return json.dumps(asdict(made), ensure_ascii=False).encode() + b"\n"


def _chained(before: str, told: dict[str, Any]) -> str:
    return hashlib.sha256(f"{before}\n{json.dumps(told, sort_keys=True)}".encode()).hexdigest()
