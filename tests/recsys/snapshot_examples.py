"""A small snapshot with one of everything, for the tests of reading, of damage and of faults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recsys.manifest import ID_DIGITS, MANIFEST_FILE, Manifest
from recsys.snapshot import SnapshotWriter

PRODUCTS = ["apple", "pear", "茶"]
OWNERS = ["o1", "o2"]
FIELDS: dict[str, Any] = {
    "dataset_hash": "d" * 64,
    "as_of": "2026-03-01T00:00:00Z",
    "config": {"k": [1, 2.5, None]},
}


def fill(writer: SnapshotWriter) -> None:
    """Write one entry of each kind."""
    writer.ids("products", PRODUCTS)
    writer.ids("owners", OWNERS)
    writer.strings("product_titles", ["Apple", "", "好茶"], "products")
    writer.array("product_vectors", np.arange(12, dtype=np.float32).reshape(3, 4) / 8, ("products", None))
    writer.array("shared", np.array([[0, 2], [1, -1]], dtype=np.int32), ("owners", 2), rows_of="products")
    writer.array("in_stock", np.array([True, False, True]), "products")
    matrix = sparse.csr_array(np.array([[0, 0.5, 1], [2, 0, 0]], dtype=np.float32))
    writer.csr("bought", matrix, "owners", "products", extra={"n_members": np.array([3, 4, 5])})
    writer.text("config.toml", "k = 1 # 一\n")


def write_example(path: Path, **fields: Any) -> Manifest:
    """The example at `path`."""
    with SnapshotWriter(path) as writer:
        fill(writer)
        return writer.commit(**(fields or FIELDS))


def forge(path: Path, change: Any) -> None:
    """Change the manifest and seal it again, as somebody who knows the format could."""
    content = json.loads((path / MANIFEST_FILE).read_text("utf-8"))
    body = {name: content[name] for name in ("entries", "fields", "files")}
    change(body)
    seal(path, json.dumps(body).encode()[1:])


def seal(path: Path, rest: bytes, version: int = 1) -> None:
    """Write a manifest whose first line fits whatever follows it."""
    checksum = hashlib.sha256(rest).hexdigest()
    first = {"schema_version": version, "snapshot_id": checksum[:ID_DIGITS], "checksum": checksum}
    (path / MANIFEST_FILE).write_bytes(json.dumps(first)[:-1].encode() + b",\n" + rest)


def replace_file(path: Path, name: str, content: bytes) -> None:
    """Put other bytes in place of a file, with the hash and the size that the manifest then says."""
    (path / name).write_bytes(content)

    def change(body: dict[str, Any]) -> None:
        body["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}

    forge(path, change)
