"""What the storefront reports: rows of the contract and Segment events, kept before they are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from features.contract import TABLE_BY_NAME
from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.described import errors, json_body, json_reply
from serving.errors import STATUS_OF, ServiceError
from serving.gate import Field, check_fields, read_json, read_query
from serving.replies import EventsBody, RefusedEventsBody
from serving.service import Service
from serving.store.events import EventError, EventReader
from serving.store.rows import key_text
from serving.store.seam import Outcome, StoreRow
from serving.store_calls import keep

MAX_EVENTS = 1000
MAX_ROWS = 10_000  # that the events of one request make: half of what may wait for the disk
READ_AT_ONCE = 50  # rows; then other requests have their turn
EVENTS = Field(
    "events",
    f"a list of 1 to {MAX_EVENTS} events",
    lambda value: isinstance(value, list) and 0 < len(value) <= MAX_EVENTS,
    lambda text: None,
    {
        "type": "array", "minItems": 1, "maxItems": MAX_EVENTS,
        "items": {
            "type": "object",
            "properties": {"table": {"type": "string", "enum": list(TABLE_BY_NAME)}},
            "description": "a row of a table with its columns, or an e-commerce event of Segment as it is",
        },
    },
    "what happened",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch as it was read: all rows in one list, and for each event its errors or where its rows lie."""

    rows: list[StoreRow]
    found: list[EventError | range]


def events_router(service: Service, clock: Callable[[], datetime]) -> APIRouter:
    """The route, bound to one service and a clock."""
    router = APIRouter(tags=["events"])

    @router.post(
        "/v1/events",
        summary="What happened: rows of any table, or Segment events",
        status_code=202,
        response_model=EventsBody,
        responses={
            **errors(
                "request_timeout", "too_large", "unsupported_media_type", "internal", "store_unavailable"
            ),
            409: {"model": RefusedEventsBody, "description": "every event has an id that is there already"},
            422: {"model": RefusedEventsBody, "description": "no event keeps the rules"},
        },
        openapi_extra={"requestBody": json_body((EVENTS,), ("events",))},
    )
    @may_call(Role.STOREFRONT)
    async def events(request: Request) -> Response:
        """Kept for good when it answers 202; sent again, an event counts once. Bad ones lose no others."""
        read_query(request, ())
        body = check_fields(await read_json(request, service.settings.body_within_s), (EVENTS,), ("events",))
        read = await _read(body["events"], clock())
        outcomes = await keep(service, read.rows)
        return _reply(read, outcomes)

    return router


async def _read(events: Sequence[object], now: datetime) -> _Read:
    reader = EventReader(now)
    read = _Read([], [])
    n_since = 0
    for event in events:
        rows = reader.read(event)
        if isinstance(rows, EventError):
            read.found.append(rows)
        else:
            read.found.append(range(len(read.rows), len(read.rows) + len(rows)))
            read.rows.extend(rows)
            n_since += len(rows)
        if len(read.rows) > MAX_ROWS:
            raise ServiceError("too_large", f"events must make at most {MAX_ROWS:,} rows; send fewer at once")
        n_since += 1
        if n_since >= READ_AT_ONCE:
            n_since = 0
            await asyncio.sleep(0)
    return read


def _reply(read: _Read, outcomes: Sequence[Outcome]) -> Response:
    refused: list[dict[str, Any]] = []
    n = {"accepted": 0, "duplicates": 0, "ignored": 0}
    for index, found in enumerate(read.found):
        error = found if isinstance(found, EventError) else _refusal(read.rows, outcomes, found)
        if error is not None:
            refused.append({"index": index, "error": error.code, "detail": error.detail})
        elif not found:
            n["ignored"] += 1
        elif any(outcomes[place] == "stored" for place in found):  # type: ignore[union-attr]
            n["accepted"] += 1
        else:
            n["duplicates"] += 1
    if len(refused) < len(read.found):
        return json_reply({**n, "errors": refused}, 202)
    conflict = all(error["error"] == "conflict" for error in refused)
    code = "conflict" if conflict else "invalid"
    detail = (
        "every event has an id that is there already with other content"
        if conflict
        else "no event of the batch could be kept; errors names each rule"
    )
    return json_reply({"error": code, "detail": detail, "errors": refused}, STATUS_OF[code])


def _refusal(
    rows: Sequence[StoreRow], outcomes: Sequence[Outcome], places: Sequence[int]
) -> EventError | None:
    for place in places:
        if outcomes[place] == "conflict":
            detail = f"{key_text(rows[place])} is there already with other content"
            return EventError("conflict", detail)
        if outcomes[place] == "erased":
            return EventError("erased", "names a member who was erased, or an order of hers")
    return None
