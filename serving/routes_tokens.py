"""The storefront's call for an owner's token: what her browser shows instead of a key."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from serving.callers.declare import may_call
from serving.callers.doors import Doors
from serving.callers.owner_session import TOKEN_QUERY
from serving.callers.owner_tokens import MAX_LIFE, make_owner_token
from serving.callers.roles import Role
from serving.described import errors, in_query, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import read_path_id, read_query, whole
from serving.replies import TokenBody
from serving.shop.shop import address_of

OWNERS = "/v1/owners/"
END = "/token"
MAX_MINUTES = int(MAX_LIFE.total_seconds()) // 60
MINUTES = whole("minutes", 1, MAX_MINUTES, "how long it opens her calls", default=MAX_MINUTES)


def tokens_router() -> APIRouter:
    """The route; what it signs with belongs to the doors of the app."""
    router = APIRouter(tags=["callers"])

    @router.post(
        OWNERS + "{owner_id:path}" + END,
        summary="A token that opens one owner's calls for at most 12 hours",
        response_model=TokenBody,
        responses=errors("invalid", "internal", "not_ready"),
        openapi_extra={"parameters": [path_id("owner_id", "an owner"), *in_query((MINUTES,))]},
    )
    @may_call(Role.STOREFRONT, Role.OPERATOR)
    async def token(request: Request) -> Response:
        """Hand it to her browser only, and only after you know that it is she."""
        owner_id = read_path_id(request, "owner_id", OWNERS, END)
        minutes = read_query(request, (MINUTES,)).get("minutes", MAX_MINUTES)
        doors: Doors = request.app.state.doors
        if doors.tokens is None:
            raise ServiceError("not_ready", "no token secret is configured; docs/callers.md says how")
        now, life = doors.clock(), timedelta(minutes=minutes)
        signed = make_owner_token(doors.tokens, owner_id, life, now)
        page = f"{address_of(owner_id)}?{TOKEN_QUERY}={signed}"
        expires = (now + life).replace(microsecond=0)
        return json_reply({"token": signed, "expires_time": expires, "page": page})

    return router
