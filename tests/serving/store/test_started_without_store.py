"""`sharepicks serve` started while its store is down: picks come, events wait, and it mends itself."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from postgres_server import Databases, OwnServer
from server_process import BOUND_S, SHAREPICKS, ServerProcess, running
from tiny_snapshot import OWNER_ID, write_tiny_snapshot

from recsys.pointer import promote
from serving.callers.api_keys import create_key
from serving.callers.database import transactions_of
from serving.callers.roles import Role
from serving.clock import utc_now

PICKS = f"/v1/owners/{OWNER_ID}/recommend"


@dataclass(frozen=True)
class Fallible:
    """A store's address, what takes it away, and what brings it back with all it held."""

    url: str
    take_away: Callable[[], object]
    bring_back: Callable[[], object]


@pytest.fixture(params=["sqlite", "postgresql"])
def fallible(request: pytest.FixtureRequest, tmp_path: Path) -> Fallible:
    """A store of each kind."""
    if request.param == "postgresql":
        server: OwnServer = request.getfixturevalue("own_postgres")
        return Fallible(Databases(server.url).make(), server.crash, server.start)
    file, aside = tmp_path / "store.db", tmp_path / "aside"
    aside.mkdir()

    def damage() -> None:
        for part in tmp_path.glob("store.db*"):
            part.rename(aside / part.name)
        file.write_text("this is no database, whatever its name says" * 100)

    def mend() -> None:
        for part in aside.iterdir():
            part.replace(tmp_path / part.name)

    return Fallible(f"sqlite:///{file}", damage, mend)


@pytest.fixture(autouse=True)
def snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot to serve, and a place for the copy of the keys."""
    write_tiny_snapshot(tmp_path / "snapshots" / "one", "one")
    promote(tmp_path / "snapshots", "one")
    monkeypatch.setenv("SHAREPICKS_SNAPSHOTS", str(tmp_path / "snapshots"))
    monkeypatch.setenv("SHAREPICKS_KEYS_FILE", str(tmp_path / "known.keys"))


@contextmanager
def serving(fallible: Fallible, folder: Path) -> Iterator[ServerProcess]:
    """The real command with two workers."""
    command = [*SHAREPICKS, "serve", "--port", "0", "--workers", "2", "--store", fallible.url]
    with running(command, folder / "log") as server:
        server.wait_until("/readyz", 200)
        yield server
        assert server.stop() == 0


def ask(server: ServerProcess, method: str, path: str, key: str | None, value: object = None) -> Any:
    """Status and body of one call."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=BOUND_S)
    headers = {"content-type": "application/json"} if value is not None else {}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    with closing(connection):
        connection.request(method, path, None if value is None else json.dumps(value), headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def event(server: ServerProcess, key: str | None, number: int) -> int:
    """The status of an event."""
    body = {"events": [{"table": "suppliers", "supplier_id": f"s-{number}"}]}
    status: int = ask(server, "POST", "/v1/events", key, body)[0]
    return status


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds within the bound."""
    return any(holds() or threading.Event().wait(0.1) for _ in range(int(BOUND_S * 10)))


@pytest.mark.parametrize("has_keys", [True, pytest.param(False, marks=pytest.mark.long)])
def test_picks_come_events_wait_and_the_store_is_found_when_it_is_back(
    fallible: Fallible, has_keys: bool, tmp_path: Path
) -> None:
    key = None
    if has_keys:
        transactions = transactions_of(fallible.url)
        key = create_key(
            transactions, Role.STOREFRONT, None, label="", life=timedelta(days=1), actor="ann", now=utc_now()
        ).key
    with serving(fallible, tmp_path) as server:
        assert until(lambda: event(server, key, 0) == 202)
        assert until((tmp_path / "known.keys").exists)
    fallible.take_away()
    with serving(fallible, tmp_path) as server:
        for _ in range(8):  # both workers
            status, body = ask(server, "GET", PICKS, key)
            assert status == 200 and body["picks"] and body["degraded"] is True
            assert event(server, key, 1) == 503
        if has_keys:
            assert ask(server, "GET", PICKS, None)[0] == 401
        assert "store cannot be opened" in " ".join(server.get("/readyz")[1]["warnings"])
        fallible.bring_back()
        assert until(lambda: event(server, key, 2) == 202)
        for _ in range(8):
            assert until(lambda: ask(server, "GET", PICKS, key)[1].get("degraded") is False)


@pytest.mark.long
def test_red_control_without_what_was_known_of_keys_nobody_gets_picks_until_the_store_is_back(
    fallible: Fallible, tmp_path: Path
) -> None:
    with serving(fallible, tmp_path) as server:
        assert until((tmp_path / "known.keys").exists)
    (tmp_path / "known.keys").unlink()
    fallible.take_away()
    with serving(fallible, tmp_path) as server:
        assert ask(server, "GET", PICKS, None)[0] == 503
        fallible.bring_back()
        assert until(lambda: ask(server, "GET", PICKS, None)[0] == 200)
