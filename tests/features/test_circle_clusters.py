"""Circles that overlap strongly are one cluster; the numbers are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from features import circle_clusters as module
from features.circle_clusters import cluster_rows, named_clusters, read_clusters, write_clusters
from recsys.errors import DataError

# a and b share 2 of 4, b and c 2 of 4, a and c 1 of 5; d knows everybody, 3 of 8 with each; e nobody
CIRCLES = [[1, 1, 1, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0],
           [1, 1, 1, 1, 1, 1, 1, 1], [0] * 8]  # fmt: skip


def labels(overlap: float) -> list[int]:
    return cluster_rows(sparse.csr_array(np.array(CIRCLES, dtype=np.int32)), overlap).tolist()


def test_what_hangs_together_by_half_is_one_cluster_and_a_hub_joins_nobody() -> None:
    assert labels(0.5) == [0, 0, 0, 1, 2]
    assert labels(0.51) == [0, 1, 2, 3, 4]
    assert labels(0.375) == [0, 0, 0, 0, 1]  # 3 of 8: now the hub joins


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWNERS_AT_ONCE", 2)
    assert labels(0.5) == [0, 0, 0, 1, 2]


def test_a_cluster_is_named_by_its_least_id_and_comes_back_from_its_file(tmp_path: Path) -> None:
    ids = np.array(["w9", "w2", "w5", "w1", "w7"], dtype=object)
    clusters = named_clusters(ids, np.array([0, 0, 0, 1, 2], dtype=np.int32))
    assert clusters.owner_id.tolist() == ["w2", "w5", "w9"]
    assert clusters.cluster_id.tolist() == ["w2"] * 3
    write_clusters(clusters, tmp_path / "c.parquet")
    back = read_clusters(tmp_path / "c.parquet")
    assert back.clusters_of(["w9", "w1"]).tolist() == ["w2", "w1"]


def test_a_table_that_is_none_of_clusters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such table of clusters"):
        read_clusters(tmp_path / "c.parquet")
    (tmp_path / "c.parquet").write_text("no")
    with pytest.raises(DataError, match="not readable as Parquet"):
        read_clusters(tmp_path / "c.parquet")
    pq.write_table(pa.table({"owner_id": ["a", "a"], "cluster_id": ["a", "b"]}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match="'a' stands twice"):
        read_clusters(tmp_path / "d.parquet")
