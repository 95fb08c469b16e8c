"""Run as a program: the real server over the fake snapshots of a registry folder.

With `--shared` every snapshot answers from one shared state: the fault that the swap test must find.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))

from fake_snapshots import fake_recommend, open_fake

from recsys.domain import Query, Reply
from serving.app import create_app
from serving.logs import write_logs_to_stderr
from serving.server import address_of, listen, serve_here, server_config
from serving.settings import Settings
from serving.snapshots import Served

latest = {"name": ""}


def open_shared(path: Path) -> Served:
    """A fake snapshot whose picks come from whichever candidate was looked at last."""
    latest["name"] = path.name
    opened = open_fake(path)
    return Served(opened.snapshot_id, opened.as_of, lambda query: recommend_latest(query))


def recommend_latest(query: Query) -> Reply:
    """Picks of the candidate looked at last."""
    return fake_recommend(latest["name"], query)


def main() -> None:
    """Serve argv[1] on a free port of loopback, and print the address first."""
    shared = "--shared" in sys.argv
    opener = open_shared if shared else open_fake
    settings = Settings(
        snapshots=Path(sys.argv[1]), poll_every_s=0.005, body_within_s=0.5,
        reply_cache_mb=0 if shared else 64,  # a kept reply is right, and would hide the fault
    )  # fmt: skip
    write_logs_to_stderr()
    listener = listen("127.0.0.1", 0)
    sys.stdout.write(f"serving {address_of(listener)}\n")
    sys.stdout.flush()
    serve_here(server_config(partial(create_app, settings, opener), 1), listener)


if __name__ == "__main__":
    main()
