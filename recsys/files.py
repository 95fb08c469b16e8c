"""Folders that appear whole or not at all, and single files opened without surprises.

Every call to the operating system that a snapshot's safety rests on is in this file, so that a test can
break each in turn.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import io
import mmap
import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from recsys.errors import SnapshotError, UsageError

WRITE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a file must be: its sha256 as 64 lower-case hex digits, and its size in bytes."""

    sha256: str
    size: int


class AtomicFolder:
    """Writes a folder beside its place; `finish` renames it there, and nothing else ever shows at `path`.

    Order on disk: every file is fsynced as it is written, then the folder, then it is renamed, then the
    parent is fsynced. So after a power cut at any moment `path` is absent or whole. Leaving the `with` block
    without `finish` removes what was written. UsageError when `path` already holds something.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial: Path | None = None
        self._lock = -1
        self._new_parents: list[Path] = []

    def __enter__(self) -> AtomicFolder:
        _refuse_occupied(self.path)
        self._new_parents = [p for p in self.path.parents if not p.exists()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_partials(self.path)
        partial = self.path.parent / f".{self.path.name}.partial-{secrets.token_hex(4)}"
        os.mkdir(partial)  # noqa: PTH102  the safety of this file is tested by replacing `os` in it
        self._partial = partial
        self._lock = hold_folder(partial)
        return self

    def write(self, name: str, chunks: Iterable[bytes | memoryview]) -> FileRecord:
        """Write one new file to the end and fsync it; OSError (no space, ...) names the file."""
        file = self._folder() / name
        digest, size = hashlib.sha256(), 0
        try:
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                for chunk in chunks:
                    view = memoryview(chunk)
                    digest.update(view)
                    size += len(view)
                    while view:
                        view = view[os.write(fd, view[:WRITE_BYTES]) :]
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            error.filename = error.filename or str(file)
            raise
        return FileRecord(digest.hexdigest(), size)

    def finish(self) -> None:
        """Put the folder in its place; UsageError when another writer was there first."""
        partial = self._folder()
        _fsync_folder(partial)
        try:
            os.rename(partial, self.path)  # noqa: PTH104  as above
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                _refuse_occupied(self.path)
            raise
        self._partial = None
        for parent in [self.path.parent, *(p.parent for p in self._new_parents)]:
            _fsync_folder(parent)

    def _folder(self) -> Path:
        if self._partial is None:
            raise ValueError(f"{self.path}: not open for writing (outside its with block, or finished)")
        return self._partial

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def open_regular(file: Path) -> io.FileIO:
    """The file, open for reading; SnapshotError when it is missing, a link, a pipe or anything but a file."""
    try:
        # a link could leave the folder, and opening a pipe without O_NONBLOCK would wait for ever
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SnapshotError(
            f"{file}: is missing; the snapshot is not whole: copy it again or retrain"
        ) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise SnapshotError(f"{file}: must be a plain file; it is a link or a special file") from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SnapshotError(f"{file}: must be a plain file; it is a folder or a special file")
    return io.FileIO(fd, "rb")


def map_file(file: io.FileIO) -> mmap.mmap | bytes:
    """The bytes of an open file as read-only shared memory (an empty file cannot be mapped: b"")."""
    size = os.fstat(file.fileno()).st_size
    return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""


def release_pages(mapped: mmap.mmap | bytes) -> None:
    """Give back the memory that reading a map has cost; its pages come again when they are touched."""
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _refuse_occupied(path: Path) -> None:
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise UsageError(f"{path}: already exists and is never overwritten; name a new folder or remove it")


def _sweep_partials(path: Path) -> None:
    """Remove what killed writers of `path` left; a partial folder whose writer lives is locked and stays."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.partial-*"):
        fd = hold_folder(left)
        if fd >= 0:
            shutil.rmtree(left, ignore_errors=True)
            os.close(fd)


def hold_folder(folder: Path) -> int:
    """A descriptor that holds the folder's lock, or -1 where that cannot be had (held, or no locks here).

    Only sweeping relies on it: each writer has a folder of its own name, lock or no lock. The lock goes with
    its process, also with one that is killed.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return -1
    return fd


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise
    finally:
        os.close(fd)
