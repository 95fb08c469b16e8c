"""Calls an ASGI app in this process as the HTTP server would, byte for byte, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI

JSON = ("content-type", "application/json")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Caller:
    """Sends one request at a time to an app."""

    app: FastAPI

    def get(self, target: str, method: str = "GET") -> Answer:
        """A request without a body."""
        return self.send(method, target)

    def post(self, target: str, value: object) -> Answer:
        """A request with a JSON body."""
        return self.send("POST", target, [json.dumps(value).encode()], [JSON])

    def send(
        self,
        method: str,
        target: str,
        chunks: Sequence[bytes] = (b"",),
        headers: Sequence[tuple[str, str]] = (),
        *,
        stalls: bool = False,
    ) -> Answer:
        """Any request; with `stalls` the body never ends."""
        return asyncio.run(self._send(method, target, chunks, headers, stalls))

    async def _send(
        self,
        method: str,
        target: str,
        chunks: Sequence[bytes],
        headers: Sequence[tuple[str, str]],
        stalls: bool,
    ) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "root_path": "",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        coming = list(chunks)
        out: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not coming:
                await asyncio.Event().wait()
            chunk = coming.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": stalls or bool(coming)}

        async def send(message: Any) -> None:
            out.append(message)

        await self.app(scope, receive, send)
        start = out[0]
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, b"".join(part.get("body", b"") for part in out[1:]))
