"""What the bulk commands share: opening a snapshot or a registry, ids as Arrow strings, files that are whole.

A file written here appears at its path complete or not at all; a killed writer leaves only a hidden
`.NAME.partial` beside it, which the next writer of that path takes over.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contract import CHANNELS
from recsys.columns import StringColumn
from recsys.domain import Query, Target
from recsys.errors import SnapshotError, UsageError
from recsys.pointer import read_pointer
from recsys.snapshot import Snapshot, open_snapshot

COMPRESSION = "zstd"


def open_serving(folder: Path) -> Snapshot:
    """The snapshot in a folder, or the one its pointer `current` names; every byte of it verified."""
    if not folder.is_dir():
        raise SnapshotError(
            f"{folder}: there is no such folder; name a snapshot, or a registry with a file `current`"
        )
    return open_snapshot(read_pointer(folder))


def target_named(text: str) -> Target:
    """The target of that name; UsageError when there is none."""
    if text == "circle":
        return "circle"
    if text == "self":
        return "self"
    raise UsageError(f"--target must be circle or self; got {text!r}")


def channel_named(text: str | None) -> str | None:
    """The channel of that name, None for none; UsageError when it is not of the data contract."""
    if text is None or text in CHANNELS:
        return text
    raise UsageError(f"--channel must be one of {', '.join(CHANNELS)}; got {text!r}")


def moment_named(text: str) -> datetime:
    """The aware datetime of an RFC 3339 text; UsageError when it is none or has no offset."""
    with suppress(ValueError):
        if (moment := datetime.fromisoformat(text)).tzinfo is not None:
            return moment.astimezone(UTC)
    raise UsageError(f"--as-of must be a time with an offset, like 2026-03-31T00:00:00Z; got {text!r}")


def question_id(snapshot_id: str, query: Query) -> str:
    """32 hex digits, the same for the same question to the same snapshot: no impression is counted here."""
    return hashlib.sha256(f"{snapshot_id} {query!r}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def arrow_strings(column: StringColumn) -> pa.Array:
    """The strings of a column as an Arrow large_string array over the same memory."""
    offsets = pa.py_buffer(np.ascontiguousarray(column.offsets, dtype=np.int64))
    return pa.Array.from_buffers(pa.large_string(), len(column), [None, offsets, pa.py_buffer(column.blob)])


def strings_of(column: pa.Array, rows: npt.NDArray[np.integer]) -> pa.Array:
    """The strings at these rows as a plain Arrow string array."""
    return pc.take(column, pa.array(rows)).cast(pa.string())


def known_figures(values: npt.NDArray[Any]) -> pa.Array:
    """Figures of a value model as float64, null where a snapshot holds -1: no evidence."""
    figures = np.asarray(values, dtype=np.float64)
    return pa.array(figures, mask=figures < 0)


@contextmanager
def whole_parquet(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A Parquet writer whose file is put at `path`, durably and in one step, when the block ends well.

    Otherwise what was written is removed and `path` stays as it was. UsageError when `path` cannot be a file
    or another process is writing it; OSError (a full disk, …) names the file.
    """
    refuse_bad_output(path)
    partial = path.with_name(f".{path.name}.partial")
    descriptor = _claim(path, partial)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = pq.ParquetWriter(file, schema, compression=COMPRESSION)
            try:
                yield writer
                writer.close()
            except BaseException:
                with suppress(Exception):  # it would write its footer to what is about to be removed
                    writer.close()
                raise
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)  # still locked: nobody else can have taken the partial file over
        sync_folder(path.parent)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def refuse_bad_output(path: Path) -> None:
    """UsageError when a file cannot be written to that path."""
    if path.is_dir():
        raise UsageError(f"{path}: --out must be a file; this is a folder")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.absolute().parent}; make it first")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(descriptor: int, path: Path) -> None:
    """Hold what is open for as long as it is; UsageError when another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path}: is being written by another process; wait, or name another file") from None


def _claim(path: Path, partial: Path) -> int:
    """An empty, locked file to write to; a killed writer's is taken over."""
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        lock(descriptor, path)
        if not _is_at(descriptor, partial):  # its writer finished between our opening and our locking
            raise UsageError(f"{path}: has just been written by another process; run this again")
        os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)
