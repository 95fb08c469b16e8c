"""The supplier's calls: why her products are not picked, what to mend, what circles look for in vain."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from fastapi import APIRouter, Request, Response

from serving.errors import STATUS_OF, ServiceError
from serving.gate import read_path_id, read_query, whole
from serving.replies import OPTIONS, ErrorBody
from serving.service import Service
from serving.supplier_replies import DemandBody, SupplierInsightsBody

SUPPLIERS = "/v1/suppliers/"
END = "/insights"
NO_STORE = {"cache-control": "no-store"}
N = whole("n", 1, 1000, "how many at most", default=100)
SUPPLIER_ID = {
    "name": "supplier_id", "in": "path", "required": True, "description": "a supplier",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}  # fmt: skip
N_PARAMETER = {
    "name": N.name,
    "in": "query",
    "required": False,
    "description": N.meaning,
    "schema": dict(N.schema),
}


def suppliers_router(service: Service) -> APIRouter:
    """The routes, bound to one service."""
    router = APIRouter(tags=["suppliers"])

    @router.get(
        SUPPLIERS + "{supplier_id:path}" + END,
        summary="Why orders came back, fair prices, what closes each product, and what to mend first",
        response_model=SupplierInsightsBody,
        responses=_errors("invalid", "not_found", "internal", "not_ready"),
        openapi_extra={"parameters": [SUPPLIER_ID, N_PARAMETER]},
    )
    async def insights(request: Request) -> Response:
        """At most n products and mends; 404 when the snapshot does not know the supplier."""
        supplier_id = read_path_id(request, "supplier_id", SUPPLIERS, END)
        n = read_query(request, (N,)).get("n", N.schema["default"])
        served = service.served_to(request)
        found = served.supplier_insights(supplier_id, n)
        if found is None:
            raise ServiceError("not_found", "the snapshot does not know this supplier")
        return _reply({"snapshot_id": served.snapshot_id, "as_of": served.as_of, **found})

    @router.get(
        "/v1/demand",
        summary="What members of circles buy where no open product of good value is",
        response_model=DemandBody,
        responses=_errors("invalid", "internal", "not_ready"),
        openapi_extra={"parameters": [N_PARAMETER]},
    )
    async def demand(request: Request) -> Response:
        """At most n, the most members first; of 10 members and more, rounded down to 10."""
        n = read_query(request, (N,)).get("n", N.schema["default"])
        served = service.served_to(request)
        body = {"snapshot_id": served.snapshot_id, "as_of": served.as_of, "unmet": served.demand(n)}
        return _reply(body)

    return router


def _errors(*codes: str) -> dict[int | str, dict[str, object]]:
    return {STATUS_OF[code]: {"model": ErrorBody, "description": code} for code in codes}


def _reply(body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body, option=OPTIONS), headers=NO_STORE, media_type="application/json")
