"""Whom of her circle to tell of a product."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from recsys.audience_told import Glad
from serving.callers.declare import may_call, template_of
from serving.callers.roles import Role
from serving.circle_replies import AudienceBody
from serving.described import errors, in_query, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import read_path_ids, read_query, whole
from serving.service import Service

AUDIENCE = "/v1/owners/{owner_id:path}/products/{product_id:path}/audience"
N = whole("n", 1, 100, "how many members at most", default=20)


def audience_router(service: Service) -> APIRouter:
    """The route, bound to one service."""
    router = APIRouter(tags=["picks"])

    @router.get(
        AUDIENCE,
        summary="Members of her circle who would be glad of a product",
        response_model=AudienceBody,
        responses=errors("invalid", "not_found", "internal", "not_ready"),
        openapi_extra={"parameters": [
            path_id("owner_id", "an owner; an unknown one is no error. A slash in it is sent as %2F"),
            path_id("product_id", "a product. A slash in it is sent as %2F"), *in_query((N,)),
        ]},
    )  # fmt: skip
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def audience(request: Request) -> Response:
        """Best first, by what happened before this moment; never what a member looked at or bought."""
        ids = read_path_ids(request, template_of(request))
        n = read_query(request, (N,)).get("n", N.schema["default"])
        served = service.served_to(request)
        found = await service.live.audience_of(served, ids["owner_id"], ids["product_id"], n)
        if found is None:
            raise ServiceError("not_found", "nobody knows this product: neither the snapshot nor an event")
        body = {
            **ids, "snapshot_id": served.snapshot_id, "as_of": served.as_of,
            "degraded": service.is_degraded, "shorter_because": _why_shorter(found, n),
            "members": [_member(position, glad) for position, glad in enumerate(found, start=1)],
        }  # fmt: skip
        return json_reply(body)

    return router


def _member(position: int, glad: Glad) -> dict[str, object]:
    reasons = [
        {"code": reason.code, "text": reason.text, "evidence": dict(reason.evidence)}
        for reason in glad.reasons
    ]
    return {"member_id": glad.member_id, "position": position, "score": glad.score, "reasons": reasons}


def _why_shorter(found: list[Glad], n: int) -> str | None:
    if len(found) >= n:
        return None
    return "small_circle" if found else "unknown_circle"
