"""The HTTP server around the app: its socket, its worker processes, its end."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors.multiprocess import Multiprocess

from recsys.errors import UsageError
from recsys.threads import VARIABLES
from serving.callers.connect import COUNTS_FILE, FORM_SECRET
from serving.callers.doors import new_form_secret
from serving.errors import error_bytes
from serving.logs import write_logs_to_stderr
from serving.settings import Settings

BACKLOG = 2048
STOP_WITHIN_S = 20
MAX_HEAD_BYTES = 16 * 1024
FED_BYTES = 4 * 1024


class OneErrorBody(H11Protocol):
    """HTTP/1.1 whose refusal of malformed requests carries the one error body, as every other."""

    def data_received(self, data: bytes) -> None:
        """Hand on what came in small pieces.

        h11 holds a head to its limit only while the head is unfinished, and one read may bring 256 KB: fed
        whole, a head of that size would pass.
        """
        for start in range(0, len(data), FED_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + FED_BYTES])

    def send_400_response(self, msg: str) -> None:
        """Answer 400 and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # a reply is already under way: nothing more can be said
            return
        body = error_bytes("bad_request")
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. UsageError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol by name: asyncio switches Nagle's algorithm off only where it stands, and a reply to a
    # connection that stays open would else wait 40 ms for an acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} of {host} is taken; choose another with --port") from None
        raise UsageError(f"cannot listen on port {port} of {host}: {error.strerror or error}") from None
    listener.set_inheritable(True)
    return listener


def address_of(listener: socket.socket) -> str:
    """The http address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first."""
    one_thread_per_worker()
    os.environ.update(settings.to_environment())
    write_logs_to_stderr()
    config = server_config("serving.app:create_worker_app", settings.n_workers)
    if settings.n_workers == 1:
        serve_here(config, listener)
    else:
        _serve_in_workers(config, listener)


def server_config(app_factory: str | Callable[[], ASGIApp], n_workers: int) -> uvicorn.Config:
    """How uvicorn runs an app of ours: strict HTTP/1.1, our own log, no banner, a bounded end."""
    return uvicorn.Config(
        app_factory,
        factory=True,
        http=OneErrorBody,
        ws="none",
        lifespan="on",
        workers=n_workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


def serve_here(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve in this process until SIGTERM or Ctrl-C, then return."""
    # uvicorn raises the signal that stopped it once more when it is done; the end was asked for, so it is 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, frame: None)
    uvicorn.Server(config).run(sockets=[listener])


def _serve_in_workers(config: uvicorn.Config, listener: socket.socket) -> None:
    counters = Path(tempfile.mkdtemp(prefix="sharepicks-metrics-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)
    os.environ[COUNTS_FILE] = str(counters / "calls")
    os.environ[FORM_SECRET] = new_form_secret().hex()
    try:
        Multiprocess(config, sockets=[listener]).run()
    finally:
        shutil.rmtree(counters, ignore_errors=True)


def one_thread_per_worker() -> None:
    """Hold the number pools of this process and its workers to one thread: one worker is one core."""
    for variable in VARIABLES:
        os.environ[variable] = "1"
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)
