"""The store as a dataset: the same bytes for the same events."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from postgres_server import Databases
from store_rows import order, product, row
from test_events_route import MUG, NOW, TEA, segment
from typer.testing import CliRunner

from features.check import check_dataset
from features.dataset import open_dataset
from features.importers import import_into
from recsys.cli import build_app
from recsys.errors import UsageError
from serving.store.events import EventReader
from serving.store.export import export_store
from serving.store.opening import open_store
from serving.store.seam import StoreRow
from serving.store.store import Store


def bytes_of(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def take_in(store: Store, events: list[Any]) -> None:
    for event in events:
        rows = EventReader(NOW).read(event)
        assert isinstance(rows, list), rows
        store.ingest(rows)


def bought(message_id: str, time: str, order_id: str, products: list[Any]) -> dict[str, Any]:
    event = segment("Order Completed", message_id, order_id=order_id, currency="CNY", products=products)
    return event | {"timestamp": time}


def test_an_export_is_a_dataset_that_keeps_the_contract(store: Store, tmp_path: Path) -> None:
    back = {"return_id": "r", "order_id": "o-1", "product_id": "p-1", "request_time": "2024-05-03T00:00:00Z"}
    rows = [product(), order(), order("o-2", delivered_time="2024-05-02T00:00:00Z"), row("returns", **back)]
    store.ingest(rows)
    done = export_store(store, tmp_path / "out")
    assert done.n_rows == {"products": 1, "orders": 2, "returns": 1}
    check_dataset(open_dataset(tmp_path / "out")).raise_if_broken()
    orders = pq.read_table(tmp_path / "out" / "orders.parquet")
    assert orders.column_names == [
        "order_id", "order_time", "member_id", "product_id", "quantity", "price_minor", "owner_id",
        "delivered_time",
    ]  # fmt: skip
    assert orders["delivered_time"].to_pylist()[0] is None
    assert str(orders["order_time"][0].as_py()) == "2024-05-01 00:30:00+00:00"


def test_arrival_order_and_duplicates_leave_no_trace_in_the_bytes(
    tmp_path: Path, new_url: Callable[[], str]
) -> None:
    rows = [product(f"p-{n}") for n in range(20)] + [order(f"o-{n}", f"p-{n % 20}") for n in range(200)]
    shuffled = rows + rows[:60]
    random.Random(7).shuffle(shuffled)
    found = []
    for name, sent in (("a", rows), ("b", shuffled)):
        with open_store(new_url()) as store:
            for start in range(0, len(sent), 37):
                store.ingest(sent[start : start + 37])
            export_store(store, tmp_path / name)
        found.append(bytes_of(tmp_path / name))
    assert found[0] == found[1] and "orders.parquet" in found[0]


def replayed(seed: int, rows: list[StoreRow], url: str, out: Path) -> dict[str, str]:
    """The bytes of the export after rows came shuffled, three in ten twice, to a store closed in between."""
    rng = random.Random(seed)
    sent = rows + rng.sample(rows, len(rows) * 3 // 10)
    rng.shuffle(sent)
    start = 0
    while start < len(sent):
        with open_store(url) as store:
            for _ in range(rng.randint(1, 6)):
                size = rng.randint(1, 60)
                store.ingest(sent[start : start + size])
                start += 0 if rng.random() < 0.1 else size  # not heard of: sent again
    with open_store(url) as store:
        export_store(store, out)
    return bytes_of(out)


def rows_to_replay() -> list[StoreRow]:
    """Products, orders of theirs and what Segment's events become; ids that locales sort differently."""
    ids = [f"{'商Zzaé😀'[n % 6]}-{n}" for n in range(20)]
    bags = [bought(f"m{n}", "2024-05-10T10:00:00Z", f"s{n}", [MUG, TEA]) for n in range(5)]
    read = [EventReader(NOW).read(event) for event in bags]
    segment_rows = [replace(row, n_together=1) for rows in read for row in rows]  # type: ignore[union-attr]
    orders = [order(f"o-{n}", ids[n % 20], owner_id=f"w-{n % 3}") for n in range(200)]
    return [*map(product, ids), *orders, *segment_rows]


SEEDS = pytest.mark.parametrize("n_seeds", [5, pytest.param(50, marks=pytest.mark.long)])


@SEEDS
def test_replays_with_duplicates_and_retries_export_the_same_bytes(
    tmp_path: Path, new_url: Callable[[], str], n_seeds: int
) -> None:
    rows = rows_to_replay()
    first, *others = (replayed(seed, rows, new_url(), tmp_path / f"out-{seed}") for seed in range(n_seeds))
    assert "orders.parquet" in first and all(other == first for other in others)


@SEEDS
def test_both_kinds_of_store_export_the_same_bytes(tmp_path: Path, postgres: Databases, n_seeds: int) -> None:
    rows = rows_to_replay()
    for seed in range(n_seeds):
        lite = replayed(seed, rows, f"sqlite:///{tmp_path}/{seed}.db", tmp_path / f"lite-{seed}")
        assert {"orders.parquet", "offers.parquet", "products.parquet"} <= lite.keys()
        assert lite == replayed(seed, rows, postgres.make(), tmp_path / f"postgres-{seed}")
        postgres.drop_all()


def test_without_an_order_of_its_own_an_export_would_tell_what_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import Select

    monkeypatch.setattr(Select, "order_by", lambda self, *columns: self)
    found = []
    for name, sent in (("a", [order("o-1"), order("o-2")]), ("b", [order("o-2"), order("o-1")])):
        with open_store(f"sqlite:///{tmp_path}/{name}.db") as store:
            store.ingest(sent)
            query = "SELECT content FROM contract_rows NOT INDEXED"
            with store.reading() as connection:
                found.append(connection.exec_driver_sql(query).fetchall())
    assert found[0] != found[1]


def test_an_empty_store_is_no_dataset_and_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rows yet"):
        export_store(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_segment_events_that_came_one_by_one_export_as_the_importer_reads_their_file(
    tmp_path: Path, new_url: Callable[[], str]
) -> None:
    events = [
        bought("m1", "2024-05-10T10:00:00Z", "o1", [MUG, TEA, TEA]),
        bought("m2", "2024-05-10T11:00:00Z", "o2", [MUG | {"price": 21.5}]),
        bought("m3", "2024-05-09T11:00:00+08:00", "o3", [MUG | {"price": 22, "name": "Large mug"}]),
        segment("Order Refunded", "m4", order_id="o1") | {"timestamp": "2024-05-10T11:30:00Z"},
        segment("Order Refunded", "m5", order_id="o3", products=[{"product_id": "mug", "quantity": 1}])
        | {"timestamp": "2024-05-10T11:30:00Z"},
        segment("Order Refunded", "m6", order_id="o9"),
        segment("Product Shared", "m7", share_via="sms", recipient="cem", **TEA),
        segment("Product Viewed", "m8", share_id="m7", brand="Tao", **TEA),
    ]
    source = tmp_path / "events.jsonl"
    source.write_text("\n".join(json.dumps(event) for event in events))
    import_into("segment", source, tmp_path / "imported")
    for seed in range(3):
        sent = events + events[:3]
        random.Random(seed).shuffle(sent)
        with open_store(new_url()) as store:
            take_in(store, sent)
            export_store(store, tmp_path / f"out-{seed}")
        assert bytes_of(tmp_path / f"out-{seed}") == bytes_of(tmp_path / "out-0")
    for file in (tmp_path / "imported").glob("*.parquet"):
        exported = pq.read_table(tmp_path / "out-0" / file.name).to_pylist()
        imported = pq.read_table(file).to_pylist()
        columns = imported[0].keys() & exported[0].keys()
        assert all(value is None for line in imported for key, value in line.items() if key not in columns)
        as_set = [sorted(repr({k: line[k] for k in sorted(columns)}) for line in lines)
                  for lines in (exported, imported)]  # fmt: skip
        assert as_set[0] == as_set[1], file.name
    assert {f.name for f in (tmp_path / "imported").glob("*.parquet")} == {
        f.name for f in (tmp_path / "out-0").glob("*.parquet")
    }


def test_the_command_exports_and_a_store_that_is_not_there_is_not_made(tmp_path: Path, url: str) -> None:
    command = ["export", "--store", url, str(tmp_path / "out"), "--json"]
    for _ in range(2):  # the first try left nothing behind
        missing = CliRunner().invoke(build_app(), command)
        assert isinstance(missing.exception, UsageError) and "no store" in str(missing.exception)
    assert not list(tmp_path.glob("store*"))
    with open_store(url) as store:
        store.ingest([product(), order()])
    result = CliRunner().invoke(build_app(), command)
    assert json.loads(result.output)["n_rows"] == {"products": 1, "orders": 1}
