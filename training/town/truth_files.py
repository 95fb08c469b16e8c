"""The hidden truth at rest: a folder `DIR.truth` beside the dataset `DIR`, Parquet files and one JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError
from training.town.columns import as_columns, ids
from training.town.config import TownConfig
from training.town.goods import Leaves, Products, Suppliers
from training.town.people import Circle, Members, Owners
from training.town.prices import Prices
from training.town.town import Town

VERSION = 1
INFO_FILE, LINES_FILE, CHANGES_FILE, SCENES_FILE = (
    "truth.json", "lines.parquet", "tie_changes.parquet", "scenes.parquet",
)  # fmt: skip
PARTS: dict[str, type[Any]] = {
    "leaves": Leaves, "suppliers": Suppliers, "products": Products, "prices": Prices,
    "members": Members, "owners": Owners, "circle": Circle,
}  # fmt: skip
WITH_IDS = ("suppliers", "products", "members", "owners")
T = TypeVar("T")


def truth_path(dataset: Path) -> Path:
    """Where the truth of a simulated dataset lies."""
    return dataset.parent / f"{dataset.name}.truth"


def write_town(town: Town, folder: Path) -> None:
    """The town as it was drawn, one file per part; the rows of entities carry their ids."""
    for name in PARTS:
        write_part(getattr(town, name), folder / f"{name}.parquet", name if name in WITH_IDS else None)
    pq.write_table(
        pa.table({"scene_logit": as_columns(town.scene_logit)}), folder / SCENES_FILE, compression="zstd"
    )
    config = {f.name: getattr(town.config, f.name) for f in fields(town.config)}
    config["start"] = town.config.start.isoformat()
    info = {"version": VERSION, "config": config}
    (folder / INFO_FILE).write_text(json.dumps(info, indent=2) + "\n", "utf-8")


def write_part(part: object, file: Path, kind: str | None) -> None:
    """A dataclass of arrays as one Parquet file: vectors become lists, `kind` adds an id column."""
    columns: dict[str, pa.Array] = {}
    for f in fields(part):  # type: ignore[arg-type]
        values = getattr(part, f.name)
        columns[f.name] = as_columns(values) if values.ndim == 2 else pa.array(values)
    if kind is not None:
        n = len(next(iter(columns.values())))
        columns = {f"{kind.removesuffix('s')}_id": ids(kind, np.arange(n), n), **columns}
    pq.write_table(pa.table(columns), file, compression="zstd")


def read_town(folder: Path) -> Town:
    """The town that `write_town` wrote; DataError when it is missing or of another version."""
    file = folder / INFO_FILE
    if not file.exists():
        raise DataError(f"{folder}: no truth here; `sharepicks simulate DIR` writes it to DIR.truth")
    info = json.loads(file.read_text("utf-8"))
    if info.get("version") != VERSION:
        raise DataError(f"{file}: version must be {VERSION}; got {info.get('version')}; simulate it again")
    values = info["config"]
    config = TownConfig(**{**values, "start": datetime.fromisoformat(values["start"])})
    parts = {name: read_part(kind, folder / f"{name}.parquet") for name, kind in PARTS.items()}
    scenes = _read_column(pq.read_table(folder / SCENES_FILE).column("scene_logit"))
    return Town(config=config, scene_logit=scenes, **parts)


def read_part(kind: type[T], file: Path) -> T:
    """A dataclass of read-only arrays from its Parquet file."""
    table = pq.read_table(file, columns=[f.name for f in fields(kind)])  # type: ignore[arg-type]
    return kind(**{name: _read_column(table.column(name)) for name in table.column_names})


def _read_column(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    if pa.types.is_fixed_size_list(array.type):
        values = array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), array.type.list_size)
    else:
        values = array.to_numpy(zero_copy_only=False)
    values = np.ascontiguousarray(values)
    values.flags.writeable = False
    return values
