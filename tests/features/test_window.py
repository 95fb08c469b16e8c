"""Opening a window: moments, ids, owners and members, what is off, and what is left behind."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import ibis
import numpy as np
import pytest
from ibis.backends.sql.compilers import PySparkCompiler
from ibis.config import Config
from sqlglot import ErrorLevel
from window_worlds import AS_OF, fingerprint, make_world, write_world

from features import engine as engine_module
from features.dataset import Dataset, DatasetWriter, open_dataset
from features.window import open_window
from recsys.errors import DataError, UsageError

NOW = datetime(2024, 6, 1, tzinfo=UTC)
PRODUCTS = {"product_id": ["b", "a", "ä", "z"], "title": ["x"] * 4, "category": ["C"] * 4}


def _orders(*lines: tuple[str, str, str]) -> dict[str, list[object]]:
    return {
        "order_id": [line[0] for line in lines], "member_id": [line[1] for line in lines],
        "product_id": [line[2] for line in lines], "quantity": [1] * len(lines),
        "price_minor": [500] * len(lines),
        "order_time": [NOW - timedelta(days=row) for row in range(len(lines))],
    }  # fmt: skip


def _dataset(path: Path, *, timeless: bool = False, **tables: dict[str, list[object]]) -> Dataset:
    with DatasetWriter(path / "set", timeless=timeless) as writer:
        for name, rows in {"products": PRODUCTS, **tables}.items():
            writer.append(name, rows)
    return open_dataset(path / "set")


def test_ids_are_sorted_by_their_bytes_and_the_last_event_is_the_moment(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, orders=_orders(("1", "m2", "a"), ("2", "m1", "ä")))
    with open_window(dataset, memory_limit_mb=500) as window:
        assert window.ids["products"].tolist() == ["a", "b", "z", "ä"]
        assert window.as_of == NOW
        assert window.has("orders", "share_id") is False and window.has("orders", "member_id")
        assert ("returns is absent" in dict(window.off).values()) and not window.timeless


def test_every_buyer_is_an_owner_where_nobody_is_said_to_own_a_shop(tmp_path: Path) -> None:
    with open_window(_dataset(tmp_path, orders=_orders(("1", "m2", "a"), ("2", "m1", "b")))) as window:
        assert window.ids["owners"].tolist() == ["m1", "m2"]
        assert window.owner_member.tolist() == [0, 1]


def test_an_owner_is_the_member_she_says_else_the_one_with_her_id(tmp_path: Path) -> None:
    owners = {"owner_id": ["m1", "w2", "w3"], "member_id": [None, "m2", None]}
    dataset = _dataset(tmp_path, orders=_orders(("1", "m1", "a"), ("2", "m9", "b")), owners=owners)
    with open_window(dataset) as window:
        assert window.ids["members"].tolist() == ["m1", "m2", "m9"]
        assert window.owner_member.tolist() == [0, 1, -1]


def test_lines_about_products_the_catalogue_does_not_have_are_left_out(tmp_path: Path) -> None:
    with open_window(_dataset(tmp_path, orders=_orders(("1", "m1", "a"), ("2", "m1", "gone")))) as window:
        assert window.table("orders").count().to_pyarrow().as_py() == 1


def test_a_moment_needs_an_offset_and_a_world_with_times(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, orders=_orders(("1", "m1", "a")))
    with pytest.raises(UsageError, match="must have an offset"):
        open_window(dataset, datetime(2024, 6, 1))
    china = timezone(timedelta(hours=8))
    with open_window(dataset, datetime(2024, 6, 1, 8, tzinfo=china)) as window:
        assert window.as_of == NOW
    timeless = _dataset(tmp_path / "t", timeless=True, shares={
        "share_id": ["s"], "owner_id": ["w"], "product_id": ["a"],
    })  # fmt: skip
    with pytest.raises(UsageError, match="has no times"):
        open_window(timeless, NOW)
    with open_window(timeless) as window:
        assert window.as_of is None and window.as_of_second is None


def test_a_dataset_without_any_event_has_no_moment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no event has a time"):
        open_window(_dataset(tmp_path))


def test_two_rows_of_one_product_are_refused(tmp_path: Path) -> None:
    products = {"product_id": ["a", "a"], "title": ["x", "y"], "category": ["C", "C"]}
    with DatasetWriter(tmp_path / "set") as writer:
        writer.append("products", products)
        writer.append("orders", _orders(("1", "m1", "a")))
    with pytest.raises(DataError, match="two different rows of one product_id"):
        open_window(open_dataset(tmp_path / "set"))


def test_the_folder_of_a_window_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with pytest.raises(KeyboardInterrupt), open_window(_dataset(tmp_path, orders=_orders(("1", "m", "a")))):
        assert list((tmp_path / "temporary").iterdir()) != []
        raise KeyboardInterrupt
    assert list((tmp_path / "temporary").iterdir()) == []


def test_threads_and_memory_are_what_was_asked_for(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, orders=_orders(("1", "m", "a")))
    with open_window(dataset, memory_limit_mb=300, threads=1) as window:
        setting = "SELECT current_setting('threads'), current_setting('memory_limit')"
        threads, memory = window.connection.raw_sql(setting).fetchone()
        assert int(threads) == 1 and memory.startswith("286.1 MiB")  # 300 MB


def test_every_expression_can_be_said_to_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(ibis.options, "pyspark", _SparkOptions())
    for name in ("keep", "fetch"):
        kept = getattr(engine_module.DuckDBEngine, name)

        def compiled(self: object, rows: ibis.Table, *more: object, _kept: object = kept) -> object:
            said.append(PySparkCompiler().to_sqlglot(rows).sql("spark", unsupported_level=ErrorLevel.RAISE))
            return _kept(self, rows, *more)  # type: ignore[operator]

        monkeypatch.setattr(engine_module.DuckDBEngine, name, compiled)
    world = make_world(np.random.default_rng(1), AS_OF - timedelta(days=60), AS_OF)
    with open_window(write_world(tmp_path / "world", world), AS_OF) as window:
        fingerprint(window)
    assert len(said) > 50


class _SparkOptions(Config):  # what Ibis sets when PySpark is installed
    treat_nan_as_null: bool = False
