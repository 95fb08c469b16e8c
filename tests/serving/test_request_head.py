"""The head of a request is held to its limit, however many bytes one read brings."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.server import ServerState

from serving import server
from serving.server import OneErrorBody, server_config


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def status_of(head: bytes) -> int:
    """The status of the reply to a head that comes in one piece."""

    async def exchange() -> bytes:
        config = server_config(lambda: hello, 1)
        config.load()
        wire, protocol = Wire(), OneErrorBody(config, ServerState(), {}, asyncio.get_running_loop())
        protocol.connection_made(wire)
        protocol.data_received(head)
        for _ in range(10):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire.written

    return int(asyncio.run(exchange()).split(b" ")[1])


def head_of(n_bytes: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nHost: h\r\nX: "
    return start + b"y" * (n_bytes - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize(("n_bytes", "status"), [(100, 204), (16_000, 204), (21_000, 400), (250_000, 400)])
def test_a_head_above_its_limit_is_refused(n_bytes: int, status: int) -> None:
    assert status_of(head_of(n_bytes)) == status


def test_red_control_fed_whole_a_quarter_of_a_megabyte_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FED_BYTES", 1 << 20)
    assert status_of(head_of(250_000)) == 204
