"""The store as a dataset, whose bytes depend on what happened alone: not on what came first, or twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import Connection, select

from features.contract import TABLES, Table
from features.dataset import ARROW_TYPES, DatasetWriter
from recsys.errors import UsageError
from serving.store.schema import contract_rows
from serving.store.segment_rows import segment_offers, segment_products, segment_returns
from serving.store.store import Store

ROWS_AT_ONCE = 50_000

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exported:
    """How many rows each table of the dataset has."""

    n_rows: dict[str, int]


def export_store(store: Store, path: Path) -> Exported:
    """Write the store as it is at one moment into a new folder; equal stores give equal bytes.

    Products, prices and returns that Segment's events told of are added where no row of the contract has
    them. UsageError when the folder is taken or the store has no rows.
    """
    with DatasetWriter(path) as writer:
        with store.reading() as connection:
            for table in TABLES:
                for rows in _chunks(connection, table):
                    writer.append(table.name, rows)
        if not writer.n_rows:
            raise UsageError("the store holds no rows yet; there is nothing to export")
    return Exported(dict(writer.n_rows))


def _chunks(connection: Connection, table: Table) -> Iterator[pa.Table]:
    """The rows of a table by their keys, byte by byte, with the columns that any of them has."""
    added = list(_added(connection, table.name))
    present = {name for values in added for name in values}
    for chunk in _stored(connection, table.name):
        for values in chunk:
            present.update(values)
    columns = [column for column in table.columns if column.name in present]
    types = {column.name: ARROW_TYPES[column.kind] for column in columns}
    if columns:
        for chunk in _stored(connection, table.name):
            yield _arrow(chunk, types)
        if added:
            yield _arrow(added, types)


def _arrow(rows: list[Values], types: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], type_) for name, type_ in types.items()})


def _stored(connection: Connection, table_name: str) -> Iterator[list[Values]]:
    rows = contract_rows.c
    query = select(rows.content).where(rows.table_name == table_name).order_by(rows.row_key)
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
    for contents in result.scalars().partitions(ROWS_AT_ONCE):
        yield [orjson.loads(content) for content in contents]


def _added(connection: Connection, table_name: str) -> Iterator[Values]:
    """What Segment's events add to a table, in an order of its own."""
    if table_name == "products":
        yield from segment_products(connection)
    elif table_name == "offers":
        yield from segment_offers(connection)
    elif table_name == "returns":
        yield from segment_returns(connection)
