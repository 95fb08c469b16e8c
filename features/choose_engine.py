"""Which engine runs the expressions of a command, by the name that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.engine import DuckDBEngine, OpenEngine
from recsys.errors import UsageError

NAMES = ("duckdb", "spark")


@contextmanager
def chosen_engine(
    name: str, *, master: str | None = None, folder: Path | None = None, memory_limit_mb: int = 4000
) -> Iterator[OpenEngine]:
    """What opens engines of that name; a Spark session is ended when the block ends.

    `master` and `folder` are Spark's (see `SparkCluster`); `memory_limit_mb` bounds its driver. UsageError
    for another name or for Spark's options without Spark, EngineError where Java 17 or pyspark is missing.
    """
    if name not in NAMES:
        raise UsageError(f"--engine must be duckdb or spark; got {name!r}")
    if name == "duckdb":
        for option, value in (("--spark-master", master), ("--spark-folder", folder)):
            if value is not None:
                raise UsageError(f"{option} is for --engine spark; leave it out, or add --engine spark")
        yield DuckDBEngine
        return
    from features.spark_engine import LOCAL, SparkCluster

    with SparkCluster(master or LOCAL, memory_limit_mb=memory_limit_mb, folder=folder) as cluster:
        yield cluster.open
