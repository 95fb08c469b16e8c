"""Reading tables: the contract's columns and types, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_cases import small_town, town, write_csv, write_parquet

from features.check import check_dataset
from features.contract import TABLE_BY_NAME, TABLES
from features.dataset import ARROW_TYPES, open_dataset
from features.tables import scan

NOON = datetime(2024, 4, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def backend() -> Iterator[Any]:
    connected = ibis.duckdb.connect()
    yield connected
    connected.disconnect()


def rows(backend: Any, folder: Path, table: str, **asked: bool) -> pa.Table:
    return backend.con.sql(
        backend.compile(scan(backend, open_dataset(folder), table, **asked))
    ).to_arrow_table()


def test_three_formats_read_alike(tmp_path: Path, backend: Any) -> None:
    folders = [
        write_csv(tmp_path / "csv", town()), write_csv(tmp_path / "gz", town(), ".csv.gz"),
        write_parquet(tmp_path / "parquet", town()),
    ]  # fmt: skip
    for name in ("products", "offers", "orders", "reviews"):  # between them every kind of column
        found = [rows(backend, folder, name).to_pylist() for folder in folders]
        assert found[0] == found[1] == found[2]
        assert list(found[0][0]) == [column.name for column in TABLE_BY_NAME[name].columns]


def test_types_are_the_contracts_and_absent_columns_and_tables_are_typed_nulls(
    tmp_path: Path, backend: Any
) -> None:
    folder = write_csv(tmp_path / "town", small_town(orders={0: {"sales": "9"}}))
    for table in TABLES:
        found = scan(backend, open_dataset(folder), table.name)
        promised = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in table.columns])
        assert found.schema() == ibis.Schema.from_pyarrow(promised)
        if table.name not in ("orders", "offers"):
            continue
        held = rows(backend, folder, table.name)
        assert [str(t).replace("Etc/UTC", "UTC") for t in held.schema.types] == [
            str(t) for t in promised.types
        ]
        assert held.num_rows == (3 if table.name == "orders" else 0)


def test_copies_are_read_once_unless_asked_for(tmp_path: Path, backend: Any) -> None:
    tables = small_town()
    tables["orders"] += [dict(tables["orders"][0])] * 2
    folder = write_csv(tmp_path / "town", tables)
    assert rows(backend, folder, "orders").num_rows == 3
    assert rows(backend, folder, "orders", unique=False).num_rows == 5


def test_one_backend_reads_two_datasets(tmp_path: Path, backend: Any) -> None:
    first = scan(backend, open_dataset(write_csv(tmp_path / "a", small_town())), "orders")
    tables = small_town()
    del tables["orders"][0]
    second = scan(backend, open_dataset(write_csv(tmp_path / "b", tables)), "orders")
    counts = [backend.con.sql(backend.compile(found.count())).fetchall()[0][0] for found in (first, second)]
    assert counts == [3, 2]


def test_a_folder_with_the_marks_of_a_pattern_or_a_partition_is_read_as_it_is(
    tmp_path: Path, backend: Any
) -> None:
    folder = write_csv(tmp_path / "year=2024" / "it's [a]*", small_town())
    assert rows(backend, folder, "orders").num_rows == 3
    assert not check_dataset(folder).broken


TIMES = [
    (pa.array([NOON], pa.timestamp("us", "UTC")), None),
    (pa.array([NOON], pa.timestamp("ns", "UTC")), None),
    (pa.array([NOON], pa.timestamp("ms", "Asia/Shanghai")), None),
    (pa.array(["2024-04-10T20:00:00+08:00"]), None),
    (pa.array(["2024-04-10T12:00:00"]), "must carry its offset from UTC (Z or +08:00)"),
    (pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")), "must carry its offset from UTC; the file"),
    (pa.array([NOON.date()]), "must be a timestamp with a zone or RFC 3339 text; the file holds DATE"),
    (pa.array([1712750400]), "must be a timestamp with a zone or RFC 3339 text; the file holds BIGINT"),
]  # fmt: skip


@pytest.mark.parametrize(("times", "rule"), TIMES)
def test_times_in_parquet_have_a_zone_or_are_refused(
    tmp_path: Path, backend: Any, times: pa.Array, rule: str | None
) -> None:
    folder = with_order(tmp_path, {"order_time": times})
    if rule is None:
        assert check_dataset(folder).violations == ()
        assert rows(backend, folder, "orders")["order_time"].to_pylist() == [NOON]
    else:
        (found,) = check_dataset(folder).violations
        assert found.row == 1
        assert rule in found.rule


TYPES = [
    ("quantity", pa.array([1], pa.uint8()), None),
    ("price_minor", pa.array([5], pa.decimal128(10, 0)), None),
    ("price_minor", pa.array([5.0]), "must be an integer; the file holds DOUBLE"),
    ("price_minor", pa.array([2**63], pa.uint64()), "must be an integer in minor units"),
    ("group_buy_id", pa.array([None], pa.null()), None),
    ("group_buy_id", pa.array([None], pa.float64()), None),
    ("member_id", pa.array([17850]), None),
    ("member_id", pa.array([17850.0]), "must be text; the file holds DOUBLE"),
    ("member_id", pa.array([b"m1"]), "must be text; the file holds BLOB"),
    ("member_id", pa.array(["m1"]).dictionary_encode(), None),
    ("status", pa.array([["paid"]]), "must be text; the file holds VARCHAR[]"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "values", "rule"), TYPES)
def test_other_types_are_read_where_nothing_is_lost_and_refused_where_it_is(
    tmp_path: Path, column: str, values: pa.Array, rule: str | None
) -> None:
    found = check_dataset(with_order(tmp_path, {column: values})).violations
    assert [v.column for v in found] == ([] if rule is None else [column])
    assert all(rule is not None and rule in v.rule for v in found)


def with_order(tmp_path: Path, columns: dict[str, pa.Array]) -> Path:
    """A dataset of one order in Parquet with columns of any type."""
    folder = write_csv(tmp_path / "town", {"products": small_town()["products"]})
    order = {
        "order_id": pa.array(["o1"]), "order_time": pa.array([NOON], pa.timestamp("us", "UTC")),
        "member_id": pa.array(["m1"]), "product_id": pa.array(["p1"]), "quantity": pa.array([1]),
        "price_minor": pa.array([100]),
    }  # fmt: skip
    pq.write_table(pa.table(order | columns), folder / "orders.parquet")
    return folder
