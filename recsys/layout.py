"""What the entries of a snapshot are made of: which files, of which dtypes and shapes, on which axes.

kind      axes              parts (each one npy file)
ids       -                 offsets <i8 (n + 1), bytes |u1
strings   (axis,)           offsets <i8 (n + 1), bytes |u1
array     one per dimension values, any plain number
csr       (rows, columns)   indptr <i8 (n_rows + 1), indices <i4 (nnz), data (nnz), and any extra (nnz)
text      -                 none; the file has the entry's own name

An axis is the name of an id list (then that dimension has its length), a size, or None (any size).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recsys.errors import SnapshotError
from recsys.files import FileRecord
from recsys.npy import is_storable, npy_size

Axis = str | int | None

NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
MAX_NAME = 100
MAX_ROWS = (1 << 31) - 1
KINDS = ("ids", "strings", "array", "csr", "text")
N_AXES = {"ids": 0, "strings": 1, "csr": 2, "text": 0}
STRING_PARTS = frozenset(("offsets", "bytes"))
CSR_PARTS = frozenset(("indptr", "indices", "data"))
RESERVED = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One npy file: dtype as npy names it (`<f4`), shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One named thing in a snapshot.

    `rows_of`: the id list whose rows an array's values are (-1 for none), None when they are no rows.
    """

    kind: str
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    rows_of: str | None = None


def check_name(name: str) -> None:
    """SnapshotError unless a name is safe as a file name and in no need of quoting."""
    if len(name) > MAX_NAME or not NAME.fullmatch(name):
        raise SnapshotError(
            f"name {name!r:.120}: must be a-z, 0-9, _ and single dots between them, at most {MAX_NAME} long"
        )


def part_files(name: str, entry: Entry) -> Iterator[tuple[str, str | None, Part | None]]:
    """(file, part name, part) of each file of an entry; a text's only file has no part."""
    if entry.kind == "text":
        yield name, None, None
    for part_name, part in entry.parts.items():
        yield part_file(name, entry.kind, part_name), part_name, part


def part_file(name: str, kind: str, part: str) -> str:
    """The file name of a part."""
    return f"{name}.npy" if kind == "array" else f"{name}.{part}.npy"


def check_entry(name: str, entry: Entry, entries: Mapping[str, Entry]) -> None:
    """SnapshotError unless an entry is of a known kind and its parts fit each other and the id lists."""
    check_name(name)
    for part_name, part in entry.parts.items():
        check_name(part_name)
        if not is_storable(part.dtype, part.shape):
            raise SnapshotError(
                f"entry {name}: part {part_name} must be a plain number type of a storable shape;"
                f" got {part.dtype:.40} {part.shape!s:.80}"
            )
    if entry.kind not in KINDS:
        raise SnapshotError(f"entry {name}: kind must be one of {', '.join(KINDS)}; got {entry.kind!r:.40}")
    if entry.kind != "array" and len(entry.axes) != N_AXES[entry.kind]:
        raise SnapshotError(
            f"entry {name}: {entry.kind} has {N_AXES[entry.kind]} axes; got {len(entry.axes)}"
        )
    _check_parts(name, entry)
    _check_axes(name, entry, entries)


def check_layout(entries: Mapping[str, Entry], files: Mapping[str, FileRecord]) -> None:
    """SnapshotError unless the entries hold together and the files are theirs, all of them and no other."""
    expected: set[str] = set()
    for name, entry in entries.items():
        check_entry(name, entry, entries)
        for file, _, part in part_files(name, entry):
            if file in expected or file == RESERVED:
                raise SnapshotError(f"entry {name}: file {file} belongs to another entry")
            expected.add(file)
            if file not in files:
                raise SnapshotError(f"entry {name}: its file {file} is not listed")
            if part and files[file].size != npy_size(part.dtype, part.shape):
                raise SnapshotError(
                    f"file {file}: {part.dtype} {part.shape} takes {npy_size(part.dtype, part.shape)} bytes;"
                    f" the manifest says {files[file].size}"
                )
    foreign = sorted(set(files) - expected)
    if foreign:
        raise SnapshotError(f"file {foreign[0]!r:.120}: is listed but belongs to no entry")


def _check_parts(name: str, entry: Entry) -> None:
    parts, fits = entry.parts, False
    if entry.kind == "text":
        fits = not parts and entry.shape == () and not name.endswith(".npy")
    elif entry.kind == "array":
        fits = set(parts) == {"values"} and parts["values"].shape == entry.shape
        fits = fits and len(entry.axes) == len(entry.shape)
    elif entry.kind == "csr" and set(parts) >= CSR_PARTS and len(entry.shape) == 2:
        nnz = parts["indices"].shape
        fits = parts["indptr"] == Part("<i8", (entry.shape[0] + 1,)) and parts["indices"].dtype == "<i4"
        fits = fits and len(nnz) == 1 and all(p.shape == nnz for n, p in parts.items() if n != "indptr")
    elif entry.kind in ("ids", "strings") and set(parts) == STRING_PARTS and len(entry.shape) == 1:
        fits = parts["offsets"] == Part("<i8", (entry.shape[0] + 1,)) and parts["bytes"].dtype == "|u1"
        fits = fits and len(parts["bytes"].shape) == 1
    if not fits:
        found = {n: (p.dtype, p.shape) for n, p in parts.items()}
        raise SnapshotError(
            f"entry {name}: these parts do not make a {entry.kind} of shape {entry.shape}: {found!s:.200}"
        )
    if entry.kind in ("ids", "csr") and max(entry.shape) > MAX_ROWS:
        raise SnapshotError(f"entry {name}: rows are int32, at most {MAX_ROWS}; got {max(entry.shape)}")


def _check_axes(name: str, entry: Entry, entries: Mapping[str, Entry]) -> None:
    for axis, size in zip(entry.axes, entry.shape, strict=False):
        wanted = _id_list_length(name, axis, entries) if isinstance(axis, str) else axis
        if wanted is not None and size != wanted:
            raise SnapshotError(
                f"entry {name}: shape {entry.shape} does not fit its axes"
                f" ({', '.join(map(str, entry.axes))}): {axis} has {wanted}, got {size}"
            )
    if entry.rows_of is not None:
        _id_list_length(name, entry.rows_of, entries)
        if entry.kind != "array" or not entry.parts["values"].dtype.startswith("<i"):
            raise SnapshotError(
                f"entry {name}: only an array of signed integers can be rows of {entry.rows_of}"
            )


def _id_list_length(name: str, axis: str, entries: Mapping[str, Entry]) -> int:
    ids = entries.get(axis)
    if ids is None or ids.kind != "ids" or len(ids.shape) != 1:
        raise SnapshotError(
            f"entry {name}: axis {axis!r:.120} is no id list of this snapshot; write it first"
        )
    return ids.shape[0]
