"""Opening the files of a dataset for the check, with every row counted.

A Parquet file is read where it lies. A CSV is read once into a Parquet file of its texts and their values:
lines that are no rows (ragged, not UTF-8, an open quote) are set apart with their reason, and every other row
knows its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from features.blank_lines import blank_rows
from features.contract import TABLE_BY_NAME, Table
from features.dataset import Dataset
from features.tables import (
    SQL_TYPES,
    Connection,
    Source,
    as_sentence,
    csv_header,
    csv_options,
    parquet_source,
    quoted,
    run,
    typed,
)

TEXT = "VARCHAR"

REASONS = {
    "MISSING COLUMNS": "the row has fewer cells than the header has names",
    "TOO MANY COLUMNS": "the row has more cells than the header has names",
    "INVALID ENCODING": "the row is not UTF-8",
    "UNQUOTED VALUE": "the row has a quote that is not closed",
    "LINE SIZE OVER MAXIMUM": "the row is longer than 2 MB: a quote before it may not be closed",
}


@dataclass(frozen=True, slots=True)
class Staged:
    """A table ready to check; `n_malformed` lines stand in `malformed` (row_number, reason, text)."""

    source: Source
    n_malformed: int = 0

    @property
    def malformed(self) -> str:
        """The SQL name of the table of malformed lines."""
        return f"malformed_{self.source.table.name}"


def stage(connection: Connection, dataset: Dataset, table_name: str, folder: Path) -> Staged:
    """Open that table for the check; DataError when the file is not what its ending says."""
    table, file = TABLE_BY_NAME[table_name], dataset.tables[table_name]
    if file.suffix == ".parquet":
        return Staged(parquet_source(connection, table, file))
    return _stage_csv(connection, table, file, folder)


def _stage_csv(connection: Connection, table: Table, file: Path, folder: Path) -> Staged:
    names = csv_header(table, file)
    target = folder / f"{table.name}.parquet"
    options = csv_options(len(names), rejects=f"rejects_{table.name}")
    # parsing is dear and many rules ask for the same times and numbers: it is done once, here
    parsed = {
        column.name: (
            f"t{names.index(column.name)}",
            typed(column.kind, f"c{names.index(column.name)}", TEXT),
        )
        for column in table.columns
        if column.name in names and SQL_TYPES[column.kind] != TEXT
    }
    columns = ", ".join(["*", *(f"{sql} AS {sql_name}" for sql_name, sql in parsed.values())])
    with as_sentence(file):
        run(
            connection,
            f"COPY (SELECT {columns} FROM read_csv({quoted(str(file))}, {options})) TO {quoted(str(target))} "
            "(FORMAT parquet, COMPRESSION lz4)",
        )
    source = replace(
        parquet_source(connection, table, target, names),
        file=file,
        parsed={name: sql_name for name, (sql_name, _) in parsed.items()},
    )
    n_malformed = _count_malformed(connection, table)
    n_blank = _note_blank(connection, table, file) if len(names) > 1 else 0
    if n_malformed or n_blank:
        source = _number_around(connection, source, folder / f"{table.name}.numbered.parquet")
    return Staged(source, n_malformed)


def _count_malformed(connection: Connection, table: Table) -> int:
    (n_rejects,) = run(connection, f"SELECT count(*) FROM rejects_{table.name}")[0]
    run(connection, f"CREATE TABLE gaps_{table.name} (row_number BIGINT)")
    if not n_rejects:
        return 0
    cases = " ".join(f"WHEN {quoted(kind)} THEN {quoted(text)}" for kind, text in REASONS.items())
    # the reader counts the header as line 1, and a row of several lines as one
    run(
        connection,
        f"CREATE TABLE malformed_{table.name} AS SELECT line - 1 AS row_number, "
        f"first(CASE CAST(error_type AS VARCHAR) {cases} ELSE 'the row is no CSV: ' || error_message END "
        "ORDER BY column_idx) AS reason, first(csv_line ORDER BY column_idx) AS text "
        f"FROM rejects_{table.name} GROUP BY line",
    )
    run(connection, f"INSERT INTO gaps_{table.name} SELECT row_number FROM malformed_{table.name}")
    found = run(connection, f"SELECT count(*) FROM malformed_{table.name}")[0]
    return int(found[0])


def _note_blank(connection: Connection, table: Table, file: Path) -> int:
    """Empty lines are no rows, but an editor counts them, and the reader does where a line is malformed."""
    rows = blank_rows(file)
    if len(rows):
        connection.register("blank_lines", pa.table({"row_number": rows}))
        run(connection, f"INSERT INTO gaps_{table.name} SELECT row_number FROM blank_lines")
        connection.unregister("blank_lines")
    return len(rows)


def _number_around(connection: Connection, source: Source, target: Path) -> Source:
    """Count the rows again, with the places of malformed and empty lines left free."""
    sql_names = [sql_name for sql_name, _ in source.columns.values()]
    columns = ", ".join([*sql_names, *source.parsed.values()])
    run(
        connection,
        f"""
        COPY (
            WITH gaps AS (
                SELECT row_number - place + 1 AS kept_before, max(place) AS place FROM (
                    SELECT row_number, row_number() OVER (ORDER BY row_number) AS place
                    FROM gaps_{source.table.name}
                ) GROUP BY ALL
            ), kept AS (SELECT {columns}, {source.row} AS place FROM {source.relation})
            SELECT {columns}, kept.place + coalesce(gaps.place, 0) AS row_number
            FROM kept ASOF LEFT JOIN gaps ON kept.place >= gaps.kept_before ORDER BY kept.place
        ) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION lz4)
        """,
    )
    relation = f"read_parquet({quoted(str(target))}, hive_partitioning = false)"
    return replace(source, relation=relation, row="row_number")
