"""Which engine a name stands for, and what is refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from features import spark_engine
from features.choose_engine import chosen_engine
from features.engine import DuckDBEngine
from recsys.errors import EngineError, UsageError


def test_duckdb_is_duckdb() -> None:
    with chosen_engine("duckdb") as open_engine:
        assert open_engine is DuckDBEngine


def test_another_name_is_refused() -> None:
    with (
        pytest.raises(UsageError, match="--engine must be duckdb or spark; got 'dask'"),
        chosen_engine("dask"),
    ):
        pass


def test_sparks_options_are_for_spark() -> None:
    with pytest.raises(UsageError, match="--spark-master is for"), chosen_engine("duckdb", master="local[1]"):
        pass
    with pytest.raises(UsageError, match="--spark-folder is for"), chosen_engine("duckdb", folder=Path("x")):
        pass


def test_the_folder_of_the_workers_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_engine, "require_spark", lambda: None)
    with pytest.raises(EngineError, match="no such folder"), chosen_engine("spark", folder=tmp_path / "x"):
        pass
