"""What every kind of store does, the same cases for each."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_rows import order, product, row

from recsys.errors import UsageError
from serving.store import sqlite
from serving.store.erasure import erase_member
from serving.store.opening import open_store
from serving.store.schema import contract_rows
from serving.store.seam import StoreError
from serving.store.store import Store


def contents(store: Store) -> list[tuple[str, str]]:
    return [(found.table_name, found.content) for found in store.rows_after(0, 10_000)]


def test_what_goes_in_comes_out_as_it_was(store: Store) -> None:
    rows = [product(), order(), order("o-2", member_id="m-2")]
    assert store.ingest(rows) == ["stored"] * 3
    assert contents(store) == [(r.table_name, r.content) for r in rows]


def test_the_same_row_again_is_a_duplicate_and_other_content_a_conflict(store: Store) -> None:
    store.ingest([order()])
    assert store.ingest([order(), order(quantity=2), order("o-2")]) == ["duplicate", "conflict", "stored"]
    assert len(contents(store)) == 2


def test_of_rows_with_one_key_in_one_batch_the_first_counts(store: Store) -> None:
    rows = [order(), order(), order(quantity=2), order()]
    assert store.ingest(rows) == ["stored", "duplicate", "conflict", "duplicate"]
    assert contents(store) == [("orders", order().content)]


def test_rows_of_one_event_are_kept_all_or_none(store: Store) -> None:
    store.ingest([order()])
    event = [dataclasses.replace(order("o-2"), n_together=3), order(quantity=2), order("o-3")]
    rows = [order("o-4"), *event, order("o-2", quantity=5)]
    assert store.ingest(rows) == ["stored", "left_out", "conflict", "left_out", "stored"]
    assert contents(store) == [(r.table_name, r.content) for r in (order(), order("o-4"), rows[-1])]


def test_a_conflict_is_told_by_what_lies_there_and_not_by_its_neighbour(store: Store) -> None:
    store.ingest([order(quantity=2)])
    assert store.ingest([order(), order(quantity=2), order()]) == ["conflict", "duplicate", "conflict"]


def test_a_key_is_of_its_table(store: Store) -> None:
    rows = [row("suppliers", supplier_id="x"), row("owners", owner_id="x"), product("x")]
    assert store.ingest(rows) == ["stored"] * 3


def test_when_a_row_came_is_no_part_of_it(store: Store) -> None:
    store.ingest([order()])
    assert store.ingest([dataclasses.replace(order(), received_time=1)]) == ["duplicate"]


def test_the_longest_ids_in_any_script_are_kept(store: Store) -> None:
    rows = [order("商😀" * 64, "é😀" * 64, member_id="会" * 128, owner_id="店" * 128)]
    assert store.ingest(rows) == ["stored"] and store.ingest(rows) == ["duplicate"]
    assert [found.content for found in store.rows_of_owner("店" * 128)] == [rows[0].content]


def test_a_replica_that_polls_meets_each_row_once_and_misses_none(store: Store) -> None:
    threads = [
        threading.Thread(target=lambda n=n: [store.ingest([order(f"o-{n}-{k}")]) for k in range(25)])  # type: ignore[misc]
        for n in range(4)
    ]
    met: list[str] = []
    seq = 0
    for thread in threads:
        thread.start()
    while len(met) < 100:
        for found in store.rows_after(seq, 7):
            assert found.seq > seq
            seq = found.seq
            met.append(found.content)
    for thread in threads:
        thread.join()
    assert len(set(met)) == 100 and store.rows_after(seq) == []


def test_rows_of_an_owner_are_hers_alone(store: Store) -> None:
    store.ingest([product(), order("o-1"), order("o-2", owner_id="w-2"), order("o-3", owner_id=None)])
    assert [found.content for found in store.rows_of_owner("w-1")] == [order("o-1").content]
    assert store.rows_of_owner("nobody") == [] and store.rows_of_owner("") == []


def test_what_was_stored_is_there_when_the_store_is_opened_again(url: str) -> None:
    with open_store(url) as store:
        store.ingest([order()])
    with open_store(url) as store:
        assert store.ingest([order()]) == ["duplicate"]


def test_a_transaction_keeps_all_or_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            connection.execute(contract_rows.delete())
            raise KeyError("on purpose")

    store.ingest([order()])
    with pytest.raises(KeyError):
        fail()
    assert len(contents(store)) == 1


def test_callers_at_the_same_time_each_get_their_own_outcomes(store: Store) -> None:
    store.ingest([order("o-0")])
    futures = [store.submit([order(f"o-{n % 3}"), order(f"n-{n}")]) for n in range(30)]
    outcomes = [future.result(10) for future in futures]
    assert outcomes[0] == ["duplicate", "stored"]
    assert [o[0] for o in outcomes].count("stored") == 2
    assert {o[1] for o in outcomes} == {"stored"}


def test_a_closed_store_takes_nothing(url: str) -> None:
    store = open_store(url)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.ingest([order()])


def test_an_address_of_no_store_is_refused() -> None:
    with pytest.raises(UsageError, match="a store is sqlite"):
        open_store("mysql://localhost/x")


def bytes_under(folder: Path) -> bytes:
    """Every byte of the store's files, its log too."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("store.db*")))


@pytest.mark.parametrize("overwrites", [True, False])
def test_of_an_erased_member_no_byte_is_left_and_red_control_without_overwriting_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrites: bool
) -> None:
    if not overwrites:
        off = tuple(p.replace("secure_delete=ON", "secure_delete=OFF") for p in sqlite.PRAGMAS)
        monkeypatch.setattr(sqlite, "PRAGMAS", off)
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        store.ingest([order(f"o-{n}", member_id=f"m-{n % 2}-canary") for n in range(50)])
        assert b"m-1-canary" in bytes_under(tmp_path)
        erase_member(store, "m-1-canary", datetime(2024, 5, 10, tzinfo=UTC))
        left = bytes_under(tmp_path)
        assert b"m-0-canary" in left
        assert (b"m-1-canary" in left) is not overwrites
        assert store.ingest([order("o-99", member_id="m-1-canary")]) == ["erased"]
