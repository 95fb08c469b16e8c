"""A process of its own that stores orders and tells each one that was acknowledged; tests kill it.

    python acknowledging.py URL HOW

HOW: `durable` tells what the store acknowledged; `hasty` tells before it did; `off` is durable over a store
that does not wait for the disk.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
from typing import TextIO

from store_rows import order

BATCH = 7


def tell_orders(url: str, how: str, out: TextIO) -> None:
    """Store orders for ever, and write the number of the last one that may be relied on, a line each time."""
    from serving.store.opening import open_store

    if how == "off":
        switch_off(url)
    with open_store(url) as store:
        after = len(store.rows_after(0, 10_000))
        if how == "hasty":  # a disk that takes its time, however fast this machine is
            other = sqlite3.connect(url.removeprefix("sqlite:///"))
            other.execute("BEGIN IMMEDIATE")
        for first in itertools.count(after, BATCH):
            rows = [order(f"o-{number}") for number in range(first, first + BATCH)]
            future = store.submit(rows)
            if how != "hasty":
                assert set(future.result(30)) <= {"stored", "duplicate"}
            out.write(f"{first + BATCH}\n")
            out.flush()


def switch_off(url: str) -> None:
    """Let a commit return before it is on the disk."""
    if url.startswith("sqlite"):
        from serving.store import sqlite

        sqlite.PRAGMAS = tuple(p.replace("synchronous=FULL", "synchronous=OFF") for p in sqlite.PRAGMAS)
    else:
        from serving.store import postgres

        postgres.WRITE_LOCK = postgres.WRITE_LOCK.replace("'on'", "'off'")


if __name__ == "__main__":
    tell_orders(sys.argv[1], sys.argv[2], sys.stdout)
