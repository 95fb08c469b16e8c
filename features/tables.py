"""Tables at rest, read with exactly the contract's columns and types.

A file is read by DuckDB where it lies. Its columns come as the file has them (a CSV's are all text); the
`typed` expressions here turn each into the contract's type, or into NULL where that cannot be: what is wrong
with such a value is said by `rules.py`. An empty text is the same as none, so that a CSV and a Parquet file
of the same rows are equal.
"""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from features.contract import TABLE_BY_NAME, Column, Kind, Table
from features.dataset import ARROW_TYPES, Dataset
from recsys.errors import DataError

Connection = Any  # duckdb.DuckDBPyConnection; DuckDB ships no strict types

SQL_TYPES: Mapping[Kind, str] = {
    "id": "VARCHAR", "text": "VARCHAR", "currency": "VARCHAR", "choice": "VARCHAR",
    "time": "TIMESTAMP WITH TIME ZONE", "money": "BIGINT", "count": "BIGINT",
    "rate": "DOUBLE", "number": "DOUBLE", "flag": "BOOLEAN",
}  # fmt: skip
INTEGERS = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
     "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
)  # fmt: skip
NO_TYPE = '"NULL"'  # a Parquet column that holds nothing at all
ZONED = frozenset(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"))

TIME_OF_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
OFFSET = r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
INTEGER_TEXT = "[+-]?[0-9]+"
NUMBER_TEXT = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"

HEADER_LIMIT = 1 << 20


def quoted(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL name."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Source:
    """A table's file as SQL can read it.

    `relation` stands in a FROM clause; `columns` maps each name of the file to its SQL name and DuckDB type,
    in the file's order; `row` counts the data rows from 1 (None where the reader cannot count them); `parsed`
    are the columns that stand in the contract's type beside their text, under that SQL name.
    """

    table: Table
    file: Path
    relation: str
    columns: Mapping[str, tuple[str, str]]
    row: str | None
    parsed: Mapping[str, str] = field(default_factory=dict)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The file's columns that the contract does not know."""
        known = {column.name for column in self.table.columns}
        return tuple(name for name in self.columns if name not in known)


@contextmanager
def as_sentence(file: Path | str) -> Iterator[None]:
    """Turn what DuckDB raises about a file into a DataError; a full disk or memory keeps its kind."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(str(error)) from error
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        if "No space left" in first:
            raise OSError(errno.ENOSPC, "No space left on device", str(file)) from error
        name = file.name if isinstance(file, Path) else file
        hint = ""
        if "state machine" in first:
            hint = "; are its line endings mixed? Every line must end alike, and quotes must be closed"
        raise DataError(f"{name}: not readable: {first}{hint}") from error


def run(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one statement, all of them: DuckDB holds a connection back until its result is read."""
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return rows


def connect(folder: Path, *, memory_limit_mb: int, threads: int) -> Connection:
    """An empty DuckDB that works in memory, spills into `folder` and never fetches an extension."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "threads": str(threads),
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    run(connection, "SET TimeZone = 'UTC'")
    run(connection, "SET enable_progress_bar = false")  # it would write between what the command prints
    return connection


def read_source(connection: Connection, dataset: Dataset, table_name: str) -> Source:
    """How to read that table of the dataset; DataError when its file is not what its ending says."""
    table, file = TABLE_BY_NAME[table_name], dataset.tables[table_name]
    if file.suffix == ".parquet":
        return parquet_source(connection, table, file)
    names = csv_header(table, file)
    relation = f"read_csv({quoted(str(file))}, {csv_options(len(names))})"
    return Source(table, file, relation, _csv_columns(names), row=None)


def parquet_source(
    connection: Connection, table: Table, file: Path, names: tuple[str, ...] | None = None
) -> Source:
    """How to read a Parquet file; `names` are the names its columns c0, c1, … stand for (a staged CSV)."""
    relation = f"read_parquet({quoted(str(file))}, hive_partitioning = false)"
    with as_sentence(file):
        found = run(connection, f"DESCRIBE SELECT * FROM {relation}")
    columns = {row[0]: (identifier(row[0]), row[1]) for row in found}
    if names is not None:
        columns = _csv_columns(names)
    return Source(table, file, relation, columns, row="(file_row_number + 1)")


def csv_header(table: Table, file: Path) -> tuple[str, ...]:
    """The column names of a CSV or CSV.gz; DataError, with what to do, when there is no usable header."""
    line = _first_line(file)
    try:
        names = tuple(name.strip() for name in next(csv.reader([line]), []))
    except csv.Error as error:
        raise DataError(f"{file.name}: the header is not readable as CSV: {error}") from error
    known = [column.name for column in table.columns]
    if not set(known).intersection(names):
        hint = "; separate the columns with commas" if any(mark in line for mark in ";\t|") else ""
        raise DataError(
            f"{file.name}: the first line must name the columns ({', '.join(known)}); got {line[:80]!r}{hint}"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"{file.name}: the header names {', '.join(twice)} twice; keep one column of a name")
    return tuple(name or f"(column {place} without a name)" for place, name in enumerate(names, 1))


def _first_line(file: Path) -> str:
    try:
        if file.suffix == ".gz":
            with gzip.open(file) as stream:
                start = stream.read(HEADER_LIMIT)
        else:
            with file.open("rb") as stream:
                start = stream.read(HEADER_LIMIT)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file.name}: not a whole gzip file ({error}); compress it again") from error
    line = start.lstrip(b"\r\n").split(b"\n", 1)[0].split(b"\r", 1)[0]
    if not start.strip():
        raise DataError(f"{file.name}: the file is empty; its first line must name the columns")
    if b"\0" in line:
        raise DataError(f"{file.name}: the first line holds NUL bytes; save the file as CSV in UTF-8")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: not UTF-8 ({error.reason}); save the file as CSV in UTF-8") from error


def csv_options(n_columns: int, *, rejects: str | None = None) -> str:
    """How every CSV is read: nothing guessed, every column as text, empty as NULL.

    `rejects` names a table that takes the lines that are no rows; without it such a line is an error.
    """
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(n_columns))
    options = (
        "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        f"hive_partitioning = false, columns = {{{columns}}}"
    )
    if rejects is not None:
        options += (
            ", ignore_errors = true, store_rejects = true, rejects_limit = 0, "
            f"rejects_table = {quoted(rejects)}, rejects_scan = {quoted(rejects + '_scan')}"
        )
    return options


def _csv_columns(names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    return {name: (f"c{place}", "VARCHAR") for place, name in enumerate(names)}


def type_fits(kind: Kind, sql_type: str) -> bool:
    """Whether a file's column of that DuckDB type can hold values of that kind at all."""
    if sql_type in ("VARCHAR", NO_TYPE):
        return True
    whole = sql_type in INTEGERS or (sql_type.startswith("DECIMAL") and sql_type.endswith(",0)"))
    if kind in ("id", "text", "currency", "choice"):
        return sql_type in INTEGERS or sql_type == "UUID"
    if kind == "time":
        return sql_type in ZONED
    if kind in ("money", "count"):
        return whole
    if kind in ("rate", "number"):
        return whole or sql_type in ("FLOAT", "DOUBLE") or sql_type.startswith("DECIMAL")
    return sql_type == "BOOLEAN" or sql_type in INTEGERS


def typed(kind: Kind, value: str, sql_type: str) -> str:
    """SQL of a file's value as the contract's type; NULL where it is absent or cannot be one."""
    target = SQL_TYPES[kind]
    if sql_type == NO_TYPE or not type_fits(kind, sql_type):
        return f"CAST(NULL AS {target})"
    if target == "VARCHAR":
        return f"nullif({value}, '')" if sql_type == "VARCHAR" else f"CAST({value} AS VARCHAR)"
    if sql_type == "VARCHAR":
        return _parsed(kind, value)
    if kind == "flag":
        return value if sql_type == "BOOLEAN" else f"CASE {value} WHEN 1 THEN true WHEN 0 THEN false END"
    if kind in ("rate", "number"):
        return f"nullif(nullif(nullif(CAST({value} AS DOUBLE), 'nan'), 'inf'), '-inf')"
    return value if sql_type == target else f"TRY_CAST({value} AS {target})"


def _parsed(kind: Kind, value: str) -> str:
    if kind == "time":
        pattern = quoted(TIME_OF_DAY + OFFSET)
        return (
            f"CASE WHEN regexp_full_match({value}, {pattern}) "
            f"THEN TRY_CAST(upper({value}) AS TIMESTAMP WITH TIME ZONE) END"
        )
    if kind == "flag":
        low = f"lower({value})"
        return f"CASE WHEN {low} IN ('true', '1') THEN true WHEN {low} IN ('false', '0') THEN false END"
    pattern, target = (INTEGER_TEXT, "BIGINT") if kind in ("money", "count") else (NUMBER_TEXT, "DOUBLE")
    cast = f"TRY_CAST({value} AS {target})"
    if target == "DOUBLE":  # 1e999 is written as a number and is none
        cast = f"nullif(nullif({cast}, 'inf'), '-inf')"
    return f"CASE WHEN regexp_full_match({value}, {quoted(pattern)}) THEN {cast} END"


def typed_column(source: Source, column: Column) -> str:
    """SQL of one contract column of that file; a typed NULL when the file has no such column."""
    if column.name not in source.columns:
        return f"CAST(NULL AS {SQL_TYPES[column.kind]})"
    if column.name in source.parsed:
        return source.parsed[column.name]
    return typed(column.kind, *source.columns[column.name])


def typed_select(source: Source, names: tuple[str, ...] | None = None, *, with_row: bool = False) -> str:
    """A SELECT of the contract's columns (or those named), typed; `with_row` puts the row number first."""
    columns = [c for c in source.table.columns if names is None or c.name in names]
    parts = [f"{source.row} AS row_number"] if with_row else []
    parts += [f"{typed_column(source, column)} AS {column.name}" for column in columns]
    return f"SELECT {', '.join(parts)} FROM {source.relation}"


def key_columns(table: Table, dataset: Dataset) -> tuple[str, ...]:
    """The columns that name a row; in a world without times, those of them that are no time."""
    return tuple(name for name in table.key if not (dataset.timeless and table.column(name).kind == "time"))


def has_repeated_keys(connection: Connection, select: str, key: tuple[str, ...]) -> bool:
    """Whether some key stands in two rows; keys are compared by 64-bit hashes, so a rare yes may be wrong."""
    columns = ", ".join(key)
    present = " AND ".join(f"{name} IS NOT NULL" for name in key)
    found = run(
        connection, f"SELECT count(*) > count(DISTINCT hash({columns})) FROM ({select}) WHERE {present}"
    )[0]
    return bool(found[0])


def unique_select(connection: Connection, dataset: Dataset, table_name: str, *, unique: bool) -> str:
    """A SELECT of one table of a checked dataset: the contract's columns in its order and its types.

    Columns and tables that are absent come as typed NULLs and no rows; unknown columns are left out. `unique`
    counts exact duplicates once: the keys are looked through now, and rows compared only when some key stands
    twice. Values that break the contract come as NULL.
    """
    table = TABLE_BY_NAME[table_name]
    if table_name not in dataset.tables:
        nulls = ", ".join(f"CAST(NULL AS {SQL_TYPES[c.kind]}) AS {c.name}" for c in table.columns)
        return f"SELECT {nulls} WHERE false"
    source = read_source(connection, dataset, table_name)
    select = typed_select(source)
    with as_sentence(source.file):
        if unique and has_repeated_keys(connection, select, key_columns(table, dataset)):
            return f"SELECT DISTINCT * FROM ({select})"
    return select


def scan(backend: Any, dataset: Dataset, table_name: str, *, unique: bool = True) -> Any:
    """One table of a checked dataset as an Ibis table of that DuckDB backend, read only as it is asked for.

    Rows and columns are those of `unique_select`: times timestamp('UTC', 6), money and counts int64.
    """
    import ibis  # a second to import, which `check` need not wait for
    import ibis.expr.operations as ops

    table = TABLE_BY_NAME[table_name]
    connection = backend.con
    select = unique_select(connection, dataset, table_name, unique=unique)
    # one backend may read several datasets, and a view is read only later: its name must say which it means
    view = f"scan_{table_name}_{hashlib.sha256(select.encode()).hexdigest()[:16]}"
    run(connection, "SET TimeZone = 'UTC'")
    run(connection, f"CREATE OR REPLACE TEMP VIEW {view} AS {select}")
    schema = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in table.columns])
    namespace = ops.Namespace(catalog=None, database=None)
    return ops.DatabaseTable(
        name=view, schema=ibis.Schema.from_pyarrow(schema), source=backend, namespace=namespace
    ).to_expr()
