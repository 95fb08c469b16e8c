"""The manifest of a snapshot: what is in it, as JSON that carries its own checksum.

The first line of `manifest.json` is fixed to the byte; its checksum is the sha256 of everything after it,
and the snapshot id is the checksum's first 16 digits. All of the file is one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recsys.errors import SnapshotError
from recsys.files import FileRecord, open_regular
from recsys.layout import Entry, Part, check_layout

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
MAX_BYTES = 16 << 20
MAX_DEPTH = 32
ID_DIGITS = 16

_FIRST_LINE = re.compile(
    rb'\{"schema_version": (0|[1-9][0-9]{0,8}),'
    rb' "snapshot_id": "([0-9a-f]{16})", "checksum": "([0-9a-f]{64})",\n'
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds.

    `files` name → sha256 and size; `entries` name → kind, axes, dtypes, shapes; `fields` what the writer
    handed to `commit` (dataset_hash, as_of, config, metrics, ...), as JSON values.
    """

    snapshot_id: str
    schema_version: int
    entries: Mapping[str, Entry] = field(repr=False)
    files: Mapping[str, FileRecord] = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)


def encode_manifest(
    entries: Mapping[str, Entry], files: Mapping[str, FileRecord], fields: Mapping[str, Any]
) -> bytes:
    """The bytes of `manifest.json`, the same for the same content. SnapshotError when fields are no JSON."""
    for name, value in fields.items():
        _check_value(f"field {name}", value)
    content = {
        "entries": {name: _entry_json(entry) for name, entry in entries.items()},
        "fields": dict(fields),
        "files": {name: {"sha256": record.sha256, "size": record.size} for name, record in files.items()},
    }
    try:
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        rest = text.removeprefix("{\n").encode("utf-8") + b"\n"
    except ValueError as error:  # a lone surrogate, a number of thousands of digits
        raise SnapshotError(f"the manifest's fields must be writable as JSON in UTF-8: {error}") from None
    checksum = hashlib.sha256(rest).hexdigest()
    first = {"schema_version": SCHEMA_VERSION, "snapshot_id": checksum[:ID_DIGITS], "checksum": checksum}
    encoded = json.dumps(first).removesuffix("}").encode() + b",\n" + rest
    if len(encoded) > MAX_BYTES:
        raise SnapshotError(
            f"the manifest must be at most {MAX_BYTES} bytes; got {len(encoded)}: shorten its fields"
        )
    return encoded


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the snapshot in a folder; SnapshotError when it is missing or not to be trusted."""
    if not folder.is_dir():
        raise SnapshotError(
            f"{folder}: a snapshot is a folder with a {MANIFEST_FILE}; there is no such folder"
        )
    with open_regular(folder / MANIFEST_FILE) as file:
        encoded = file.read(MAX_BYTES + 1)
    try:
        return parse_manifest(encoded)
    except SnapshotError as error:
        raise SnapshotError(f"{folder / MANIFEST_FILE}: {error}") from None


def parse_manifest(encoded: bytes) -> Manifest:
    """The manifest in the bytes of a `manifest.json`, wherever they came from; touches no file."""
    if len(encoded) > MAX_BYTES:
        raise SnapshotError(f"must be at most {MAX_BYTES} bytes; got more")
    first = _FIRST_LINE.match(encoded)
    if not first:
        raise SnapshotError("its first line is not that of a snapshot's manifest; the file is damaged")
    version = int(first[1])
    if version != SCHEMA_VERSION:
        age = (
            ("newer", "update sharepicks")
            if version > SCHEMA_VERSION
            else ("older", "train the snapshot again")
        )
        raise SnapshotError(
            f"schema_version must be {SCHEMA_VERSION}; got {version}, which is {age[0]}: {age[1]}"
        )
    checksum = hashlib.sha256(encoded[first.end() :]).hexdigest()
    if (first[2], first[3]) != (checksum[:ID_DIGITS].encode(), checksum.encode()):
        raise SnapshotError("its content does not match its checksum; the file is damaged: copy it again")
    content = _parse_json(encoded)
    manifest = Manifest(
        checksum[:ID_DIGITS],
        version,
        MappingProxyType({n: _parse_entry(n, e) for n, e in _object(content, "entries").items()}),
        MappingProxyType({n: _parse_record(n, r) for n, r in _object(content, "files").items()}),
        MappingProxyType(_object(content, "fields")),
    )
    check_layout(manifest.entries, manifest.files)
    return manifest


def _parse_json(encoded: bytes) -> dict[str, Any]:
    try:
        content = json.loads(encoded, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"is not readable as JSON: {error or type(error).__name__}") from None
    _check_value("the manifest", content)
    return _mapping(content, "the manifest")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _check_value(what: str, value: Any) -> None:
    """Refuse what JSON cannot carry faithfully, and nesting; level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if not all(type(key) is str for key in node):
                    raise SnapshotError(f"{what}: every key must be a string; got {list(node)[:3]!r}")
                deeper += node.values()
            elif isinstance(node, (list, tuple)):
                deeper += node
            elif type(node) not in (str, int, float, bool, type(None)):
                raise SnapshotError(f"{what}: must hold JSON values only; got {type(node).__name__} {node!r}")
            elif type(node) is float and not math.isfinite(node):
                raise SnapshotError(f"{what}: every number must be finite; got {node}")
        level = deeper
        if not level:
            return
    raise SnapshotError(f"{what}: must be nested at most {MAX_DEPTH} deep; got more")


def _entry_json(entry: Entry) -> dict[str, Any]:
    parts = {name: {"dtype": p.dtype, "shape": list(p.shape)} for name, p in entry.parts.items()}
    found = {"kind": entry.kind, "axes": list(entry.axes), "shape": list(entry.shape), "parts": parts}
    return found if entry.rows_of is None else found | {"rows_of": entry.rows_of}


def _parse_entry(name: str, value: Any) -> Entry:
    what = f"entry {name}"
    found = _mapping(value, what)
    axes, kind, rows_of = found.get("axes"), found.get("kind"), found.get("rows_of")
    if not isinstance(axes, list) or not all(type(axis) in (str, int, type(None)) for axis in axes):
        raise SnapshotError(f"{what}: axes must be a list of id lists, sizes and nulls; got {axes!r:.80}")
    if type(kind) is not str or type(rows_of) not in (str, type(None)):
        raise SnapshotError(f"{what}: kind and rows_of must be names; got {kind!r:.80} and {rows_of!r:.80}")
    parts = {
        part: Part(str(_mapping(p, what).get("dtype")), _shape(what, _mapping(p, what).get("shape")))
        for part, p in _object(found, "parts").items()
    }
    return Entry(kind, tuple(axes), _shape(what, found.get("shape")), MappingProxyType(parts), rows_of)


def _shape(what: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int for n in value):
        raise SnapshotError(f"{what}: shape must be a list of whole numbers; got {value!r:.80}")
    return tuple(value)


def _parse_record(name: str, value: Any) -> FileRecord:
    found = _mapping(value, f"file {name}")
    sha256, size = found.get("sha256"), found.get("size")
    if type(sha256) is not str or not _SHA256.fullmatch(sha256) or type(size) is not int or size < 0:
        raise SnapshotError(
            f"file {name}: must have a sha256 of 64 hex digits and a size; got {found!r:.120}"
        )
    return FileRecord(sha256, size)


def _object(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    return _mapping(found.get(key), key)


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SnapshotError(f"{what}: must be a JSON object; got {value!r:.80}")
    return value
