"""The raw tables of a dataset inside an engine: contract columns and types, times as naive UTC."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from features.contract import TABLE_BY_NAME
from features.dataset import Dataset
from features.engine import Engine
from features.known import TIME


def columns_present(engine: Engine, dataset: Dataset) -> Mapping[str, frozenset[str]]:
    """Table → the columns its file has."""
    return engine.columns(dataset)


def read_table(engine: Engine, dataset: Dataset, name: str, *, unique: bool = True) -> ibis.Table:
    """One table as it stands in its file, absent columns as NULLs, an absent table without rows.

    Rows of every time are in it. `unique` counts exact duplicates once.
    """
    rows = engine.scan(dataset, name, unique=unique)
    times = [column.name for column in TABLE_BY_NAME[name].columns if column.kind == "time"]
    return rows.mutate(**{time: rows[time].cast(TIME) for time in times})
