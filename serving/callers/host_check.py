"""While nobody needs a key, only requests that name this machine are answered.

A browser lets any site ask an address by a name of that site's own, and such a name may lead to this machine
(DNS rebinding): its pages could then read and send whatever needs no key. The name stands in the Host header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.callers.doors import Doors
from serving.errors import error_response

THIS_MACHINE = frozenset((b"localhost", b"127.0.0.1", b"[::1]"))
ANY_HOST = "*"
_PORT = re.compile(rb":[0-9]{1,5}\Z")


class HostCheck:
    """ASGI layer around the routes: 421 for a Host that is not ours, while the doors are open.

    `hosts`: names beside those of this machine, without a port; `*` stands for any.
    """

    def __init__(self, app: ASGIApp, doors: Doors, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._doors = doors
        self._any = ANY_HOST in hosts
        self._ours = THIS_MACHINE | {host.lower().encode() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and self._is_foreign(scope):
            await error_response("misdirected")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether a Host came that is not ours; what sends none (HTTP/1.0) is no browser."""
        if self._any or not self._doors.are_open:
            return False
        named = (value for name, value in scope["headers"] if name == b"host")
        return any(_PORT.sub(b"", host.lower()) not in self._ours for host in named)
