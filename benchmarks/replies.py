"""Replies per second over HTTP, one worker: kept and cold ones, beside a bare route with the same bytes.

    python benchmarks/replies.py SNAPSHOT [--seconds 5] [--owners 500] [--with-store]

Three servers take their turn on loopback, each a process of its own, asked over 16 connections that stay
open: a FastAPI route that returns bytes from memory (what the stack can do), the service asked for the same
owners again and again (kept replies), and the service asked for owners it was never asked for. Prints replies
per second and their ratio to the bare route of the same run. With --with-store the service has an
empty SQLite store and the live state over it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

from fastapi import Response
from http_load import COMMAND, measured

REQUEST = "GET /v1/owners/{}/recommend HTTP/1.1\r\nhost: localhost\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--owners", type=int, default=500)
    parser.add_argument("--with-store", action="store_true")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve_bare:
        _serve_bare(asked.snapshot)
        return
    from recsys.snapshot import open_snapshot

    ids = open_snapshot(asked.snapshot, verify=False).ids("owners")
    first = range(min(len(ids), 20_000))
    requests = [REQUEST.format(quote(ids[row], safe="")).encode("ascii") for row in first]
    kept, cold = requests[: asked.owners], requests[asked.owners :]
    bare_route = [__file__, str(asked.snapshot), "--serve-bare"]
    service = ["-c", COMMAND, "serve", "--snapshots", str(asked.snapshot), "--port", "0"]
    with tempfile.TemporaryDirectory(prefix="sharepicks-replies-") as folder:
        if asked.with_store:
            service += ["--store", f"sqlite:///{folder}/store.db"]
        bare = measured(bare_route, cycle(kept), asked.seconds)
        rows = [
            ("bare route", bare),
            ("kept replies", measured(service, cycle(kept), asked.seconds)),
            ("cold replies", measured(service, iter(cold), asked.seconds, warm_up=20)),
        ]
    for name, rate in rows:
        sys.stdout.write(f"{name:14}{rate:10,.0f} requests/s   {rate / bare:.2f} of bare\n")


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
