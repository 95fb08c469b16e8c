"""Replies per second over HTTP, one worker: kept and cold ones, beside a bare route with the same bytes.

    python benchmarks/replies.py SNAPSHOT [--seconds 5] [--owners 500]

Three servers take their turn on loopback, each a process of its own, asked over 16 connections that stay
open: a FastAPI route that returns bytes from memory (what the stack can do), the service asked for the same
owners again and again (kept replies), and the service asked for owners it was never asked for. Prints replies
per second and their ratio to the bare route of the same run.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import Response

N_CONNECTIONS = 16
WARM_UP = 1_000
READY_WITHIN_S = 60
COMMAND = "from recsys.cli import main; main()"  # `sharepicks`, of this environment
REQUEST = "GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--owners", type=int, default=500)
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve_bare:
        _serve_bare(asked.snapshot)
        return
    from recsys.snapshot import open_snapshot

    ids = open_snapshot(asked.snapshot, verify=False).ids("owners")
    paths = [f"/v1/owners/{quote(ids[row], safe='')}/recommend" for row in range(min(len(ids), 20_000))]
    kept, cold = paths[: asked.owners], paths[asked.owners :]
    bare_route = [__file__, str(asked.snapshot), "--serve-bare"]
    service = ["-c", COMMAND, "serve", "--snapshots", str(asked.snapshot), "--port", "0"]
    bare = _measured(bare_route, cycle(kept), asked.seconds)
    rows = [
        ("bare route", bare),
        ("kept replies", _measured(service, cycle(kept), asked.seconds)),
        ("cold replies", _measured(service, iter(cold), asked.seconds, warm_up=20)),
    ]
    for name, rate in rows:
        sys.stdout.write(f"{name:14}{rate:10,.0f} requests/s   {rate / bare:.2f} of bare\n")


def _measured(
    arguments: Sequence[str], paths: Iterator[str], seconds: float, warm_up: int = WARM_UP
) -> float:
    """Requests per second of a server of its own, which prints its address; ended by its own process id."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = urlsplit(server.stdout.readline().split()[1])
            listens_at = (address.hostname or "", address.port or 0)
            connections = [
                socket.create_connection(listens_at, timeout=READY_WITHIN_S) for _ in range(N_CONNECTIONS)
            ]
            _asked(connections, paths, n=warm_up)
            return _asked(connections, paths, seconds=seconds)
        finally:
            server.terminate()


def _asked(
    connections: Sequence[socket.socket], paths: Iterator[str], *, n: int = 0, seconds: float = 0.0
) -> float:
    """Requests per second: n of them, or as many as the seconds allow; each connection asks one at a time."""
    waiting = dict.fromkeys(connections, b"")
    n_done, started = 0, time.perf_counter()
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_READ)
            _ask(connection, paths)
        while n_done < n or time.perf_counter() - started < seconds:
            for key, _ in ready.select(READY_WITHIN_S):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                waiting[connection] += connection.recv(1 << 16)
                if _is_whole(waiting[connection]):
                    waiting[connection] = b""
                    n_done += 1
                    _ask(connection, paths)
        rate = n_done / (time.perf_counter() - started)
        for connection in connections:  # what is still under way, so that the next round starts clean
            while not _is_whole(waiting[connection]):
                waiting[connection] += connection.recv(1 << 16)
    return rate


def _ask(connection: socket.socket, paths: Iterator[str]) -> None:
    path = next(paths, None)
    if path is None:
        raise SystemExit("every owner was asked once: give fewer --seconds")
    connection.sendall(REQUEST.format(path).encode("ascii"))


def _is_whole(reply: bytes) -> bool:
    head, found, body = reply.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"a request failed: {head[:200]!r} {body[:200]!r}")
    length = LENGTH.search(head)
    assert length is not None
    return len(body) >= int(length[1])


def _serve_bare(snapshot: Path) -> None:
    """The bare route, served as the service is: the same socket, HTTP and threads."""
    from functools import partial

    from serving.server import address_of, listen, one_thread_per_worker, serve_here, server_config

    one_thread_per_worker()
    listener = listen("127.0.0.1", 0)
    sys.stdout.write(f"serving {address_of(listener)}\n")
    sys.stdout.flush()
    serve_here(server_config(partial(_bare_app, snapshot), 1), listener)


def _bare_app(snapshot: Path) -> object:
    """A FastAPI app whose one route returns the bytes of one real reply."""
    from fastapi import FastAPI

    from recsys.domain import Query
    from recsys.recommend import recommend
    from recsys.snapshot import open_snapshot
    from serving.replies import reply_bytes

    opened = open_snapshot(snapshot, verify=False)
    owner_id = opened.ids("owners")[0]
    body = reply_bytes(recommend(opened, Query(owner_id)), "0" * 32, opened.manifest.snapshot_id, None)
    app = FastAPI(openapi_url=None)

    @app.get("/v1/owners/{owner_id:path}/recommend")
    async def reply(owner_id: str) -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    main()
