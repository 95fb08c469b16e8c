"""A master and two workers on loopback give what DuckDB gives.

In a file of its own, because a process has one Spark session at a time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from features.dataset import open_dataset
from features.spark_engine import SparkCluster
from tests.features.all_of_a_window import both, differences
from tests.features.spark_on_loopback import standalone_cluster
from tests.features.without_spark import WHY_NOT


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.long
def test_a_master_and_two_workers_give_what_duckdb_gives(small_town: Path, tmp_path: Path) -> None:
    with (
        standalone_cluster(tmp_path, n_workers=2) as master,
        SparkCluster(master, memory_limit_mb=1000) as cluster,
    ):
        assert cluster.session.sparkContext.master == master
        duck, spark = both(open_dataset(small_town), cluster.open)
        assert n_executors(cluster) == 2
    assert differences(duck, spark) == []


def n_executors(cluster: SparkCluster) -> int:
    """Processes that hold what is kept: the driver is one more than the workers."""
    return int(cluster.session.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1
