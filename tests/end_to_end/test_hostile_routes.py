"""Promise 9: every hostile shape on every route the app has; no failure of ours, and no memory kept."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hostile_shapes import N_SHAPES, hostile_requests
from server_process import SHAREPICKS, ServerProcess, running
from tiny_snapshot import write_tiny_snapshot

from recsys.pointer import promote
from serving.app import create_app
from serving.callers.declare import declared_routes
from serving.settings import Settings

MAX_GROWTH_KB = 32 * 1024
LOOSE_GATE = "import json, serving.gate as g; g.parse_json = json.loads; from recsys.cli import main; main()"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    write_tiny_snapshot(folder / "one", "one")
    promote(folder, "one")
    return folder


@pytest.fixture(autouse=True)
def everything_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no route says 503 for want of a setting."""
    monkeypatch.setenv("SHAREPICKS_TOKEN_SECRET", "of-this-test-only-" * 3)
    monkeypatch.setenv("SHAREPICKS_STOREFRONT", "https://shop.example/p/{product_id}?share={share_id}")


@contextlib.contextmanager
def serving(registry: Path, folder: Path, program: Sequence[str] = SHAREPICKS) -> Iterator[ServerProcess]:
    store = f"sqlite:///{folder / 'store.db'}"
    command = [*program, "serve", "--snapshots", str(registry), "--store", store, "--port", "0"]
    with running(command, folder / "log") as server:
        server.wait_until("/readyz", 200)
        yield server


def every_request(registry: Path) -> list[bytes]:
    """All shapes on all routes of the app itself, each with its own method."""
    routes = declared_routes(create_app(Settings(snapshots=registry)))
    pairs = [(method, path) for path, methods, _, _ in routes for method in sorted(methods)]
    assert len(pairs) >= 10
    return [sent for method, path in pairs for sent in hostile_requests(method, path)]


def status_of(server: ServerProcess, sent: bytes) -> int:
    """The status of the reply; 0 when the connection closed without one."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        raw = b""
        with contextlib.suppress(ConnectionResetError):
            while b"\r\n" not in raw and (piece := connection.recv(4096)):
                raw += piece
    return int(raw.split()[1]) if raw else 0


def resident_kb(server: ServerProcess) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def failures(server: ServerProcess, requests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """What was answered with a failure of ours, or not at all: the status and how the request began."""
    found = [(status_of(server, sent), sent[:120]) for sent in requests]
    assert server.process.poll() is None
    return [(status, sent) for status, sent in found if not 200 <= status < 500]


def test_no_hostile_shape_on_any_route_is_a_failure_of_ours(registry: Path, tmp_path: Path) -> None:
    assert N_SHAPES >= 80
    requests = every_request(registry)
    with serving(registry, tmp_path) as server:
        server.get("/v1/owners/x/recommend")
        before_kb = resident_kb(server)
        assert failures(server, requests) == []
        assert resident_kb(server) - before_kb <= MAX_GROWTH_KB
        assert server.get("/v1/owners/x/recommend")[0] == 200
        assert '"status":5' not in server.log.read_text()


def test_red_control_a_gate_that_trusts_its_json_is_found_out(registry: Path, tmp_path: Path) -> None:
    requests = [sent for sent in every_request(registry) if sent.startswith(b"POST /v1/events HTTP/1.1")]
    with serving(registry, tmp_path, (sys.executable, "-c", LOOSE_GATE)) as server:
        assert any(status >= 500 for status, _ in failures(server, requests))


@pytest.mark.long
def test_twenty_shuffled_rounds_of_all_of_it_keep_no_memory(registry: Path, tmp_path: Path) -> None:
    requests = every_request(registry)
    rng = random.Random(7)
    with serving(registry, tmp_path) as server:
        server.get("/v1/owners/x/recommend")
        before_kb = resident_kb(server)
        for _ in range(20):
            rng.shuffle(requests)
            assert failures(server, requests) == []
        grown_kb = resident_kb(server) - before_kb
    assert grown_kb <= MAX_GROWTH_KB, f"{grown_kb} KB more after {20 * len(requests)} requests"
