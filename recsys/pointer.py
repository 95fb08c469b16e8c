"""Which snapshot of a folder serves: a small file named `current`, replaced in one step.

A folder is either one snapshot (it has a manifest) or a registry: snapshots in subfolders and `current`
holding the name of the one that serves.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from recsys.errors import SnapshotError
from recsys.files import open_regular

POINTER_FILE = "current"
MANIFEST_FILE = "manifest.json"
MAX_NAME_BYTES = 255


def is_snapshot_name(name: str) -> bool:
    """Whether a name is one plain folder name: printable, no separator, no leading dot."""
    n_bytes = len(name.encode("utf-8", "surrogatepass"))
    return (
        0 < n_bytes <= MAX_NAME_BYTES
        and name.isprintable()
        and name == name.strip()
        and not name.startswith(".")
        and "/" not in name
        and "\\" not in name
    )


def read_pointer(folder: Path) -> Path:
    """The snapshot folder that serves; SnapshotError when the folder holds no snapshot and no pointer."""
    if (folder / MANIFEST_FILE).is_file():
        return folder
    file = folder / POINTER_FILE
    if not file.exists():
        raise SnapshotError(
            f"{folder}: neither a snapshot ({MANIFEST_FILE}) nor a pointer ({POINTER_FILE}) is there; "
            f"train a snapshot into it and promote it"
        )
    with open_regular(file) as stream:
        raw = stream.read(MAX_NAME_BYTES + 2)
    name = raw.decode("utf-8", "replace").removesuffix("\n")
    if not is_snapshot_name(name):
        raise SnapshotError(f"{file}: must hold the name of one folder beside it; got {name[:64]!r}")
    return folder / name


def promote(folder: Path, name: str) -> None:
    """Make the snapshot `name` of a registry folder the serving one, in one durable step.

    SnapshotError when the name is no plain folder name or the folder has no manifest; its content is
    verified by whoever opens it.
    """
    if not is_snapshot_name(name):
        raise SnapshotError(f"{folder}: a snapshot's name is one plain folder name; got {name[:64]!r}")
    if not (folder / name / MANIFEST_FILE).is_file():
        raise SnapshotError(f"{folder / name}: no {MANIFEST_FILE}; only a finished snapshot can be promoted")
    handle, written = tempfile.mkstemp(prefix=".current-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(name + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(written).replace(folder / POINTER_FILE)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
