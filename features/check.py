"""The checks of the data contract: a dataset goes in, a report of what is wrong with it comes out.

Everything is counted by DuckDB over the files where they lie, a table at a time: no row becomes a Python
object but the first 20 that break a rule. The rules of a cell are in `rules.py`, those between rows in
`relations.py`, what becomes of bad rows in `quarantine.py`.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from features.contract import TABLE_BY_NAME, TABLES
from features.dataset import Dataset, open_dataset
from features.fingerprint import dataset_hash, row_content
from features.off import what_is_off
from features.quarantine import Quarantine
from features.relations import breaches
from features.report import N_SHOWN, CheckReport, Tally, Violation
from features.rules import ColumnRules, column_rules, raw_name, value_name
from features.staging import Staged, stage
from features.tables import (
    Connection,
    as_sentence,
    connect,
    has_repeated_keys,
    key_columns,
    quoted,
    run,
    typed_column,
    typed_select,
)
from recsys.errors import DataError
from recsys.threads import thread_count

__all__ = ["CheckReport", "Tally", "Violation", "check_dataset", "clean_dataset", "dataset_hash"]

Progress = Callable[[str], None]
# What happened in a dataset: products alone say nothing about anybody.
HISTORIES = ("orders", "shares", "share_events")


def check_dataset(
    dataset: Dataset | Path,
    quarantine: Path | None = None,
    *,
    out: Path | None = None,
    memory_limit_mb: int = 1800,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """What a dataset holds and what is wrong with it.

    With `quarantine` the bad rows, and the rows that mean nothing without them, are written there, whole and
    with their reasons; with `out` the rest is written there as a dataset. Both appear whole or not at all,
    and neither when something is wrong that leaving out rows does not mend. `progress` is told what is being
    looked at. DataError when there is no dataset; what is wrong inside it is in the report.
    """
    found = open_dataset(dataset) if isinstance(dataset, Path) else dataset
    set_aside = None if quarantine is None else Quarantine(found, quarantine, out)
    with tempfile.TemporaryDirectory(prefix="sharepicks-check-") as folder:
        connection = connect(Path(folder), memory_limit_mb=memory_limit_mb, threads=threads or thread_count())
        try:
            check = _Check(found, connection, Path(folder), set_aside, progress or (lambda _: None))
            return check.run()
        finally:
            connection.close()


def clean_dataset(dataset: Dataset | Path, quarantine: Path, out: Path) -> tuple[Dataset, CheckReport]:
    """The rows of a dataset that keep the contract, as a new dataset in `out`; the others in `quarantine`.

    DataError when something is wrong that leaving out rows does not mend.
    """
    report = check_dataset(dataset, quarantine, out=out)
    report.raise_if_broken()
    return open_dataset(out), report


class _Check:
    """One check under way: a connection, and what was found so far."""

    def __init__(
        self,
        dataset: Dataset,
        connection: Connection,
        folder: Path,
        quarantine: Quarantine | None,
        progress: Progress,
    ) -> None:
        self.dataset = dataset
        self.connection = connection
        self.folder = folder
        self.quarantine = quarantine
        self.progress = progress
        self.staged: dict[str, Staged] = {}
        self.n_rows: dict[str, int] = {}
        self.n_duplicates: dict[str, int] = {}
        self.filled: set[tuple[str, str | None]] = set()
        self.errors: list[Tally] = []
        self.warnings: list[Tally] = []
        self.violations: list[Violation] = []
        self.beyond_rows = False  # something is wrong that leaving out rows does not mend

    def run(self) -> CheckReport:
        """Look at every table, then at the rows between tables, then set bad rows aside."""
        for table in TABLES:
            if table.name in self.dataset.tables:
                self.progress(f"reading {table.name}")
                with self._file_errors(table.name):
                    self._open(table.name)
        for name in self.staged:
            self.progress(f"checking {name} ({self.n_rows.get(name, 0):,} rows)")
            with as_sentence(self.dataset.tables[name]):
                self._check_cells(name)
                self._check_key(name)
        self.progress("checking rows against each other")
        with as_sentence("tables against each other"):
            for breach in breaches(self.staged):
                self._record(breach.table, breach.column, breach.text, breach.sql, refused=breach.refused)
            self._check_presence()
            flags = self._flags()
        return self._report(flags, self._set_aside())

    @contextmanager
    def _file_errors(self, name: str) -> Iterator[None]:
        file = self.dataset.tables[name].name
        try:
            yield
        except DataError as error:
            self._add_file_error(name, str(error).removeprefix(f"{file}: "))

    def _add_file_error(self, name: str, sentence: str) -> None:
        self.beyond_rows = True
        path = self.dataset.tables.get(name)
        self.errors.append(Tally(name, None, sentence, 1))
        self.violations.append(Violation(name if path is None else path.name, None, None, sentence, None))

    def _open(self, name: str) -> None:
        staged = stage(self.connection, self.dataset, name, self.folder)
        source = staged.source
        for column in source.table.columns:
            if self.dataset.requires(column) and column.name not in source.columns:
                near = difflib.get_close_matches(column.name, source.unknown, n=1)
                hint = f"; is it {near[0]}? Rename that column" if near else ""
                self._add_file_error(name, f"the required column {column.name} is missing{hint}")
        run(self.connection, f"CREATE VIEW typed_{name} AS {typed_select(source, with_row=True)}")
        cells = [f"{source.row} AS row_number"]
        for column in source.table.columns:
            if column.name in source.columns:
                cells.append(f"{source.columns[column.name][0]} AS {raw_name(column)}")
                cells.append(f"{typed_column(source, column)} AS {value_name(column)}")
        run(self.connection, f"CREATE VIEW cells_{name} AS SELECT {', '.join(cells)} FROM {source.relation}")
        self.staged[name] = staged
        if self.quarantine is not None:
            self.quarantine.expect(self.connection, name)
        self._count_malformed(staged)

    def _count_malformed(self, staged: Staged) -> None:
        if staged.n_malformed:
            lines = f"SELECT row_number, text AS value FROM {staged.malformed} WHERE reason = "
            reasons = run(self.connection, f"SELECT DISTINCT reason FROM {staged.malformed} ORDER BY 1")
            for (reason,) in reasons:
                self._record(staged.source.table.name, None, reason, lines + quoted(reason))

    def _check_cells(self, name: str) -> None:
        staged = self.staged[name]
        columns = column_rules(self.dataset, staged.source)
        counts = [f"count({value_name(c.column)}), count({c.verdict})" for c in columns]
        (n_kept, *figures) = run(
            self.connection, f"SELECT {', '.join(['count(*)', *counts])} FROM cells_{name}"
        )[0]
        self.n_rows[name] = n_kept + staged.n_malformed
        if n_kept:
            self.filled.add((name, None))
        for place, rules in enumerate(columns):
            n_filled, n_broken = figures[2 * place], figures[2 * place + 1]
            if n_filled:
                self.filled.add((name, rules.column.name))
            if n_broken:
                self._record_cells(name, rules)

    def _record_cells(self, name: str, rules: ColumnRules) -> None:
        verdicts = f"SELECT row_number, {rules.verdict} AS verdict, {rules.shown} AS value FROM cells_{name}"
        broken = run(
            self.connection, f"SELECT DISTINCT verdict FROM ({verdicts}) WHERE verdict IS NOT NULL ORDER BY 1"
        )
        for (place,) in broken:
            sql = f"SELECT row_number, value FROM ({verdicts}) WHERE verdict = {place}"
            self._record(name, rules.column.name, rules.rules[place].text, sql)

    def _check_key(self, name: str) -> None:
        table = TABLE_BY_NAME[name]
        key = key_columns(table, self.dataset)
        if not set(key) <= set(self.staged[name].source.columns):
            return
        if not has_repeated_keys(self.connection, f"SELECT {', '.join(key)} FROM typed_{name}", key):
            return
        columns = ", ".join(key)
        present = " AND ".join(f"{column} IS NOT NULL" for column in key)
        run(
            self.connection,
            f"""
            CREATE TABLE repeated_{name} AS
            WITH again AS (
                SELECT hash({columns}) AS key_hash FROM typed_{name} WHERE {present}
                GROUP BY ALL HAVING count(*) > 1
            ), candidates AS (
                SELECT row_number, {columns}, md5_number({row_content(table)}) AS content FROM typed_{name}
                SEMI JOIN again ON hash({columns}) = again.key_hash WHERE {present}
            )
            SELECT row_number, concat_ws(', ', {columns}) AS shown_key,
                min(row_number) OVER same_key AS first_row,
                content = first_value(content) OVER same_key AS is_copy
            FROM candidates WINDOW same_key AS (PARTITION BY {columns} ORDER BY row_number)
            """,
        )
        found = run(
            self.connection, f"SELECT count(*) FROM repeated_{name} WHERE is_copy AND row_number > first_row"
        )[0]
        if found[0]:
            self.n_duplicates[name] = found[0]
        sql = (
            "SELECT row_number, shown_key || ' (row ' || first_row || ' has it with another content)' "
            f"AS value FROM repeated_{name} WHERE NOT is_copy"
        )
        self._record(name, ", ".join(key), "must name one row only", sql)

    def _record(self, name: str, column: str | None, text: str, sql: str, *, refused: bool = True) -> None:
        """Count the rows of `sql` (row_number, value) as breaches, and keep the first 20 of them."""
        n = run(self.connection, f"SELECT count(*) FROM ({sql})")[0][0]
        if not n:
            return
        tally = Tally(name, column, text, n)
        if not refused:
            self.warnings.append(tally)
            return
        self.errors.append(tally)
        file = self.dataset.tables[name].name
        first = run(self.connection, f"SELECT * FROM ({sql}) ORDER BY row_number LIMIT {N_SHOWN}")
        self.violations += [Violation(file, row, column, text, value) for row, value in first]
        if self.quarantine is not None and column is not None:  # malformed lines have a place of their own
            self.quarantine.add(self.connection, name, f"{column} {text}", sql)

    def _check_presence(self) -> None:
        if "products" not in self.dataset.tables:
            self._add_file_error("products", "the table is required and absent; add products.parquet or .csv")
        if not any(name in self.dataset.tables for name in HISTORIES):
            self._add_file_error("orders", "the table is required and absent; add orders.parquet or .csv")
        for name in ("products", *HISTORIES[:1]):
            if name in self.staged and not self.n_rows[name]:
                self._add_file_error(name, "the table has no rows; nothing can be learnt from it")

    def _flags(self) -> dict[str, int]:
        flags = {}
        if "orders" in self.staged:
            own = "SELECT owner_id, NULL AS own_member FROM typed_orders WHERE false"
            if "owners" in self.staged:
                own = "SELECT owner_id, min(member_id) AS own_member FROM typed_owners GROUP BY owner_id"
            n_test, n_self = run(
                self.connection,
                "SELECT count_if(price_minor BETWEEN 0 AND 1), "
                "count_if(member_id = coalesce(own_member, owner_id)) "
                f"FROM typed_orders LEFT JOIN ({own}) USING (owner_id)",
            )[0]
            flags = {"n_test_orders": n_test, "n_self_orders": n_self}
        return flags | {"n_duplicates": sum(self.n_duplicates.values())}

    def _set_aside(self) -> dict[str, int]:
        if self.quarantine is None or self.beyond_rows:
            return {}
        self.progress("setting bad rows aside")
        n_quarantined = self.quarantine.count(self.connection, self.staged)
        for name in ("products", *HISTORIES):
            if n_quarantined.get(name, 0) and n_quarantined[name] == self.n_rows[name]:
                self._add_file_error(name, "no row keeps the contract, so there is nothing to go on with")
        if self.beyond_rows:
            return {}
        self.quarantine.write(self.connection, self.staged)
        return n_quarantined

    def _report(self, flags: dict[str, int], n_quarantined: dict[str, int]) -> CheckReport:
        places = {table.name: place for place, table in enumerate(TABLES)}
        by_file = {path.name: places[name] for name, path in self.dataset.tables.items()} | places
        self.violations.sort(key=lambda v: (by_file[v.file], -1 if v.row is None else v.row))
        sources = {name: staged.source for name, staged in self.staged.items()}
        return CheckReport(
            path=self.dataset.path,
            n_rows=self.n_rows,
            errors=tuple(sorted(self.errors, key=lambda tally: places[tally.table])),
            violations=tuple(self.violations[:N_SHOWN]),
            warnings=tuple(sorted(self.warnings, key=lambda tally: places[tally.table])),
            flags=flags,
            unknown_columns={name: source.unknown for name, source in sources.items() if source.unknown},
            off=what_is_off(self.filled, timeless=self.dataset.timeless, priceless=self.dataset.priceless),
            n_quarantined=n_quarantined,
            n_duplicates=self.n_duplicates,
            broken=self.beyond_rows or (self.quarantine is None and bool(self.errors)),
        )
