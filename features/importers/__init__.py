"""Importers: the data of one source goes in, a dataset comes out.

An importer is one small file with `import_dataset(source, writer)`, and one line here. It writes contract
tables through the writer, keeps ids exactly as the source has them, and says with `writer.note(...)` what it
could not carry over. Nothing stays on disk when it raises.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from features.contract import TABLES
from features.dataset import INFO_FILE, QUARANTINE_FOLDER, DatasetWriter, open_dataset
from recsys.errors import UsageError


@dataclass(frozen=True, slots=True)
class Importer:
    """Where an importer lives, and what its world lacks."""

    module: str
    timeless: bool = False
    priceless: bool = False


IMPORTERS: Mapping[str, Importer] = MappingProxyType(
    {
        "beidian": Importer("beidian", timeless=True, priceless=True),
        "taobao-share": Importer("taobao_share", priceless=True),
        "online-retail": Importer("online_retail"),
        "interactions": Importer("interactions", timeless=True, priceless=True),
        "complete-journey": Importer("complete_journey"),
        "segment": Importer("segment"),
    }
)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import wrote: rows by table, source rows left in quarantine by file, notes in sentences."""

    importer: str
    path: Path
    n_rows: Mapping[str, int]
    n_quarantined: Mapping[str, int]
    notes: tuple[str, ...]


def import_into(name: str, source: Path, path: Path) -> ImportSummary:
    """The summary of the dataset that importer `name` made of `source` in folder `path`.

    A dataset that the same importer wrote there before is replaced; anything else there is left alone.
    UsageError when there is no such importer or the folder holds something else; DataError when the source
    is not as it should be.
    """
    importer = IMPORTERS.get(name)
    if importer is None:
        raise UsageError(f"import {name}: no such importer; choose one of {', '.join(IMPORTERS)}")
    module = importlib.import_module(f"features.importers.{importer.module}")
    with DatasetWriter(
        path,
        timeless=importer.timeless,
        priceless=importer.priceless,
        overwrite=_was_imported(name, path),
    ) as writer:
        writer.imported_from = name
        module.import_dataset(source, writer)
    return ImportSummary(name, path, writer.n_rows, writer.n_quarantined, tuple(writer.notes))


def _was_imported(name: str, path: Path) -> bool:
    """Whether `path` holds what importer `name` wrote and nothing else: only then may it be replaced."""
    if not (path / INFO_FILE).is_file():
        return False
    ours = {f"{table.name}.parquet" for table in TABLES} | {INFO_FILE, QUARANTINE_FOLDER}
    if not {entry.name for entry in path.iterdir()} <= ours:
        return False
    return open_dataset(path).info.get("imported_from") == name
