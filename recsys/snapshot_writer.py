"""Writes a snapshot: parts first, each checked by the rules that reading has, the manifest last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.columns import StringColumn
from recsys.errors import SnapshotError
from recsys.files import AtomicFolder, FileRecord
from recsys.ids import IdList
from recsys.layout import CSR_PARTS, RESERVED, Axis, Entry, Part, check_entry, part_file
from recsys.manifest import Manifest, encode_manifest, parse_manifest
from recsys.npy import npy_chunks, stored_dtype
from recsys.sparse import CsrView
from recsys.values import complaint, in_chunks, rules_for, strings_complaint

Matrix = CsrView | sparse.csr_array[Any, Any] | sparse.csr_matrix[Any]


class SnapshotWriter:
    """Writes a snapshot that appears at `path` whole, on `commit`, or not at all.

        with SnapshotWriter(path) as snapshot:
            snapshot.ids("products", sorted(product_ids))
            snapshot.array("product_vectors", vectors, ("products", None))
            snapshot.commit(dataset_hash=..., as_of=..., config=...)

    Every method raises SnapshotError on content that reading would refuse: a name taken or unsafe, an
    unknown axis, a shape that does not fit, a number that is not finite. Id lists come before what is indexed
    by them. UsageError when `path` is taken. The same content gives the same bytes and so the same id.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._folder = AtomicFolder(self.path)
        self._entries: dict[str, Entry] = {}
        self._files: dict[str, FileRecord] = {}

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)

    def ids(self, name: str, values: IdList | Iterable[str]) -> IdList:
        """Write an id list: unique and sorted by their bytes, as `sorted(set(ids))` is. Gives it back."""
        ids = values if isinstance(values, IdList) else IdList.of(values)
        self._write_strings(name, Entry("ids", (), (len(ids),), _string_parts(ids)), ids)
        return ids

    def strings(self, name: str, values: StringColumn | Iterable[str], axis: Axis) -> None:
        """Write one string for each row of `axis` ("" where there is none)."""
        column = values if isinstance(values, StringColumn) else StringColumn.of(values)
        self._write_strings(name, Entry("strings", (axis,), (len(column),), _string_parts(column)), column)

    def array(
        self, name: str, array: npt.ArrayLike, axes: Sequence[Axis] | Axis, rows_of: str | None = None
    ) -> None:
        """Write an array of plain numbers; one axis per dimension: an id list's name, a size, or None.

        `rows_of` names the id list whose rows the values are, -1 for none.
        """
        values = _contiguous(np.asarray(array))
        named = (axes,) if axes is None or isinstance(axes, (str, int)) else tuple(axes)
        entry = Entry("array", named, values.shape, MappingProxyType({"values": _part(values)}), rows_of)
        self._write(name, entry, {"values": values})

    def csr(
        self,
        name: str,
        matrix: Matrix,
        rows: Axis,
        columns: Axis,
        extra: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        """Write a matrix in CSR form, entries in the order given; `extra` holds more columns per entry."""
        is_csr = isinstance(matrix, CsrView) or (sparse.issparse(matrix) and matrix.format == "csr")
        if not is_csr or len(matrix.shape) != 2:
            raise SnapshotError(
                f"entry {name}: must be a CSR matrix; got {type(matrix).__name__}: use .tocsr()"
            )
        more = (dict(matrix.extra) if isinstance(matrix, CsrView) else {}) | dict(extra or {})
        if CSR_PARTS & set(more):
            raise SnapshotError(f"entry {name}: extra must not be named {', '.join(sorted(CSR_PARTS))}")
        shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        indices = np.asarray(matrix.indices)
        if (
            indices.dtype != np.int32
            and indices.size
            and max(-int(indices.min()), int(indices.max())) >= 1 << 31
        ):
            raise SnapshotError(f"entry {name}: columns are int32; got {indices.max()}")
        arrays = {
            "indptr": _contiguous(np.asarray(matrix.indptr).astype(np.int64)),
            "indices": _contiguous(indices.astype(np.int32, copy=False)),
            "data": _contiguous(np.asarray(matrix.data)),
        } | {part: _contiguous(np.asarray(values)) for part, values in more.items()}
        parts = MappingProxyType({part: _part(values) for part, values in arrays.items()})
        self._write(name, Entry("csr", (rows, columns), shape, parts), arrays)

    def text(self, name: str, content: str) -> None:
        """Write a UTF-8 file under its own name, such as config.toml."""
        entry = Entry("text", (), (), MappingProxyType({}))
        self._claim(name, entry)
        try:
            encoded = content.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SnapshotError(f"text {name}: must be writable as UTF-8: {error}") from None
        self._files[name] = self._folder.write(name, [encoded])
        self._entries[name] = entry

    def commit(self, **fields: Any) -> Manifest:
        """Write the manifest with these fields (JSON values only) and put the snapshot in its place."""
        encoded = encode_manifest(self._entries, self._files, fields)
        manifest = parse_manifest(encoded)
        self._folder.write(RESERVED, [encoded])
        self._folder.finish()
        return manifest

    def _write_strings(self, name: str, entry: Entry, column: StringColumn) -> None:
        said = strings_complaint(column)
        if said:
            raise SnapshotError(f"entry {name}: {said}")
        self._write(name, entry, {"offsets": _contiguous(column.offsets), "bytes": _contiguous(column.blob)})

    def _write(self, name: str, entry: Entry, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._claim(name, entry)
        for part, values in arrays.items():
            said = complaint(in_chunks(values), rules_for(entry, part, self._entries))
            if said:
                raise SnapshotError(f"entry {name}: {part}: {said}")
            file = part_file(name, entry.kind, part)
            self._files[file] = self._folder.write(file, npy_chunks(values))
        self._entries[name] = entry

    def _claim(self, name: str, entry: Entry) -> None:
        check_entry(name, entry, self._entries)
        wanted = {name} if entry.kind == "text" else {part_file(name, entry.kind, p) for p in entry.parts}
        if name in self._entries or RESERVED in wanted or wanted & set(self._files):
            raise SnapshotError(f"entry {name}: the name is taken; each name stands once in a snapshot")


def _string_parts(column: StringColumn) -> Mapping[str, Part]:
    return MappingProxyType({"offsets": _part(column.offsets), "bytes": _part(column.blob)})


def _part(values: npt.NDArray[Any]) -> Part:
    return Part(stored_dtype(values.dtype), values.shape)


def _contiguous(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # ascontiguousarray would give an array without dimensions one
    return np.asarray(values, dtype=values.dtype.newbyteorder("<"), order="C")
