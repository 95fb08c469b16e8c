"""The outermost layer: one log line and one latency sample for each request, and a body for what failed."""

from __future__ import annotations

import logging
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import error_response
from serving.logs import describe_exception
from serving.metrics import Metrics
from serving.service import SNAPSHOT_ID

CLIENT_LEFT = 499  # the client closed before its reply; never sent, only counted
log = logging.getLogger("sharepicks.requests")


class RequestLog:
    """ASGI layer around the routes; logs the route's template, never the path that came."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: dict[str, object] = {}
        try:
            await self._app(scope, receive, note_status)
        except ClientDisconnect:
            status = CLIENT_LEFT
        except Exception as error:  # the edge: whatever a route raised must still be answered
            failure = describe_exception(error)
            if status:
                raise  # half a reply is out; the server must cut the connection
            await error_response("internal")(scope, receive, note_status)
        finally:
            self._note(scope, status, time.perf_counter() - started, failure)

    def _note(self, scope: Scope, status: int, seconds: float, failure: dict[str, object]) -> None:
        route = getattr(scope.get("route"), "path_format", "unmatched")
        self._metrics.request_done(route, status, seconds)
        fields = {
            "method": scope["method"] if scope["method"] in _METHODS else "other",
            "route": route,
            "status": status,
            "latency_ms": round(seconds * 1000, 3),
            "snapshot_id": scope.get(SNAPSHOT_ID),
            **failure,
        }
        log.log(logging.ERROR if failure else logging.INFO, "request", extra={"fields": fields})


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
