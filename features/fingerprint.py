"""The content of a dataset as one hash, whatever the order of its rows and the format of its files."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from features.contract import TABLES, Column, Table
from features.dataset import Dataset
from features.tables import (
    SQL_TYPES,
    Connection,
    as_sentence,
    connect,
    has_repeated_keys,
    key_columns,
    read_source,
    run,
    typed_select,
)
from recsys.threads import thread_count

VERSION = "sharepicks dataset 1"
LOW_64_BITS = (1 << 64) - 1


def dataset_hash(dataset: Dataset, *, memory_limit_mb: int = 1800, threads: int | None = None) -> str:
    """The sha256, in hex, of a checked dataset's content.

    Every row's contract columns are hashed by md5; the two halves of the 128 bits are summed over a table, so
    that no order matters, and the sums of all tables with rows go into the sha256. Exact duplicates count
    once; unknown columns, file formats, row order and notes do not count.
    """
    digest = hashlib.sha256(f"{VERSION}\n{dataset.timeless} {dataset.priceless}\n".encode())
    with tempfile.TemporaryDirectory(prefix="sharepicks-hash-") as folder:
        connection = connect(Path(folder), memory_limit_mb=memory_limit_mb, threads=threads or thread_count())
        try:
            for table in TABLES:
                if table.name in dataset.tables:
                    with as_sentence(dataset.tables[table.name]):
                        digest.update(_table_line(connection, dataset, table).encode())
        finally:
            connection.close()
    return digest.hexdigest()


def row_content(table: Table) -> str:
    """SQL of a typed row's whole content as one text; no two different rows of a table have the same.

    NUL parts the cells: no cell of a checked table holds one.
    """
    return f"concat_ws(chr(0), {', '.join(_cell(column) for column in table.columns)})"


def _cell(column: Column) -> str:
    sql_type = SQL_TYPES[column.kind]
    if sql_type == "VARCHAR":
        return f"coalesce({column.name}, '')"
    value = column.name
    if sql_type.startswith("TIMESTAMP"):
        value = f"epoch_us({value})"
    elif sql_type == "DOUBLE":
        value = f"({value} + 0.0)"  # minus zero is zero
    return f"coalesce(CAST({value} AS VARCHAR), '')"


def _table_line(connection: Connection, dataset: Dataset, table: Table) -> str:
    select = typed_select(read_source(connection, dataset, table.name))
    if has_repeated_keys(connection, select, key_columns(table, dataset)):
        select = f"SELECT DISTINCT * FROM ({select})"
    n_rows, low, high = run(
        connection,
        f"SELECT count(*), sum(CAST(hash & {LOW_64_BITS} AS HUGEINT)), sum(CAST(hash >> 64 AS HUGEINT)) "
        f"FROM (SELECT md5_number({row_content(table)}) AS hash FROM ({select}))",
    )[0]
    return f"{table.name} {n_rows} {low:x} {high:x}\n" if n_rows else ""
