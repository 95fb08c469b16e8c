"""A small TCP proxy before a store's server: it lets pass, refuses, resets, stands still or goes slowly."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Fault = Literal["none", "down", "reset", "still", "slow"]
PIECE_BYTES = 1 << 16
SLOW_PIECE_BYTES = 64
SLOW_PIECE_S = 0.002
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class FaultProxy:
    """Listens on loopback and passes bytes to a Unix socket, as `fault` says.

    down: new connections and open ones are reset. reset: open ones are, once. still: no byte moves, in open
    connections nor in new ones. slow: 64 bytes every 2 ms.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._fault: Fault = "none"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._abandoned: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def put(self, fault: Fault) -> None:
        """From now on this fault; `none` mends it, and what stood still moves on."""
        with self._changed:
            self._fault = "none" if fault == "reset" else fault
            self._changed.notify_all()
            if fault in ("down", "reset"):
                self._reset_all()

    def abandon(self) -> None:
        """Open connections stand still for ever, and new ones pass: a host that lost its state."""
        with self._changed:
            self._abandoned.update(end for pair in self._pairs for end in pair)

    def close(self) -> None:
        """End every connection."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._reset_all()
        self._listener.close()

    def _reset_all(self) -> None:
        for pair in self._pairs:
            for end in pair:
                _reset(end)
        self._pairs.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                near, _ = self._listener.accept()
                self._pair(near)

    def _pair(self, near: socket.socket) -> None:
        with self._changed:
            if self._fault == "down":
                _reset(near)
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._server)
            except OSError:  # the server itself is gone
                _reset(near)
                return
            self._pairs.append((near, far))
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(SLOW_PIECE_BYTES if self._fault == "slow" else PIECE_BYTES):
                with self._changed:
                    self._changed.wait_for(lambda: self._moves(source))
                if self._fault == "slow":
                    threading.Event().wait(SLOW_PIECE_S)
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _moves(self, source: socket.socket) -> bool:
        return self._is_closed or (self._fault != "still" and source not in self._abandoned)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
        end.close()


@contextmanager
def fault_proxy(server: str) -> Iterator[FaultProxy]:
    """A proxy before the Unix socket of a server."""
    proxy = FaultProxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
