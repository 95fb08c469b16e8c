"""Requests per second of a server that a benchmark starts: 16 connections that stay open."""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

N_CONNECTIONS = 16
WARM_UP = 1_000
READY_WITHIN_S = 60
COMMAND = "from recsys.cli import main; main()"  # `sharepicks`, of this environment
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def measured(
    arguments: Sequence[str], requests: Iterator[bytes], seconds: float, warm_up: int = WARM_UP
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
            _asked(connections, requests, n=warm_up)
            return _asked(connections, requests, seconds=seconds)
        finally:
            server.terminate()


def _asked(
    connections: Sequence[socket.socket], requests: Iterator[bytes], *, n: int = 0, seconds: float = 0.0
) -> float:
    """Requests per second: n of them, or as many as the seconds allow; each connection asks one at a time."""
    waiting = dict.fromkeys(connections, b"")
    n_done, started = 0, time.perf_counter()
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_READ)
            _ask(connection, requests)
        while n_done < n or time.perf_counter() - started < seconds:
            for key, _ in ready.select(READY_WITHIN_S):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                waiting[connection] += connection.recv(1 << 16)
                if _is_whole(waiting[connection]):
                    waiting[connection] = b""
                    n_done += 1
                    _ask(connection, requests)
        rate = n_done / (time.perf_counter() - started)
        for connection in connections:  # what is still under way, so that the next round starts clean
            while not _is_whole(waiting[connection]):
                waiting[connection] += connection.recv(1 << 16)
    return rate


def _ask(connection: socket.socket, requests: Iterator[bytes]) -> None:
    request = next(requests, None)
    if request is None:
        raise SystemExit("there is nothing left to ask: give fewer --seconds")
    connection.sendall(request)


def _is_whole(reply: bytes) -> bool:
    head, found, body = reply.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
        raise SystemExit(f"a request failed: {head[:200]!r} {body[:200]!r}")
    length = LENGTH.search(head)
    assert length is not None
    return len(body) >= int(length[1])
