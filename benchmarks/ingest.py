"""Events per second that `sharepicks serve` acknowledges, on SQLite with synchronous=FULL, over HTTP.

    python benchmarks/ingest.py [--seconds 5] [--folder DIR] [--store postgresql://…]

The real command serves on loopback over a store in DIR (by default where temporary files are: give a folder
on the disk that is to be measured) and is sent orders over 16 connections that stay open, in batches of 100
and one by one; each order is new, and counts when 202 came back. Beside it the floor: the same rows written
by Python's own sqlite3, one transaction for each batch, in this process. The client shares the processor.
With --store it is that store which is measured; it is filled with orders, so give it a database of its own.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import orjson
from http_load import COMMAND, measured

HEAD = (
    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\n"
    "content-type: application/json\r\ncontent-length: {}\r\n\r\n"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--store", default=None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1], help="events in a batch")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sharepicks-ingest-", dir=asked.folder) as name:
        folder = Path(name)
        (folder / "snapshots").mkdir()
        for size in asked.sizes:
            store = asked.store or f"sqlite:///{folder}/store-{size}.db"
            service = ["-c", COMMAND, "serve", "--snapshots", str(folder / "snapshots"), "--port", "0",
                       "--store", store]  # fmt: skip
            rate = size * measured(service, _requests(size), asked.seconds, warm_up=50)
            floor = _raw(folder / f"raw-{size}.db", size, asked.seconds)
            sys.stdout.write(
                f"batches of {size:4}: {rate:10,.0f} events/s; sqlite3 alone {floor:10,.0f}, "
                f"ratio {rate / floor:.2f}\n"
            )


def _orders(size: int) -> Iterator[list[dict[str, object]]]:
    """Batches of new orders of a hundred owners and a thousand members, for ever."""
    now = datetime.now(UTC).isoformat()  # in the ids too: each run's orders are new to the store
    for first in count(0, size):
        yield [
            {"table": "orders", "order_id": f"order-{now}-{n}", "order_time": now,
             "product_id": f"product-{n % 5000}", "member_id": f"member-{n % 1000}",
             "owner_id": f"owner-{n % 100}", "quantity": 1, "price_minor": 1990}
            for n in range(first, first + size)
        ]  # fmt: skip


def _requests(size: int) -> Iterator[bytes]:
    for orders in _orders(size):
        body = orjson.dumps({"events": orders})
        yield HEAD.format(len(body)).encode("ascii") + body


def _raw(file: Path, size: int, seconds: float) -> float:
    """Rows per second of one connection that only inserts, each batch in a durable transaction."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (key TEXT PRIMARY KEY, content TEXT)")
    n_rows, started = 0, time.perf_counter()
    for orders in _orders(size):
        if time.perf_counter() - started >= seconds:
            break
        connection.execute("BEGIN IMMEDIATE")
        rows = [(str(order["order_id"]), orjson.dumps(order).decode()) for order in orders]
        connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        n_rows += size
    connection.close()
    return n_rows / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
