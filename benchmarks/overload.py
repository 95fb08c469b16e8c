"""Goodput under overload: requests that arrive on time, whether or not the service keeps up.

    python benchmarks/overload.py SNAPSHOT [--seconds 5] [--owners 500]

The peak is measured first: 16 connections that ask again as soon as they are answered. Then requests arrive
at 0.5, 1, 2 and 3 times that rate, on connections that stay open with one request under way on each; what
comes due while every connection waits is sent late, and counts from when it was due. Replies are kept ones,
each owner asked once before. Prints for each load what was sent, replies with 200 a second beside the peak,
refusals (503), and how long both took. The client shares the processor: what it takes is missing to the
service, and where "sent" stays behind the load, the client or the connections were full.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from http_load import COMMAND, LENGTH, measured
from replies import REQUEST

N_CONNECTIONS = 256
SELECT_S = 0.001


@dataclass
class Offered:
    """What became of the requests of one load: seconds from when each was due to its answer."""

    served_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    n_due: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--owners", type=int, default=500)
    asked = parser.parse_args()
    from recsys.snapshot import open_snapshot

    ids = open_snapshot(asked.snapshot, verify=False).ids("owners")
    requests = [
        REQUEST.format(quote(ids[row], safe="")).encode("ascii") for row in range(min(len(ids), asked.owners))
    ]
    service = ["-c", COMMAND, "serve", "--snapshots", str(asked.snapshot), "--port", "0"]
    peak = measured(service, cycle(requests), asked.seconds)
    sys.stdout.write(f"peak {peak:,.0f} requests/s\n")
    command = [sys.executable, *service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = urlsplit(server.stdout.readline().split()[1])
            _ask_each(address, requests)
            for times in (0.5, 1, 2, 3):
                _tell(
                    times,
                    peak,
                    asked.seconds,
                    _offered(address, cycle(requests), times * peak, asked.seconds),
                )
        finally:
            server.terminate()


def _ask_each(address: SplitResult, requests: Sequence[bytes]) -> None:
    """Ask for every owner once, one after the other, so that each reply is kept."""
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        for request in requests:
            connection.sendall(request)
            reply = b""
            while (status := _status(reply)) is None:
                reply += connection.recv(1 << 16)
            assert status == b"200"


def _offered(address: SplitResult, requests: Iterator[bytes], rate: float, seconds: float) -> Offered:
    listens_at = (address.hostname or "", address.port or 0)
    connections = [socket.create_connection(listens_at) for _ in range(N_CONNECTIONS)]
    try:
        return _load(connections, requests, rate, seconds)
    finally:
        for connection in connections:
            connection.close()


def _load(
    connections: Sequence[socket.socket], requests: Iterator[bytes], rate: float, seconds: float
) -> Offered:
    found, idle = Offered(), deque(connections)
    due_s: dict[socket.socket, float] = {}
    came: dict[socket.socket, bytes] = {}
    started = time.perf_counter()
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_READ)
        while (now := time.perf_counter() - started) < seconds:
            while idle and found.n_due < now * rate:
                connection = idle.popleft()
                due_s[connection], came[connection] = found.n_due / rate, b""
                found.n_due += 1
                connection.sendall(next(requests))
            for key, _ in ready.select(SELECT_S):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                came[connection] += connection.recv(1 << 16)
                if (status := _status(came[connection])) is not None:
                    took_s = time.perf_counter() - started - due_s[connection]
                    (found.served_s if status == b"200" else found.refused_s).append(took_s)
                    idle.append(connection)
    return found


def _status(reply: bytes) -> bytes | None:
    """The status of a whole reply; None while it is not."""
    head, found, body = reply.partition(b"\r\n\r\n")
    if not found:
        return None
    length = LENGTH.search(head)
    assert length is not None
    status = head[9:12]
    if status not in (b"200", b"503"):
        raise SystemExit(f"neither picks nor a refusal: {head[:200]!r}")
    return status if len(body) >= int(length[1]) else None


def _tell(times: float, peak: float, seconds: float, found: Offered) -> None:
    goodput = len(found.served_s) / seconds
    sys.stdout.write(
        f"{times:3g} x: sent {found.n_due / seconds:8,.0f}/s  served {goodput:8,.0f}/s, {goodput / peak:.2f} "
        f"of the peak, p99 {_p99_ms(found.served_s)}  refused {len(found.refused_s) / seconds:8,.0f}/s, "
        f"p99 {_p99_ms(found.refused_s)}\n"
    )


def _p99_ms(times_s: list[float]) -> str:
    return f"{sorted(times_s)[int(len(times_s) * 0.99)] * 1000:,.0f} ms" if times_s else "-"


if __name__ == "__main__":
    main()
