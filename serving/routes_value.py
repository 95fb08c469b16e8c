"""The storefront's call for one product: why it is good value, or is not."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.described import errors, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import read_path_id, read_query
from serving.replies import ProductValueBody
from serving.service import Service

PRODUCTS = "/v1/products/"
END = "/good-value"


def value_router(service: Service) -> APIRouter:
    """The route, bound to one service."""
    router = APIRouter(tags=["products"])

    @router.get(
        PRODUCTS + "{product_id:path}" + END,
        summary="Why a product is good value, with the comparables and the arithmetic",
        response_model=ProductValueBody,
        responses=errors("invalid", "not_found", "internal", "not_ready"),
        openapi_extra={"parameters": [path_id("product_id", "a product")]},
    )
    @may_call(Role.STOREFRONT, Role.SCIENTIST)
    async def good_value(request: Request) -> Response:
        """Everything to work the score out by hand; 404 when nobody knows the product."""
        product_id = read_path_id(request, "product_id", PRODUCTS, END)
        read_query(request, ())
        served = service.served_to(request)
        found = service.live.explain(served, product_id)
        if found is None:
            raise ServiceError("not_found", "nobody knows this product: neither the snapshot nor an event")
        return json_reply({"snapshot_id": served.snapshot_id, "as_of": served.as_of, **found})

    return router
