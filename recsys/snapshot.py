"""A snapshot: everything a request needs, frozen in a folder and mapped into memory.

`SnapshotWriter` writes one, `open_snapshot` reads it. What is in the folder: docs/snapshot.md.
"""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recsys.columns import StringColumn
from recsys.errors import SnapshotError
from recsys.files import FileRecord, map_file, open_regular, release_pages
from recsys.ids import IdList
from recsys.layout import Entry, Part, part_file, part_files
from recsys.manifest import (
    MANIFEST_FILE,
    SCHEMA_VERSION,
    Manifest,
    encode_manifest,
    parse_manifest,
    read_manifest,
)
from recsys.npy import npy_header, view_npy
from recsys.snapshot_writer import SnapshotWriter
from recsys.sparse import CsrView
from recsys.threads import thread_count
from recsys.values import Rule, complaint, rules_for, strings_complaint

__all__ = [
    "MANIFEST_FILE",
    "SCHEMA_VERSION",
    "CsrView",
    "IdList",
    "Manifest",
    "Snapshot",
    "SnapshotWriter",
    "StringColumn",
    "encode_manifest",
    "open_snapshot",
    "parse_manifest",
    "read_manifest",
]

READ_BYTES = 1 << 20
CHECK_THREADS = 2  # more would take the machine from what is serving while a new snapshot is opened

Content = IdList | StringColumn | npt.NDArray[Any] | CsrView | str
T = TypeVar("T")


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Snapshot:
    """An open snapshot. All arrays are read-only views of its files; nothing needs closing.

    Asking for a name that is not there, or under another kind, raises SnapshotError.
    """

    path: Path
    manifest: Manifest
    _content: Mapping[str, Content] = field(repr=False)

    def has(self, name: str) -> bool:
        """Whether there is anything of this name."""
        return name in self._content

    def ids(self, name: str) -> IdList:
        """The id list of this name."""
        return self._get(name, IdList, "id list")

    def strings(self, name: str) -> StringColumn:
        """The strings of this name, one per row of their axis."""
        return self._get(name, StringColumn, "strings")

    def array(self, name: str) -> npt.NDArray[Any]:
        """The array of this name; dtype and shape as in `manifest.entries[name]`."""
        return self._get(name, np.ndarray, "array")

    def csr(self, name: str) -> CsrView:
        """The sparse matrix of this name."""
        return self._get(name, CsrView, "csr")

    def text(self, name: str) -> str:
        """The content of the text file of this name."""
        return self._get(name, str, "text")

    def _get(self, name: str, kind: type[T], word: str) -> T:
        found = self._content.get(name)
        if not isinstance(found, kind):
            there = ", ".join(n for n, c in self._content.items() if isinstance(c, kind)) or "none"
            raise SnapshotError(f"{self.path}: has no {word} named {name!r}; it has {there}")
        return found


@dataclass(frozen=True, slots=True)
class _OpenFile:
    file: io.FileIO
    mapped: mmap.mmap | bytes
    record: FileRecord
    part: Part | None  # None for a text

    @property
    def array(self) -> npt.NDArray[Any]:
        assert self.part is not None
        return view_npy(self.mapped, self.part.dtype, self.part.shape)


def open_snapshot(path: Path | str, verify: bool = True) -> Snapshot:
    """The snapshot in a folder, mapped, or a SnapshotError that says what is wrong with it.

    `verify=True` reads every byte: hashes, finite numbers, rows inside their id lists, sorted ids. `False`
    checks the manifest, sizes, headers and shapes only; for a snapshot that this machine verified before.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    with ExitStack() as stack:
        files = _open_files(folder, manifest, stack)
        if verify:
            _verify_files(folder, manifest, files)
        content = {name: _content(folder, name, entry, files) for name, entry in manifest.entries.items()}
        if verify:
            _verify_strings(folder, content)
        for opened in files.values():
            release_pages(opened.mapped)
    return Snapshot(folder, manifest, MappingProxyType(content))


def _open_files(folder: Path, manifest: Manifest, stack: ExitStack) -> dict[str, _OpenFile]:
    opened = {}
    for name, entry in manifest.entries.items():
        for file_name, _, part in part_files(name, entry):
            file = stack.enter_context(open_regular(folder / file_name))
            record, size = manifest.files[file_name], file.seek(0, io.SEEK_END)
            if size != record.size:
                raise SnapshotError(
                    f"{folder / file_name}: size must be {record.size} bytes; got {size};"
                    " the file is damaged: copy the snapshot again or retrain"
                )
            opened[file_name] = _OpenFile(file, map_file(file), record, part)
            header = npy_header(part.dtype, part.shape) if part else b""
            if opened[file_name].mapped[: len(header)] != header:
                raise SnapshotError(
                    f"{folder / file_name}: its npy header is not that of {part}; the file is damaged"
                )
    return opened


def _verify_files(folder: Path, manifest: Manifest, files: Mapping[str, _OpenFile]) -> None:
    rules = {
        part_file(name, entry.kind, part): rules_for(entry, part, manifest.entries)
        for name, entry in manifest.entries.items()
        for part in entry.parts
    }
    largest_first = sorted(files, key=lambda name: (-files[name].record.size, name))
    with ThreadPoolExecutor(min(CHECK_THREADS, thread_count())) as pool:
        said = dict(
            zip(
                largest_first,
                pool.map(lambda name: _file_complaint(files[name], rules.get(name, [])), largest_first),
                strict=True,
            )
        )
    for name in sorted(said):
        if said[name]:
            raise SnapshotError(f"{folder / name}: {said[name]}")


def _file_complaint(opened: _OpenFile, rules: list[Rule]) -> str | None:
    """One pass over a file through a small buffer: memory stays flat however large it is."""
    digest = hashlib.sha256()
    chunks = _read_chunks(opened, digest)
    said = complaint(chunks, rules)
    for _ in chunks:  # whatever a rule said of it, the hash wants all of the file
        pass
    if digest.hexdigest() != opened.record.sha256:
        return (
            f"sha256 must be {opened.record.sha256}; got {digest.hexdigest()};"
            " the file is damaged: copy the snapshot again or retrain"
        )
    return said


def _read_chunks(opened: _OpenFile, digest: Any) -> Iterator[npt.NDArray[Any]]:
    part = opened.part
    opened.file.seek(0)
    if part:
        digest.update(opened.file.read(len(npy_header(part.dtype, part.shape))))
    buffer = bytearray(READ_BYTES)  # a multiple of every item size
    view, dtype = memoryview(buffer), np.dtype(part.dtype if part else np.uint8)
    while filled := _fill(opened.file, view):
        digest.update(view[:filled])
        yield np.frombuffer(buffer, dtype, filled // dtype.itemsize)


def _fill(file: io.FileIO, view: memoryview) -> int:
    filled = 0
    while filled < len(view) and (n_read := file.readinto(view[filled:])):
        filled += n_read
    return filled


def _verify_strings(folder: Path, content: Mapping[str, Content]) -> None:
    for name, found in content.items():
        said = strings_complaint(found) if isinstance(found, StringColumn) else None
        if said:
            raise SnapshotError(f"{folder}: {name}: {said}")


def _content(folder: Path, name: str, entry: Entry, files: Mapping[str, _OpenFile]) -> Content:
    if entry.kind == "text":
        try:
            return str(files[name].mapped[:], "utf-8")
        except UnicodeDecodeError as error:
            raise SnapshotError(f"{folder / name}: must be UTF-8: {error}") from None
    arrays = {part: files[part_file(name, entry.kind, part)].array for part in entry.parts}
    if entry.kind == "ids":
        return IdList(arrays["offsets"], arrays["bytes"])
    if entry.kind == "strings":
        return StringColumn(arrays["offsets"], arrays["bytes"])
    if entry.kind == "csr":
        extra = {n: a for n, a in arrays.items() if n not in ("indptr", "indices", "data")}
        return CsrView(
            arrays["indptr"], arrays["indices"], arrays["data"], entry.shape[1], MappingProxyType(extra)
        )
    return arrays["values"]
