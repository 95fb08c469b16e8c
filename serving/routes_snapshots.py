"""The data scientist's calls: which snapshots there are, promote one, go back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from recsys.errors import SnapshotError
from recsys.registry import Known, Move, RegistryConflict, journal, known_snapshots, move, named, rollback
from serving.callers.declare import may_call, who_calls
from serving.callers.roles import Role
from serving.described import errors, json_body, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import check_fields, one_id, read_json, read_path_id, read_query, text
from serving.registry_replies import MoveBody, SnapshotsBody
from serving.service import Service
from serving.snapshots import open_served

SNAPSHOTS = "/v1/snapshots"
PROMOTE = "/promote"
Found = TypeVar("Found")
N_MOVES = 50
FIELDS = (
    text("why", 500, "for the journal"),
    one_id("if_serving", "only when the snapshot of this name serves now; else 409"),
)
REFUSALS = (
    "request_timeout", "too_large", "unsupported_media_type", "invalid", "not_found", "conflict", "internal",
)  # fmt: skip


def snapshots_router(service: Service, clock: Callable[[], datetime]) -> APIRouter:
    """The routes over the registry that this service watches."""
    router = APIRouter(tags=["snapshots"])
    folder = service.settings.snapshots

    @router.get(
        SNAPSHOTS, summary="Every snapshot of the registry, and the newest moves",
        response_model=SnapshotsBody, responses=errors("invalid", "not_found", "internal"),
    )  # fmt: skip
    @may_call(Role.SCIENTIST, Role.OPERATOR)
    async def snapshots(request: Request) -> Response:
        """What there is, what serves, and who made it so."""
        read_query(request, ())
        found = await asyncio.to_thread(told_as_404, lambda: (known_snapshots(folder), journal(folder)))
        known, moves = found
        body = {
            "snapshots": [_known_body(one) for one in known],
            "moves": [asdict(made) for made in moves[-N_MOVES:]],
        }
        return json_reply(body)

    @router.post(
        SNAPSHOTS + "/rollback", summary="Go back to the snapshot that served before",
        response_model=MoveBody, responses=errors(*REFUSALS),
        openapi_extra={"requestBody": json_body(FIELDS[:1], ("why",))},
    )  # fmt: skip
    @may_call(Role.SCIENTIST, Role.OPERATOR)
    async def back(request: Request) -> Response:
        """Within a second here, on replicas when they look next."""
        body = await _body(service, request, FIELDS[:1])
        who, now = who_calls(request), clock()
        made = await asyncio.to_thread(
            told_move, lambda: rollback(folder, who=who, why=body["why"], now=now, verify=open_served)
        )
        return json_reply(asdict(made))

    @router.post(
        SNAPSHOTS + "/{snapshot_id:path}" + PROMOTE, summary="Make a snapshot the serving one",
        response_model=MoveBody, responses=errors(*REFUSALS),
        openapi_extra={
            "parameters": [path_id("snapshot_id", "its id, or its name in the registry")],
            "requestBody": json_body(FIELDS, ("why",)),
        },
    )  # fmt: skip
    @may_call(Role.SCIENTIST, Role.OPERATOR)
    async def promote(request: Request) -> Response:
        """Opened, verified and asked a few questions first; two at once: one wins, the other gets 409."""
        name = read_path_id(request, "snapshot_id", SNAPSHOTS + "/", PROMOTE)
        body = await _body(service, request, FIELDS)
        who, now = who_calls(request), clock()

        def moved() -> Move:
            return move(
                folder, named(folder, name).name, who=who, why=body["why"], now=now, verify=open_served,
                expected=body.get("if_serving"),
            )  # fmt: skip

        return json_reply(asdict(await asyncio.to_thread(told_move, moved)))

    return router


async def _body(service: Service, request: Request, fields: tuple[object, ...]) -> dict[str, str]:
    read_query(request, ())
    found = await read_json(request, service.settings.body_within_s)
    return check_fields(found, fields, ("why",))  # type: ignore[arg-type]


def told_move(act: Callable[[], Move]) -> Move:
    """A move, its refusals as errors of the service; no path of this machine is told."""
    try:
        return act()
    except RegistryConflict:
        raise ServiceError("conflict", "another snapshot was promoted meanwhile; look again") from None
    except SnapshotError:
        raise ServiceError(
            "not_found", "there is no such snapshot fit to serve; `sharepicks snapshots list` says why"
        ) from None


def told_as_404(read: Callable[[], Found]) -> Found:
    """What is read of a registry; ServiceError not_found where it, or a snapshot of it, cannot be read."""
    try:
        return read()
    except SnapshotError:
        raise ServiceError("not_found", "this service serves one snapshot and no registry") from None


def _known_body(known: Known) -> dict[str, object]:
    told = asdict(known)
    return {**told, "trouble": None if known.trouble is None else "it cannot be read"}
