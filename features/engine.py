"""The engine under the features: an Ibis backend with a place for intermediate tables.

Everything that only one engine can do is in this file (DuckDB) and in `spark_engine.py` (Spark), so that
graphs and columns stay expressions which both run. Intermediate tables go through plain SQL rather than
through Ibis' `create_table` and `cache`, which need matching releases of sqlglot and of the engine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import ibis
import ibis.expr.operations as ops
import numpy as np
import pyarrow as pa

from features.arrays import Array, column_arrays
from features.dataset import Dataset
from features.tables import read_source, scan
from recsys.files import hold_folder

PREFIX = "sharepicks-window-"
SWEPT_AFTER_S = 60


class Engine(ABC):
    """What runs expressions: tables are read, kept and fetched through it and nothing else."""

    backend: Any  # the Ibis backend; Ibis ships no types
    quote = '"'  # stands around a column's name in SQL
    _serial = 0

    @abstractmethod
    def close(self) -> None:
        """Give everything back; a second call does nothing."""

    @abstractmethod
    def columns(self, dataset: Dataset) -> Mapping[str, frozenset[str]]:
        """Table → the columns its file has."""

    @abstractmethod
    def scan(self, dataset: Dataset, name: str, *, unique: bool) -> ibis.Table:
        """One table as `features.tables.scan` tells it."""

    @abstractmethod
    def keep(self, rows: ibis.Table) -> ibis.Table:
        """The same rows, computed once and held."""

    @abstractmethod
    def upload(self, rows: pa.Table) -> ibis.Table:
        """Arrow rows as a table of the engine."""

    @abstractmethod
    def drop(self, table: ibis.Table) -> None:
        """Give back the room of a table made by `keep` or `upload`."""

    @abstractmethod
    def arrow(self, rows: ibis.Table, order_by: tuple[str, ...] = ()) -> pa.Table:
        """Every row, with the types that the expression promises, sorted by these columns, NULLs last."""

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Intermediate tables that are dropped when the block ends."""
        scratch = Scratch(self)
        try:
            yield scratch
        finally:
            scratch.drop()

    def fetch(self, rows: ibis.Table, order_by: tuple[str, ...] = ()) -> dict[str, Array]:
        """Every column as a numpy array, rows in the order asked for; times as int64 µs (see arrays.py)."""
        return column_arrays(self.arrow(rows, order_by))

    def count(self, rows: ibis.Table) -> int:
        """How many rows there are."""
        return int(self.arrow(rows.aggregate(n=rows.count()))["n"][0].as_py())

    def fetch_strings(self, rows: ibis.Table, column: str, order_by: str) -> Array:
        """One text column as an object array of str."""
        found = self.arrow(rows.select(*dict.fromkeys((column, order_by))), (order_by,))[column]
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=object)

    def _new_name(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}_{self._serial}"

    def _table(self, name: str, schema: ibis.Schema) -> ibis.Table:
        namespace = ops.Namespace(catalog=None, database=None)
        return ops.DatabaseTable(name=name, schema=schema, source=self.backend, namespace=namespace).to_expr()

    def _promised(self, rows: ibis.Table) -> str:
        """SQL of the rows, each column cast to the type that the expression promises."""
        mapper, quote = self.backend.compiler.type_mapper, self.quote
        columns = ", ".join(
            f"CAST({quote}{column}{quote} AS {mapper.to_string(dtype)}) AS {quote}{column}{quote}"
            for column, dtype in rows.schema().items()
        )
        return f"SELECT {columns} FROM ({self._sql(rows)})"

    def _sql(self, rows: ibis.Table) -> str:
        return str(self.backend.compile(rows))


class OpenEngine(Protocol):
    """Opens an engine that holds at most so much memory and so many threads on this machine."""

    def __call__(self, *, memory_limit_mb: int, threads: int) -> Engine:
        """The engine; whoever opened it closes it."""
        ...


class DuckDBEngine(Engine):
    """A DuckDB in a folder of its own, which goes away with it."""

    def __init__(self, *, memory_limit_mb: int, threads: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = hold_folder(self._folder)
        sweep_dead(self._folder, PREFIX)
        try:
            self.backend = ibis.duckdb.connect(
                str(self._folder / "window.duckdb"),
                memory_limit=f"{memory_limit_mb}MB",
                threads=threads,
                temp_directory=str(self._folder / "spill"),
                preserve_insertion_order="false",  # every result is sorted when it leaves
                autoinstall_known_extensions="false",  # nothing is fetched from the network
            )
            self.backend.raw_sql("SET enable_progress_bar = false").fetchall()  # it writes to standard output
        except BaseException:
            self._remove_folder()
            raise

    def close(self) -> None:
        """Close the database and remove its folder; a second call does nothing."""
        if self._folder.exists():
            self.backend.disconnect()
            self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def columns(self, dataset: Dataset) -> Mapping[str, frozenset[str]]:
        """See `Engine.columns`."""
        connection = self.backend.con
        return {name: frozenset(read_source(connection, dataset, name).columns) for name in dataset.tables}

    def scan(self, dataset: Dataset, name: str, *, unique: bool) -> ibis.Table:
        """See `Engine.scan`; read only as it is asked for."""
        return scan(self.backend, dataset, name, unique=unique)

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """See `Engine.keep`; spilled to the window's folder when memory is short."""
        name = self._new_name("kept")
        # sums come out of DuckDB as 128 bit integers: hence the types promised
        self.backend.raw_sql(f"CREATE TABLE {name} AS {self._promised(rows)}").fetchall()
        return self._table(name, rows.schema())

    def upload(self, rows: pa.Table) -> ibis.Table:
        """See `Engine.upload`."""
        name, view = self._new_name("uploaded"), self._new_name("arrow")
        self.backend.con.register(view, rows)
        self.backend.raw_sql(f"CREATE TABLE {name} AS SELECT * FROM {view}").fetchall()
        self.backend.con.unregister(view)
        return self._table(name, ibis.Schema.from_pyarrow(rows.schema))

    def drop(self, table: ibis.Table) -> None:
        """See `Engine.drop`."""
        self.backend.raw_sql(f"DROP TABLE IF EXISTS {table.get_name()}").fetchall()

    def arrow(self, rows: ibis.Table, order_by: tuple[str, ...] = ()) -> pa.Table:
        """See `Engine.arrow`."""
        return (rows.order_by(list(order_by)) if order_by else rows).to_pyarrow()


def sweep_dead(own: Path, prefix: str) -> None:
    """Remove the folders of that prefix which killed processes left beside this one.

    A living one holds its folder's lock. One made within the last minute, by the file system's own time,
    is let be: it may not have taken its lock yet.
    """
    newest_s = own.stat().st_mtime - SWEPT_AFTER_S
    for left in own.parent.glob(f"{prefix}*"):
        try:
            is_old = left != own and left.stat().st_mtime < newest_s
        except OSError:  # another process was quicker
            continue
        lock = hold_folder(left) if is_old else -1
        if lock >= 0:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


class Scratch:
    """Keeps tables like the engine does, and remembers which to drop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables: list[ibis.Table] = []

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """See `Engine.keep`."""
        self._tables.append(self._engine.keep(rows))
        return self._tables[-1]

    def upload(self, rows: pa.Table) -> ibis.Table:
        """See `Engine.upload`."""
        self._tables.append(self._engine.upload(rows))
        return self._tables[-1]

    def drop(self) -> None:
        """Drop everything kept so far."""
        while self._tables:
            self._engine.drop(self._tables.pop())
