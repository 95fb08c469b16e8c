"""A server as a process of its own: started, asked over HTTP, ended by its id."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHAREPICKS = (sys.executable, "-c", "from recsys.cli import main; main()")
BOUND_S = 60.0


@dataclass(frozen=True)
class ServerProcess:
    """A started server, where it listens and where its log is."""

    process: subprocess.Popen[str]
    host: str
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body (text when it is no JSON) of one GET."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=BOUND_S)
        with contextlib.closing(connection):
            return ask(connection, path)

    def wait_until(self, path: str, status: int) -> Any:
        """The body of the first answer with that status; AssertionError after the bound."""
        give_up = time.monotonic() + BOUND_S
        while time.monotonic() < give_up:
            found, body = self.get(path)
            if found == status:
                return body
        raise AssertionError(
            f"{path} did not answer {status} within {BOUND_S} s: {self.log.read_text()[-2000:]}"
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to this process and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(BOUND_S)


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, Any]:
    """Status and JSON body (text when it is no JSON) of one GET on an open connection."""
    connection.request("GET", path)
    reply = connection.getresponse()
    raw = reply.read()
    with contextlib.suppress(ValueError):
        return reply.status, json.loads(raw)
    return reply.status, raw.decode()


def workers_of(parent: int) -> list[int]:
    """Ids of the server processes a parent started (not of Python's own resource tracker)."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, line in lines.items() if "spawn_main" in line]


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[ServerProcess]:
    """A server process whose first line of output names its address; always ended by its id."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            list(command), stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(os.environ)
        )
    watchdog = threading.Timer(BOUND_S * 5, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("serving http://"), (first, log.read_text())
        host, _, port = first.split()[1].removeprefix("http://").rpartition(":")
        yield ServerProcess(process, host, int(port), log)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
