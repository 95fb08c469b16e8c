"""The real server over real snapshots: picks over HTTP, graceful ends, several workers, swaps."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from server_process import BOUND_S, SHAREPICKS, ServerProcess, ask, running, workers_of
from tiny_snapshot import N_PRODUCTS, OWNER_ID, write_tiny_snapshot

from recsys.pointer import promote
from serving.replies import RecommendBody


@dataclass(frozen=True)
class Registry:
    """A registry folder with the snapshots `first` and `second`, and a damaged `third`."""

    folder: Path
    snapshot_ids: dict[str, str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("registry")
    ids = {name: write_tiny_snapshot(folder / name, name) for name in ("first", "second")}
    shutil.copytree(folder / "second", folder / "third")
    flip_one_bit(folder / "third")
    promote(folder, "first")
    return Registry(folder, ids)


def flip_one_bit(snapshot: Path) -> None:
    """Damage the largest file of a snapshot in its middle."""
    largest = max(snapshot.iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.unlink()
    largest.write_bytes(content)


@contextlib.contextmanager
def serving(registry: Registry, log: Path, *options: str) -> Iterator[ServerProcess]:
    command = [*SHAREPICKS, "serve", "--snapshots", str(registry.folder), "--port", "0", *options]
    with running(command, log) as server:
        server.wait_until("/readyz", 200)
        yield server


@pytest.fixture(scope="module")
def shared_server(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(registry, tmp_path_factory.mktemp("server") / "log") as started:
        yield started


@pytest.fixture
def server(registry: Registry, shared_server: ServerProcess) -> ServerProcess:
    """A server that serves `first`, whatever the test before left."""
    promote(registry.folder, "first")
    wait_until_seen(shared_server, registry, "first")
    return shared_server


def recommend(owner_id: str, options: str = "") -> str:
    return f"/v1/owners/{quote(owner_id, safe='')}/recommend{options}"


def test_a_known_owner_gets_picks_with_reasons_in_the_documented_shape(
    server: ServerProcess, registry: Registry
) -> None:
    for target in ("circle", "self"):
        status, body = server.get(recommend(OWNER_ID, f"?n=3&target={target}"))
        assert status == 200
        RecommendBody.model_validate(body, strict=True)
        assert body["snapshot_id"] == registry.snapshot_ids["first"]
        assert body["as_of"] == "2026-03-01T08:00:00Z"
        assert [pick["position"] for pick in body["picks"]] == [1, 2, 3]
        assert all(pick["reasons"] and pick["source"] for pick in body["picks"])
        assert body["picks"][0]["offer"] == {"price_minor": 1990, "currency": "CNY"}


def test_an_unknown_owner_gets_picks_and_the_fallback_is_named(server: ServerProcess) -> None:
    status, body = server.get(recommend("somebody new / 新人"))
    assert status == 200
    assert len(body["picks"]) == N_PRODUCTS
    assert body["fallback"]
    assert body["shorter_because"]


def test_a_name_of_another_site_that_leads_here_is_refused(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=BOUND_S)
    with contextlib.closing(connection):
        connection.request("GET", recommend(OWNER_ID), headers={"host": f"evil.example:{server.port}"})
        assert connection.getresponse().status == 421


def test_her_own_list_comes_back_ranked(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=BOUND_S)
    body = json.dumps({"product_ids": ["p4", "p0", "never heard of"], "target": "self"}).encode()
    with contextlib.closing(connection):
        connection.request("POST", f"/v1/owners/{OWNER_ID}/rank", body, {"content-type": "application/json"})
        reply = connection.getresponse()
        ranked: Any = json.loads(reply.read())
    assert reply.status == 200
    RecommendBody.model_validate(ranked, strict=True)
    assert [pick["product"]["product_id"] for pick in ranked["picks"]] == ["p0", "p4"]
    assert ranked["shorter_because"]


def test_a_stop_is_graceful_ends_with_0_and_the_log_names_nobody(registry: Registry, tmp_path: Path) -> None:
    with serving(registry, tmp_path / "log") as server:
        assert server.get(recommend(OWNER_ID))[0] == 200
        assert server.stop(signal.SIGTERM) == 0
    log = (tmp_path / "log").read_text()
    requests = [line for line in map(json.loads, log.splitlines()) if line["event"] == "request"]
    assert {"route", "status", "latency_ms", "snapshot_id"} <= requests[-1].keys()
    assert OWNER_ID not in log


def test_two_workers_count_together_and_stop_together(registry: Registry, tmp_path: Path) -> None:
    with serving(registry, tmp_path / "log", "--workers", "2") as server:
        answers = [server.get(recommend("nobody"))[0] for _ in range(30)]
        labels = '{route="/v1/owners/{owner_id}/recommend",status="200"}'
        wanted = f"sharepicks_request_seconds_count{labels} 30.0"
        # a worker counts a request after its reply is out, so the other one may be asked a moment too soon
        give_up = time.monotonic() + BOUND_S
        _, text = server.get("/metrics")
        while wanted not in text.splitlines() and time.monotonic() < give_up:
            _, text = server.get("/metrics")
        assert server.stop(signal.SIGINT) == 0
    assert answers == [200] * 30
    assert wanted in text.splitlines()


def test_workers_leave_when_their_parent_was_killed(registry: Registry, tmp_path: Path) -> None:
    with serving(registry, tmp_path / "log", "--workers", "2") as server:
        workers = workers_of(server.process.pid)
        assert len(workers) == 2
        server.stop(signal.SIGKILL)
        give_up = time.monotonic() + BOUND_S
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < give_up, "a worker outlived its parent"
            time.sleep(0.05)


def test_real_snapshots_swap_under_load_and_a_damaged_one_never_serves(
    server: ServerProcess, registry: Registry
) -> None:
    names = {snapshot_id: name for name, snapshot_id in registry.snapshot_ids.items()}
    titles = {name: titles_of(server, registry, name) for name in ("first", "second")}
    assert titles["first"].isdisjoint(titles["second"])
    wrong: list[Any] = []
    stop = threading.Event()

    def keep_asking() -> None:
        with contextlib.closing(
            http.client.HTTPConnection(server.host, server.port, timeout=BOUND_S)
        ) as connection:
            while not stop.is_set():
                status, body = ask(connection, recommend("nobody", "?n=20"))
                shown = {(p["product"]["product_id"], p["product"]["title"]) for p in body.get("picks", ())}
                if status != 200 or shown != titles[names[body["snapshot_id"]]]:
                    wrong.append(body)

    clients = [threading.Thread(target=keep_asking) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        for name in ("second", "third", "first", "second", "third", "first"):
            promote(registry.folder, name)
            wait_until_seen(server, registry, name)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert wrong == []


def titles_of(server: ServerProcess, registry: Registry, name: str) -> set[tuple[str, str]]:
    """What a newcomer is shown by one of the snapshots."""
    promote(registry.folder, name)
    wait_until_seen(server, registry, name)
    _, body = server.get(recommend("nobody", "?n=20"))
    return {(pick["product"]["product_id"], pick["product"]["title"]) for pick in body["picks"]}


def wait_until_seen(server: ServerProcess, registry: Registry, name: str) -> None:
    """Return when the server serves that snapshot or, when it is damaged, says that it does not."""
    for _ in range(20_000):
        _, body = server.get("/readyz")
        if name in registry.snapshot_ids:
            if body["snapshot_id"] == registry.snapshot_ids[name]:
                return
        elif any(name in warning for warning in body["warnings"]):
            return
    raise AssertionError(f"{name} was never seen")
