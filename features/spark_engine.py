"""The same expressions on Spark: one session on a master named by its URL, one engine for each window.

Tables are written once as Parquet, by the reader that DuckDB trains from and in the contract's types, into a
folder that every worker must reach. So both engines begin with the same values. What is kept is computed
once and held by the workers; what is fetched is collected by the driver, as arrays.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa

from features.contract import TABLE_BY_NAME
from features.dataset import ARROW_TYPES, Dataset
from features.engine import Engine, sweep_dead
from features.tables import as_sentence, connect, quoted, read_source, run, unique_select
from recsys.errors import EngineError
from recsys.files import hold_folder

JAVA_VERSION = "17"
LOCAL = "local[2]"
PREFIX = "sharepicks-spark-"


def require_spark() -> None:
    """EngineError in one sentence where Java 17 or pyspark is missing."""
    if importlib.util.find_spec("pyspark") is None:
        raise EngineError("--engine spark: pyspark is not installed; install sharepicks[spark]")
    found = _java_version()
    if found != JAVA_VERSION:
        seen = "there is none" if found is None else f"this is Java {found}"
        raise EngineError(
            f"--engine spark: needs Java {JAVA_VERSION}, and {seen}; install it and set JAVA_HOME"
        )


def _java_version() -> str | None:
    """The first number of the version of the Java that Spark would start; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if program is None:
        return None
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'version "(?:1\.)?([0-9]+)', told.stderr + told.stdout)
    return version[1] if version else None


@contextmanager
def spark_sentences() -> Iterator[None]:
    """Turn what Spark, its Java side or a construct that it cannot run raises into an EngineError."""
    from ibis.common.exceptions import IbisError
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, IbisError) as error:
        # of a Java failure the first line names the call, and a later one what went wrong
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = next((line for line in reversed(lines) if line.startswith("Caused by: ")), None)
        told = (cause or (lines or [type(error).__name__])[0]).removeprefix("Caused by: ")
        raise EngineError(f"--engine spark: Spark could not do it: {told[:300]}") from error


class SparkCluster:
    """A session on a master; `open` gives engines on it, and its `with` block ends it.

    `folder` is where tables are written for the workers: every one of them must reach it under this path.
    None: a temporary folder of this machine. Everything else about a cluster (memory of its workers, ports,
    who may join) stands in Spark's own `spark-defaults.conf`. `session` is the SparkSession.
    """

    def __init__(
        self, master: str = LOCAL, *, memory_limit_mb: int = 4000, folder: Path | None = None
    ) -> None:
        require_spark()
        if folder is not None and not folder.is_dir():
            raise EngineError(f"{folder}: there is no such folder; make one that every worker reaches")
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        self._lock = hold_folder(self._folder)
        self._n_engines = 0
        try:
            if folder is None:  # a folder that machines share may be held where this one cannot see it
                sweep_dead(self._folder, PREFIX)
            self._folder.chmod(0o755)  # workers may run as somebody else
            self.session: Any = _session(master, memory_limit_mb)
        except BaseException:
            self._remove_folder()
            raise

    def open(self, *, memory_limit_mb: int, threads: int) -> SparkEngine:
        """An engine of this cluster; the two bounds hold the DuckDB that writes the tables for it."""
        self._n_engines += 1
        folder = self._folder / f"tables_{self._n_engines}"
        folder.mkdir()
        return SparkEngine(self.session, folder, f"w{self._n_engines}", memory_limit_mb, threads)

    def close(self) -> None:
        """End the session and remove the folder of its tables; a second call does nothing."""
        if self._folder.exists():
            try:
                self.session.stop()
            finally:
                self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> SparkCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _session(master: str, memory_limit_mb: int) -> Any:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers, where they run Python
    with warnings.catch_warnings(), spark_sentences():
        warnings.simplefilter("ignore", FutureWarning)  # pyspark about pandas 3, of which nothing is used
        from pyspark.sql import SparkSession

        running = SparkSession.getActiveSession()
        if running is not None:  # Spark would hand it out, whatever master was asked for
            raise EngineError(
                f"--engine spark: this process has a Spark session on {running.sparkContext.master} already; "
                "end that one first"
            )
        builder = SparkSession.builder.appName("sharepicks").master(master)
        settings = {
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.ansi.enabled": "true",  # a sum that overflows is an error, not a wrong number
            "spark.driver.memory": f"{memory_limit_mb}m",
            "spark.driver.maxResultSize": "0",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.executorEnv.SHAREPICKS_THREADS": "1",  # a task has one core, see recsys/threads.py
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "ERROR",
        }
        if master.startswith("local"):
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        if not session.sparkContext.getConf().contains("spark.sql.shuffle.partitions"):
            n_partitions = max(3 * session.sparkContext.defaultParallelism, 4)
            session.conf.set("spark.sql.shuffle.partitions", str(n_partitions))
        return session


class SparkEngine(Engine):
    """One window's tables on a Spark session; made by `SparkCluster.open`."""

    quote = "`"

    def __init__(self, session: Any, folder: Path, prefix: str, memory_limit_mb: int, threads: int) -> None:
        self._session, self._folder, self._prefix = session, folder, prefix
        self._held: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.backend = ibis.pyspark.connect(session)
        self._reader = connect(folder, memory_limit_mb=memory_limit_mb, threads=threads)

    def close(self) -> None:
        """Forget every table and remove what was written for the workers; a second call does nothing."""
        if self._folder.exists():
            for name in list(self._held):
                self._forget(name)
            self._reader.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def columns(self, dataset: Dataset) -> Mapping[str, frozenset[str]]:
        """See `Engine.columns`."""
        return {name: frozenset(read_source(self._reader, dataset, name).columns) for name in dataset.tables}

    def scan(self, dataset: Dataset, name: str, *, unique: bool) -> ibis.Table:
        """See `Engine.scan`; the table is written for the workers now."""
        table, file = TABLE_BY_NAME[name], self._folder / f"{self._new_name(name)}.parquet"
        with as_sentence(dataset.tables.get(name, file)):
            select = unique_select(self._reader, dataset, name, unique=unique)
            run(self._reader, f"COPY ({select}) TO {quoted(str(file))} (FORMAT parquet)")
        schema = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in table.columns])
        view = self._new_name("scan")
        with spark_sentences():
            self._view(view, self._session.read.parquet(file.resolve().as_uri()))
        return self._table(view, ibis.Schema.from_pyarrow(schema))

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """See `Engine.keep`; held by the workers, in memory or on their disks."""
        name = self._new_name("kept")
        with spark_sentences():
            self._view(name, self._session.sql(self._promised(rows)).localCheckpoint(eager=True))
        return self._table(name, rows.schema())

    def upload(self, rows: pa.Table) -> ibis.Table:
        """See `Engine.upload`."""
        name = self._new_name("uploaded")
        with spark_sentences():
            self._view(name, self._session.createDataFrame(rows))
        return self._table(name, ibis.Schema.from_pyarrow(rows.schema))

    def drop(self, table: ibis.Table) -> None:
        """See `Engine.drop`."""
        self._forget(table.get_name())

    def arrow(self, rows: ibis.Table, order_by: tuple[str, ...] = ()) -> pa.Table:
        """See `Engine.arrow`; collected by the driver."""
        with spark_sentences():
            frame = self._session.sql(self._sql(rows))
            if order_by:
                frame = frame.orderBy(*(frame[column].asc_nulls_last() for column in order_by))
            found = frame.toArrow()
        return found.cast(rows.schema().to_pyarrow())

    def _sql(self, rows: ibis.Table) -> str:
        _refuse_sorted_distinct(rows)
        return super()._sql(rows)

    def _new_name(self, kind: str) -> str:
        return f"{self._prefix}_{super()._new_name(kind)}"

    def _view(self, name: str, frame: Any) -> None:
        frame.createOrReplaceTempView(name)
        self._held[name] = frame

    def _forget(self, name: str) -> None:
        if self._held.pop(name, None) is not None:
            self._session.catalog.dropTempView(name)


def _refuse_sorted_distinct(rows: ibis.Table) -> None:
    """EngineError for distinct rows that are sorted within an expression.

    Ibis 12 adds the columns that a filter reads to such a SELECT DISTINCT when it writes for Spark, so that
    rows come twice. Rows are sorted when they are fetched, after the expression.
    """
    for sort in rows.op().find(ops.Sort):
        below = sort.parent
        while isinstance(below, ops.Filter | ops.Project):
            below = below.parent
        if isinstance(below, ops.Distinct):
            raise EngineError(
                "--engine spark: distinct rows sorted within an expression would come twice on Spark; "
                "sort them when they are fetched"
            )
