"""The supplier's calls: why her products are not picked, what to mend, what circles look for in vain."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.described import errors, in_query, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import read_path_id, read_query, whole
from serving.service import Service
from serving.supplier_replies import DemandBody, SupplierInsightsBody

SUPPLIERS = "/v1/suppliers/"
END = "/insights"
N = whole("n", 1, 1000, "how many at most", default=100)


def suppliers_router(service: Service) -> APIRouter:
    """The routes, bound to one service."""
    router = APIRouter(tags=["suppliers"])

    @router.get(
        SUPPLIERS + "{supplier_id:path}" + END,
        summary="Why orders came back, fair prices, what closes each product, and what to mend first",
        response_model=SupplierInsightsBody,
        responses=errors("invalid", "not_found", "internal", "not_ready"),
        openapi_extra={"parameters": [path_id("supplier_id", "a supplier"), *in_query((N,))]},
    )
    @may_call(Role.SUPPLIER, mine="supplier_id")
    async def insights(request: Request) -> Response:
        """At most n products and mends; 404 when the snapshot does not know the supplier."""
        supplier_id = read_path_id(request, "supplier_id", SUPPLIERS, END)
        n = read_query(request, (N,)).get("n", N.schema["default"])
        served = service.served_to(request)
        found = served.supplier_insights(supplier_id, n)
        if found is None:
            raise ServiceError("not_found", "the snapshot does not know this supplier")
        return json_reply({"snapshot_id": served.snapshot_id, "as_of": served.as_of, **found})

    @router.get(
        "/v1/demand",
        summary="What members of circles buy where no open product of good value is",
        response_model=DemandBody,
        responses=errors("invalid", "internal", "not_ready"),
        openapi_extra={"parameters": in_query((N,))},
    )
    @may_call(Role.SCIENTIST)
    async def demand(request: Request) -> Response:
        """At most n, the most members first; of 10 members and more, rounded down to 10."""
        n = read_query(request, (N,)).get("n", N.schema["default"])
        served = service.served_to(request)
        body = {"snapshot_id": served.snapshot_id, "as_of": served.as_of, "unmet": served.demand(n)}
        return json_reply(body)

    return router
