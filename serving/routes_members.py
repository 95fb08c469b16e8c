"""What an operator does for a member who asks to be forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from serving.callers.audit import Act, record_act
from serving.callers.declare import may_call, who_calls
from serving.callers.roles import Role
from serving.described import errors, json_reply, path_id
from serving.gate import read_path_id, read_query
from serving.replies import ErasureBody
from serving.service import Service
from serving.store.erasure import erase_member
from serving.store_calls import told_as_503

MEMBERS = "/v1/members/"
SNAPSHOT_WITHIN = timedelta(days=7)


def members_router(service: Service, clock: Callable[[], datetime]) -> APIRouter:
    """The route, bound to one service and a clock."""
    router = APIRouter(tags=["members"])

    @router.delete(
        MEMBERS + "{member_id:path}",
        summary="Erase a member",
        response_model=ErasureBody,
        responses=errors("invalid", "internal", "store_unavailable"),
        openapi_extra={"parameters": [path_id("member_id", "a member; an unknown one is no error")]},
    )
    @may_call(Role.OPERATOR)
    async def erase(request: Request) -> Response:
        """Gone from the store and every later export when it answers; what still comes in is refused."""
        member_id = read_path_id(request, "member_id", MEMBERS, "")
        read_query(request, ())
        now = clock()
        with told_as_503():
            store = service.store.store
            act = _act(request, store.hash_of(member_id))
            done = await asyncio.to_thread(
                erase_member, store, member_id, now, lambda connection: record_act(connection, act, now)
            )
        return json_reply(
            {
                "n_rows": done.n_rows,
                "erased_time": now,
                "store_files_clean": done.is_scrubbed,
                "exports_without_from": now,
                "snapshots_without_by": now + SNAPSHOT_WITHIN,
            }
        )

    return router


def _act(request: Request, id_hash: str) -> Act:
    """What the record says of it: who did it, and whom by her salted hash alone."""
    return Act(who_calls(request), "erase_member", id_hash, {})
