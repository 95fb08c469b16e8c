"""A dataset at rest: one folder, one file per table, and `dataset.toml` with what holds for all of it."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from features.contract import TABLE_BY_NAME, TABLES, Column
from recsys.errors import DataError, UsageError

ENDINGS = (".parquet", ".csv", ".csv.gz")
INFO_FILE = "dataset.toml"
QUARANTINE_FOLDER = "quarantine"  # inside a dataset: source rows an importer left out, with their reasons

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "id": pa.string(), "text": pa.string(), "currency": pa.string(), "choice": pa.string(),
    "time": pa.timestamp("us", tz="UTC"), "money": pa.int64(), "count": pa.int64(),
    "rate": pa.float64(), "number": pa.float64(), "flag": pa.bool_(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dataset:
    """A folder of tables, found but not yet checked.

    `timeless`: the world has no times (a research set); every `*_time` column may be absent.
    `priceless`: it has no prices; every `*_minor` column and `currency` may be absent.
    `notes`: what the importer could not carry over, in sentences.
    """

    path: Path
    tables: Mapping[str, Path]
    timeless: bool = False
    priceless: bool = False
    notes: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)

    def requires(self, column: Column) -> bool:
        """Whether this dataset must have that column in full."""
        if column.kind == "time" and self.timeless:
            return False
        if column.kind in ("money", "currency") and self.priceless:
            return False
        return column.required


def open_dataset(path: Path) -> Dataset:
    """The dataset in a folder; DataError when it is no folder, has no table, or has one table twice."""
    if not path.is_dir():
        raise DataError(f"{path}: a dataset is a folder with one file per table; there is no such folder")
    tables: dict[str, Path] = {}
    for table in TABLES:
        found = [
            path / (table.name + ending) for ending in ENDINGS if (path / (table.name + ending)).exists()
        ]
        if len(found) > 1:
            names = " and ".join(f.name for f in found)
            raise DataError(f"{path}: table {table.name} stands twice, as {names}; keep one of them")
        if found:
            tables[table.name] = _inside(path, found[0])
    if not tables:
        known = ", ".join(t.name for t in TABLES)
        raise DataError(f"{path}: no table found; expected files like orders.parquet or orders.csv ({known})")
    info = _read_info(path, path / INFO_FILE)
    return Dataset(
        path, tables,
        timeless=bool(info.get("timeless", False)), priceless=bool(info.get("priceless", False)),
        notes=tuple(info.get("notes", ())), info=info,
    )  # fmt: skip


def _inside(folder: Path, file: Path) -> Path:
    """The file itself, once it is known to be a plain file of that folder."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{file}: leads out of the dataset's folder; put the file itself there")
    if not file.is_file():
        raise DataError(f"{file}: a table is one file; this is none")
    return file


def _read_info(folder: Path, file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        info = tomllib.loads(_inside(folder, file).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not readable as TOML: {error}; mend or remove it") from error
    for key in ("timeless", "priceless"):
        if not isinstance(info.get(key, False), bool):
            raise DataError(f"{file}: {key} must be true or false; got {info[key]!r}")
    notes = info.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise DataError(f"{file}: notes must be a list of sentences; got {notes!r}")
    return info


class DatasetWriter:
    """Writes a dataset beside its place and renames it there when the `with` block ends well.

    Tables may be appended to in chunks, so that one larger than memory can be streamed. Columns absent from
    the first chunk of a table are absent from its file. `n_rows` counts what was written, by table;
    `n_quarantined` by name of the source file; `imported_from` is the importer that made the dataset.
    """

    def __init__(
        self, path: Path, *, timeless: bool = False, priceless: bool = False, overwrite: bool = False
    ) -> None:
        if path.exists() and not overwrite and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path}: already exists and is not empty; name a new folder")
        self.path = path
        self.timeless = timeless
        self.priceless = priceless
        self.notes: list[str] = []
        self.n_rows: dict[str, int] = {}
        self.n_quarantined: dict[str, int] = {}
        self.imported_from: str | None = None
        self._partial = path.parent / f".{path.name}.partial"
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> DatasetWriter:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        return self

    def append(self, table_name: str, columns: Mapping[str, Any] | pa.Table) -> None:
        """Add rows to a table: a mapping of column name → array, or an arrow table; cast to the contract."""
        table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
        spec = TABLE_BY_NAME[table_name]
        schema = pa.schema([(name, ARROW_TYPES[spec.column(name).kind]) for name in table.column_names])
        table = table.cast(schema)
        if table_name not in self._writers:
            self._writers[table_name] = pq.ParquetWriter(
                self._partial / f"{table_name}.parquet", schema, compression="zstd"
            )
        self._writers[table_name].write_table(table)
        self.n_rows[table_name] = self.n_rows.get(table_name, 0) + table.num_rows

    def quarantine(self, name: str, rows: pa.Table) -> None:
        """Keep source rows that were left out, whole and with their reasons, as `quarantine/NAME.csv`."""
        if name in self.n_quarantined:
            raise ValueError(f"quarantine {name} was already written")
        folder = self._partial / QUARANTINE_FOLDER
        folder.mkdir(exist_ok=True)
        pa_csv.write_csv(rows, folder / f"{name}.csv")
        self.n_quarantined[name] = rows.num_rows

    def note(self, sentence: str) -> None:
        """Record what could not be carried over from the source."""
        self.notes.append(sentence)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()
        if kind is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            return
        (self._partial / INFO_FILE).write_text(self._info_text(), "utf-8")
        if self.path.exists():
            shutil.rmtree(self.path)
        self._partial.rename(self.path)

    def _info_text(self) -> str:
        lines = [f"timeless = {str(self.timeless).lower()}", f"priceless = {str(self.priceless).lower()}"]
        if self.imported_from is not None:
            lines.append(f"imported_from = {_toml_string(self.imported_from)}")
        if self.notes:
            quoted = ",\n".join("  " + _toml_string(note) for note in self.notes)
            lines.append(f"notes = [\n{quoted},\n]")
        return "\n".join(lines) + "\n"


def _toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
