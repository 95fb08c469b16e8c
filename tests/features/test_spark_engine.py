"""DuckDB and Spark are held to the same graphs and columns; and what is said where Spark cannot be.

Where there is no pyspark or no Java 17 the comparisons are skipped and say so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pytest

from features import spark_engine
from features.dataset import open_dataset
from features.spark_engine import SparkCluster, require_spark, spark_sentences
from features.window import open_window
from recsys.errors import EngineError
from tests.features.all_of_a_window import both, differences
from tests.features.window_worlds import AS_OF, make_world, write_world
from tests.features.without_spark import WHY_NOT

needs_spark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(scope="module")
def cluster() -> Iterator[SparkCluster]:
    with SparkCluster("local[1]", memory_limit_mb=1000) as found:
        yield found


@needs_spark
@pytest.mark.long
@pytest.mark.parametrize("kind", ["whole", "timeless", "priceless"])
def test_both_engines_give_the_same_graphs_and_columns(
    tmp_path: Path, cluster: SparkCluster, kind: str
) -> None:
    world = make_world(np.random.default_rng(3), AS_OF - timedelta(days=60), AS_OF)
    dataset = write_world(
        tmp_path / "world", world, timeless=kind == "timeless", priceless=kind == "priceless"
    )
    duck, spark = both(dataset, cluster.open)
    assert len(duck) > 20
    assert differences(duck, spark) == []


@needs_spark
@pytest.mark.long
def test_both_engines_agree_on_a_simulated_town(small_town: Path, cluster: SparkCluster) -> None:
    duck, spark = both(open_dataset(small_town), cluster.open)
    assert len(duck["inputs"]["co_purchase"]["row"]) > 100
    assert differences(duck, spark) == []


@needs_spark
def test_a_second_session_is_refused_and_not_quietly_the_first(cluster: SparkCluster, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"has a Spark session on local\[1\] already; end that one first"):
        SparkCluster("spark://127.0.0.1:1", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_red_control_one_edge_one_place_one_bit_too_many_would_be_seen() -> None:
    row, weight = np.array([1, 2], dtype=np.int32), np.array([0.5, 0.25])
    told = {"graph": {"row": row, "weight": weight}, "as_of": AS_OF}
    assert differences(told, {"graph": {"row": row.copy(), "weight": weight + 1e-12}, "as_of": AS_OF}) == []
    assert differences(told, {"graph": {"row": row[::-1], "weight": weight}, "as_of": AS_OF})
    assert differences(told, {"graph": {"row": row[:1], "weight": weight[:1]}, "as_of": AS_OF})
    assert differences(told, {"graph": {"row": row, "weight": weight + 1e-6}, "as_of": AS_OF})
    assert differences(told, {"graph": {"row": row.astype(np.int64), "weight": weight}, "as_of": AS_OF})
    assert differences(told, {"graph": {"row": row}, "as_of": AS_OF})


@needs_spark
def test_what_spark_cannot_run_is_said_in_a_sentence(cluster: SparkCluster) -> None:
    engine = cluster.open(memory_limit_mb=200, threads=1)
    rows = engine.upload(pa.table({"n": [2**62, 2**62]}))
    with pytest.raises(EngineError, match=r"Spark could not do it: .*overflow"):
        engine.arrow(rows.agg(total=rows.n.sum()))
    with pytest.raises(EngineError, match="--engine spark"), spark_sentences():
        raise ibis.common.exceptions.OperationNotDefinedError("no such operation on this engine")
    engine.close()
    engine.close()


@needs_spark
def test_distinct_rows_come_once_and_sorting_them_within_an_expression_is_refused(
    cluster: SparkCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = cluster.open(memory_limit_mb=200, threads=1)
    rows = engine.upload(pa.table({"name": ["b", "a", "a"], "n": [1, 2, 3]}))
    names = rows.filter(rows.n > 0).select("name").distinct()
    assert engine.fetch_strings(names, "name", "name").tolist() == ["a", "b"]
    ordered = names.order_by("name").select("name")
    with pytest.raises(EngineError, match="would come twice on Spark"):
        engine.arrow(ordered)
    monkeypatch.setattr(spark_engine, "_refuse_sorted_distinct", lambda _: None)
    # red control: when this fails, Ibis is mended and the refusal can go
    assert engine.arrow(ordered)["name"].to_pylist() == ["a", "a", "b"]
    engine.close()


@needs_spark
def test_an_engine_and_a_cluster_leave_no_file(tmp_path: Path, cluster: SparkCluster) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark_engine, "_session", lambda *_: cluster.session)
        patch.setattr(cluster.session, "stop", lambda: None)
        with SparkCluster("local[1]", folder=folder) as again:
            world = make_world(np.random.default_rng(1), AS_OF - timedelta(days=20), AS_OF)
            with open_window(write_world(tmp_path / "w", world), open_engine=again.open):
                assert list(folder.glob("*/*/*.parquet"))
            assert not list(folder.glob("*/*/*"))
    assert list(folder.iterdir()) == []


def java_that_says(folder: Path, version: str) -> Path:
    """A JAVA_HOME whose java tells that version."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def with_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())


@pytest.mark.usefixtures("with_pyspark")
@pytest.mark.parametrize(("version", "told"), [("11.0.2", "11"), ("1.8.0_392", "8"), ("25", "25")])
def test_another_java_is_told_from_17(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, told: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_that_says(tmp_path / "jdk", version)))
    with pytest.raises(EngineError, match=f"needs Java 17, and this is Java {told}; install it"):
        require_spark()


@pytest.mark.usefixtures("with_pyspark")
def test_java_17_is_enough_and_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_that_says(tmp_path / "jdk", "17.0.15")))
    require_spark()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    with pytest.raises(EngineError, match="needs Java 17, and there is none"):
        require_spark()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="needs Java 17, and there is none"):
        require_spark()


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"pyspark is not installed; install sharepicks\[spark\]"):
        require_spark()
