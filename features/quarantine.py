"""Where bad rows go: out of the dataset, whole, with their reasons, and the rows that hang on them too."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from features.contract import TABLES
from features.dataset import Dataset, DatasetWriter
from features.relations import REFERENCES, Reference, joined, present
from features.staging import Staged
from features.tables import ZONED, Connection, as_sentence, identifier, quoted, run
from recsys.errors import UsageError

BATCH_ROWS = 200_000
RFC3339 = "%Y-%m-%dT%H:%M:%S.%fZ"


class Quarantine:
    """Collects bad rows while a check runs and writes them, and what is left, when it ends well."""

    def __init__(self, dataset: Dataset, path: Path, out: Path | None) -> None:
        for place in (path, out):
            if place is None:
                continue
            if place.exists() and (not place.is_dir() or any(place.iterdir())):
                raise UsageError(f"{place}: already exists and is not empty; name a new folder")
            if dataset.path.resolve().is_relative_to(place.resolve()):
                raise UsageError(f"{place}: holds the dataset that is checked; name a new folder")
        if out is not None and path.resolve() == out.resolve():
            raise UsageError(f"{path}: is named for the bad rows and for the good ones; name two folders")
        self.dataset = dataset
        self.path = path
        self.out = out
        self._n_aside: dict[str, int] = {}

    def expect(self, connection: Connection, name: str) -> None:
        """Make room for the bad rows of a table."""
        run(connection, f"CREATE TABLE bad_{name} (row_number BIGINT, reason VARCHAR)")

    def add(self, connection: Connection, name: str, reason: str, sql: str) -> None:
        """Set aside the rows of `sql` (row_number, value) for that reason."""
        run(
            connection,
            f"INSERT INTO bad_{name} SELECT row_number, "
            f"{quoted(reason + '; got ')} || coalesce(value, 'nothing') FROM ({sql})",
        )

    def count(self, connection: Connection, staged: Mapping[str, Staged]) -> dict[str, int]:
        """Set aside the rows that hang on bad ones too; returns the rows set aside by table."""
        for table in TABLES:  # a table stands after those that it refers to
            for reference in REFERENCES:
                both = reference.table in staged and reference.parent in staged
                if reference.table == table.name and reference.refused and both:
                    _follow(connection, reference)
        for name, table_staged in staged.items():
            n = run(connection, f"SELECT count(DISTINCT row_number) FROM bad_{name}")[0][0]
            if n + table_staged.n_malformed:
                self._n_aside[name] = n + table_staged.n_malformed
        return dict(self._n_aside)

    def write(self, connection: Connection, staged: Mapping[str, Staged]) -> None:
        """Write the rows set aside, and the dataset without them where one is asked for."""
        partial = self.path.parent / f".{self.path.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            for name in self._n_aside:
                with as_sentence(self.dataset.tables[name]):
                    _write_bad_rows(connection, staged[name], partial)
            if self.out is not None:
                self._write_rest(connection, staged, self.out)
            if self.path.exists():
                self.path.rmdir()  # it is empty: that was looked at first
            partial.rename(self.path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _write_rest(self, connection: Connection, staged: Mapping[str, Staged], out: Path) -> None:
        dataset = self.dataset
        with DatasetWriter(out, timeless=dataset.timeless, priceless=dataset.priceless) as writer:
            imported_from = dataset.info.get("imported_from")
            writer.imported_from = imported_from if isinstance(imported_from, str) else None
            for note in dataset.notes:
                writer.note(note)
            for name, n in self._n_aside.items():
                writer.note(f"{n:,} rows of {name} broke the data contract and were set aside.")
            for name, table_staged in staged.items():
                source = table_staged.source
                kept = ", ".join(c.name for c in source.table.columns if c.name in source.columns)
                reader = connection.sql(
                    f"SELECT {kept} FROM typed_{name} ANTI JOIN bad_{name} USING (row_number)"
                ).to_arrow_reader(BATCH_ROWS)
                writer.append(name, reader.schema.empty_table())
                for batch in reader:
                    writer.append(name, pa.Table.from_batches([batch]))


def _follow(connection: Connection, reference: Reference) -> None:
    columns = reference.columns
    kept = f"SELECT * FROM typed_{reference.parent} ANTI JOIN bad_{reference.parent} USING (row_number)"
    run(
        connection,
        f"INSERT INTO bad_{reference.table} "
        f"SELECT row_number, {quoted(f'its row in {reference.parent} was set aside')} FROM ("
        f"SELECT c.* FROM typed_{reference.table} c ANTI JOIN ({kept}) p ON {joined(columns)} "
        f"WHERE {present(columns)}) c SEMI JOIN typed_{reference.parent} p ON {joined(columns)}",
    )


def _write_bad_rows(connection: Connection, staged: Staged, folder: Path) -> None:
    source = staged.source
    name = source.table.name
    row, reasons = (_free_name(wanted, source.columns) for wanted in ("row", "reasons"))
    cells = [
        f"{_as_text(sql, kind)} AS {identifier(column)}" for column, (sql, kind) in source.columns.items()
    ]
    target = folder / f"{name}.csv"
    n = run(connection, f"SELECT count(*) FROM bad_{name}")[0][0]
    if n:
        run(
            connection,
            f"""
            COPY (
                WITH bad AS (
                    SELECT row_number AS bad_row, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS bad_why
                    FROM bad_{name} GROUP BY ALL
                ), cells AS (SELECT {", ".join(cells)}, {source.row} AS bad_row FROM {source.relation})
                SELECT cells.* EXCLUDE (bad_row), bad_row AS {identifier(row)},
                    bad_why AS {identifier(reasons)}
                FROM cells JOIN bad USING (bad_row) ORDER BY bad_row
            ) TO {quoted(str(target))} (FORMAT csv, HEADER)
            """,
        )
    if staged.n_malformed:
        target = folder / f"{name}.malformed.csv"
        run(
            connection,
            f"COPY (SELECT row_number AS row, reason AS reasons, text FROM {staged.malformed} ORDER BY 1) "
            f"TO {quoted(str(target))} (FORMAT csv, HEADER)",
        )


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted


def _as_text(sql_name: str, sql_type: str) -> str:
    if sql_type in ZONED:
        return f"strftime(CAST({sql_name} AS TIMESTAMP WITH TIME ZONE), {quoted(RFC3339)})"
    return f"CAST({sql_name} AS VARCHAR)"
