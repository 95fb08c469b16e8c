"""Promise 7: whatever becomes of the store, picks are answered and no acknowledged event is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from asgi_caller import Caller
from fault_proxy import Fault, FaultProxy, fault_proxy
from postgres_server import Databases, OwnServer
from psycopg.conninfo import conninfo_to_dict
from test_store_unavailable import app_over, send

from serving.store import postgres
from serving.store.opening import open_store

WITHIN_S = 0.3
FAULTS: tuple[Fault, ...] = ("down", "reset", "still", "slow")
N_TRIES = 300


@dataclass
class Told:
    """What the service answered."""

    caller: Caller
    pick_statuses: list[int] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    event_statuses: set[int] = field(default_factory=set)
    n_sent: int = 0

    def event(self) -> int:
        """Send a new event, and ask for picks beside it."""
        self.n_sent += 1
        supplier_id = f"s-{self.n_sent}"
        status = send(self.caller, {"table": "suppliers", "supplier_id": supplier_id}).status
        self.event_statuses.add(status)
        if status == 202:
            self.acknowledged.add(f'{{"supplier_id":"{supplier_id}"}}')
        for _ in range(5):
            self.pick_statuses.append(self.caller.get(f"/v1/owners/o-{self.n_sent}/recommend").status)
        return status

    def recovers(self) -> bool:
        """Whether events are taken again, without a restart."""
        return any(self.event() == 202 for _ in range(N_TRIES))

    def picks_answered(self) -> float:
        """The part of the picks answered with 200."""
        return self.pick_statuses.count(200) / len(self.pick_statuses)


def lost(told: Told, url: str) -> set[str]:
    """What was acknowledged and is not in the store."""
    with open_store(url) as store:
        return told.acknowledged - {found.content for found in store.rows_after(0, 10_000)}


def behind(url: str, port: int) -> str:
    """The same address by way of a port of loopback."""
    parts = conninfo_to_dict(url)
    secret = urlencode({"host": "127.0.0.1", "port": port, "password": parts["password"]})
    return f"postgresql://{parts['user']}@/{parts['dbname']}?{secret}&sslmode=disable&gssencmode=disable"


@contextmanager
def service_behind_proxy(server: OwnServer, url: str, folder: Path) -> Iterator[tuple[Told, FaultProxy]]:
    with (
        fault_proxy(str(server.folder / ".s.PGSQL.5432")) as proxy,
        app_over(folder, within_s=WITHIN_S, url=behind(url, proxy.port)) as caller,
    ):
        told = Told(caller)
        assert told.recovers()
        yield told, proxy
        proxy.put("none")


def go_through(told: Told, proxy: FaultProxy, faults: list[Fault], n_events: int) -> None:
    """Each fault in turn, under events and picks; between two the store is whole again."""
    for fault in faults:
        proxy.put(fault)
        statuses = [told.event() for _ in range(n_events)]
        assert fault not in ("down", "still") or 202 not in statuses
        proxy.put("none")
        assert told.recovers(), fault


def test_a_server_down_reset_still_or_slow_costs_no_pick_and_no_acknowledged_event(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    with service_behind_proxy(own_postgres, url, tmp_path) as (told, proxy):
        go_through(told, proxy, [*FAULTS], 3)
    assert told.picks_answered() >= 0.999
    assert told.event_statuses == {202, 503}
    assert lost(told, url) == set()


@pytest.mark.long
def test_a_hundred_faults_cost_no_pick_and_no_acknowledged_event(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    faults: list[Fault] = random.Random(7).choices(FAULTS, k=100)
    with service_behind_proxy(own_postgres, url, tmp_path) as (told, proxy):
        go_through(told, proxy, faults, 4)
    assert len(told.pick_statuses) >= 2_000 and told.picks_answered() >= 0.999
    assert told.event_statuses == {202, 503}
    assert lost(told, url) == set()


def abandoned_connections_are_left(own_postgres: OwnServer, folder: Path) -> bool:
    url = Databases(own_postgres.url).make()
    with service_behind_proxy(own_postgres, url, folder) as (told, proxy):
        proxy.abandon()
        assert told.event() == 503
        recovered = any(told.event() == 202 for _ in range(8))
        proxy.put("reset")
    assert told.picks_answered() == 1.0 and lost(told, url) == set()
    return recovered


def test_a_connection_that_stands_still_for_ever_is_left_for_a_new_one(
    own_postgres: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_WITHIN_S", 0.5)
    assert abandoned_connections_are_left(own_postgres, tmp_path)


def test_red_control_without_a_bound_on_an_answer_the_writer_waits_for_ever(
    own_postgres: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_WITHIN_S", None)
    assert not abandoned_connections_are_left(own_postgres, tmp_path)


def test_red_control_a_store_that_forgets_what_it_acknowledged_is_found(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    with service_behind_proxy(own_postgres, url, tmp_path) as (told, _):
        told.event()
    with open_store(url) as store, store.transaction() as connection:
        connection.exec_driver_sql(
            "DELETE FROM contract_rows WHERE seq = (SELECT max(seq) FROM contract_rows)"
        )
    assert len(lost(told, url)) == 1
