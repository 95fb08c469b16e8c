"""Promise 6: a hot swap loses nothing. 0 failed and 0 mixed replies while snapshots and damaged
candidates are promoted under load."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from server_process import BOUND_S, ServerProcess, ask, running

from recsys.pointer import promote

FAKES = Path(__file__).with_name("serve_fakes.py")
N_CLIENTS = 3


@dataclass
class Load:
    """What the clients saw."""

    n_replies: int = 0
    wrong: list[str] = field(default_factory=list)
    snapshot_ids: set[str] = field(default_factory=set)


def is_whole(status: int, body: Any) -> bool:
    """Whether a reply came, with picks, all of the snapshot it names."""
    return (
        status == 200
        and len(body["picks"]) == 20
        and all(pick["product"]["title"].startswith(body["snapshot_id"] + " ") for pick in body["picks"])
    )


def keep_asking(server: ServerProcess, load: Load, stop: threading.Event) -> None:
    with contextlib.closing(
        http.client.HTTPConnection(server.host, server.port, timeout=BOUND_S)
    ) as connection:
        while not stop.is_set():
            try:
                status, body = ask(connection, "/v1/owners/owner-1/recommend")
            except (OSError, http.client.HTTPException) as error:
                load.wrong.append(repr(error))
                return
            load.n_replies += 1
            if is_whole(status, body):
                load.snapshot_ids.add(body["snapshot_id"])
            else:
                load.wrong.append(json.dumps(body)[:300])


@contextlib.contextmanager
def under_load(server: ServerProcess) -> Iterator[Load]:
    load, stop = Load(), threading.Event()
    clients = [threading.Thread(target=keep_asking, args=(server, load, stop)) for _ in range(N_CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        stop.set()
        for client in clients:
            client.join()


def write_snapshot(registry: Path, name: str, *, damaged: bool = False) -> None:
    (registry / name).mkdir()
    text = json.dumps({"snapshot_id": name})
    (registry / name / "manifest.json").write_text(text[: len(text) // 2] if damaged else text)


def swap_under_load(registry: Path, n_swaps: int, *options: str) -> tuple[Load, int]:
    """Promote `n_swaps` snapshots, every third one damaged, each seen through before the next."""
    write_snapshot(registry, "s0")
    promote(registry, "s0")
    with running([sys.executable, str(FAKES), str(registry), *options], registry / "log") as server:
        server.wait_until("/readyz", 200)
        serving = "s0"
        with under_load(server) as load:
            wait_until_asked(server, load)  # else the first swap may come before the first question
            for n in range(1, n_swaps + 1):
                damaged = n % 3 == 0
                write_snapshot(registry, f"s{n}", damaged=damaged)
                promote(registry, f"s{n}")
                serving = serving if damaged else f"s{n}"
                wait_until_seen(server, serving, f"s{n}" if damaged else None)
                wait_until_asked(server, load)
        code = server.stop()
    return load, code


def wait_until_asked(server: ServerProcess, load: Load) -> None:
    """Return when every client may have had a reply of what serves now."""
    n_before = load.n_replies
    while load.n_replies < n_before + 2 * N_CLIENTS and not load.wrong:
        server.get("/healthz")


def wait_until_seen(server: ServerProcess, serving: str, refused: str | None) -> None:
    for _ in range(5000):
        _, body = server.get("/readyz")
        warned = bool(refused) and any(f"/{refused}:" in warning for warning in body["warnings"])
        if body["snapshot_id"] == serving and (warned or refused is None):
            return
    raise AssertionError(f"{serving} never served: {body}")


def test_swaps_under_load_lose_and_mix_nothing(tmp_path: Path) -> None:
    load, code = swap_under_load(tmp_path, 6)
    assert load.wrong == []
    assert load.snapshot_ids == {"s0", "s1", "s2", "s4", "s5"}
    assert code == 0


@pytest.mark.long
def test_a_hundred_swaps_under_load_lose_and_mix_nothing(tmp_path: Path) -> None:
    load, code = swap_under_load(tmp_path, 100)
    assert load.wrong == []
    assert load.snapshot_ids == {f"s{n}" for n in range(101) if n == 0 or n % 3}
    assert code == 0


def test_red_control_a_state_shared_between_snapshots_is_found(tmp_path: Path) -> None:
    load, _ = swap_under_load(tmp_path, 3, "--shared")
    assert load.wrong != []
