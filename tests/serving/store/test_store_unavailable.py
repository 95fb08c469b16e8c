"""A store that is slow, full or gone: nothing is acknowledged, and picks are answered all the same."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from asgi_caller import Answer, Caller
from fake_snapshots import make_registry, open_fake
from store_rows import order

from serving.app import create_app
from serving.live.live import catch_up
from serving.service import Service
from serving.settings import Settings
from serving.store import group_writer, sqlite
from serving.store.opening import open_store
from serving.store.seam import StoreError

EVENT = {"table": "suppliers", "supplier_id": "s-1"}


@contextmanager
def app_over(folder: Path, within_s: float = 5.0, url: str | None = None) -> Iterator[Caller]:
    """An app with a snapshot and a store: that of the address, else a SQLite file in the folder."""
    url = url or f"sqlite:///{folder}/store.db"
    settings = Settings(snapshots=make_registry(folder / "registry"), store=url, store_within_s=within_s)
    app = create_app(settings, open_fake)
    service: Service = app.state.service
    service.metrics.snapshot_looked_at(service.keeper.refresh(), service.keeper.served)
    service.store.refresh()
    yield Caller(app)
    service.store.close()


def another(file: Path) -> closing[sqlite3.Connection]:
    """A connection of somebody else to the store's file."""
    return closing(sqlite3.connect(file))


def is_refused_and_picks_go_on(caller: Caller, answer: Answer) -> None:
    assert answer.status == 503 and answer.json()["error"] == "store_unavailable"
    assert answer.headers["retry-after"] == "1"
    assert caller.get("/v1/owners/owner-1/recommend").status == 200


def send(caller: Caller, *events: object) -> Answer:
    return caller.post("/v1/events", {"events": list(events)})


def test_a_slow_store_is_not_waited_for_longer_than_the_setting_says(tmp_path: Path) -> None:
    with app_over(tmp_path, within_s=0.2) as caller, another(tmp_path / "store.db") as other:
        other.execute("BEGIN IMMEDIATE")
        is_refused_and_picks_go_on(caller, send(caller, EVENT))
        other.rollback()


def test_a_full_store_keeps_what_it_acknowledged_and_takes_rows_again_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PRAGMAS", (*sqlite.PRAGMAS, "max_page_count=40"))
    with app_over(tmp_path) as caller:
        many = [{"table": "suppliers", "supplier_id": f"s-{n}", "name": "x" * 100} for n in range(1000)]
        assert send(caller, EVENT).status == 202
        full = send(caller, *many)
        is_refused_and_picks_go_on(caller, full)
        assert "OperationalError" in full.json()["detail"]
        monkeypatch.undo()
        assert send(caller, *many).json()["accepted"] == 999
        assert send(caller, EVENT).json()["duplicates"] == 1


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with app_over(tmp_path) as caller:
        for file in tmp_path.glob("store.db*"):
            file.unlink()
        is_refused_and_picks_go_on(caller, send(caller, EVENT))
        assert not (tmp_path / "store.db").exists()


def test_a_store_that_was_not_there_at_the_start_is_found_later(tmp_path: Path) -> None:
    folder = tmp_path / "late"
    settings = Settings(snapshots=make_registry(tmp_path / "registry"), store=f"sqlite:///{folder}/store.db")
    app = create_app(settings, open_fake)
    service: Service = app.state.service
    service.store.refresh()
    caller = Caller(app)
    assert send(caller, EVENT).status == 503
    service.keeper.refresh()
    ready = caller.get("/readyz")
    assert ready.status == 200 and "store cannot be opened" in ready.json()["warnings"][0]
    folder.mkdir()
    service.store.refresh()
    assert send(caller, EVENT).status == 202
    assert "could not be read lately" in caller.get("/readyz").json()["warnings"][0]
    asyncio.run(catch_up(service.live, service.store.store, service.keeper))
    assert caller.get("/readyz").json()["warnings"] == []
    service.store.close()


def test_too_many_waiting_rows_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_writer, "MAX_ROWS_WAITING", 3)
    file = tmp_path / "store.db"
    with open_store(f"sqlite:///{file}") as store, another(file) as other:
        other.execute("BEGIN IMMEDIATE")
        first = store.submit([order("o-0")])
        while True:  # until the writer took the first and waits for the lock
            try:
                store.submit([order("o-1"), order("o-2"), order("o-3")])
                break
            except StoreError:
                threading.Event().wait(0.001)
        with pytest.raises(StoreError, match="busy"):
            store.submit([order("o-4")])
        other.rollback()
        assert first.result(30) == ["stored"]


def test_batches_that_wait_together_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = sqlite.SqliteWriter.write

    def counted(self: sqlite.SqliteWriter, rows: list[object]) -> object:
        sizes.append(len(rows))
        return write(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite.SqliteWriter, "write", counted)
    file = tmp_path / "store.db"
    with open_store(f"sqlite:///{file}") as store, another(file) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(8) as callers:
            waiting = [callers.submit(store.ingest, [order(f"o-{n}")]) for n in range(8)]
            while sum(not future.running() for future in waiting) or not sizes:
                threading.Event().wait(0.001)
            other.rollback()
            assert [future.result(30) for future in waiting] == [["stored"]] * 8
    assert sum(sizes) == 8 and len(sizes) <= 3


def test_a_store_is_opened_and_read_while_somebody_else_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as store:
        store.ingest([order("o-0")])
    with another(tmp_path / "store.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with open_store(url) as store:
            assert len(store.rows_after(0)) == 1
        other.rollback()
