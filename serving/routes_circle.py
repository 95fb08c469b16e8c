"""What a storefront may ask of a circle, and which products are like one or go with it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from recsys.similar import KINDS, similar
from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.circle_replies import CircleBody, SimilarBody
from serving.described import errors, in_query, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import choice, read_path_id, read_query, whole
from serving.service import Service
from serving.shop.circle_view import circle_view

OWNERS, CIRCLE = "/v1/owners/", "/circle"
PRODUCTS, SIMILAR = "/v1/products/", "/similar"
KIND = choice("kind", KINDS, "what could stand in for it, or what goes with it", "substitute")
N = whole("n", 1, 100, "how many at most", default=20)


def circle_router(service: Service) -> APIRouter:
    """The routes, bound to one service."""
    router = APIRouter()

    @router.get(
        OWNERS + "{owner_id:path}" + CIRCLE,
        tags=["picks"],
        summary="What her circle likes, and how tired it is of shares",
        response_model=CircleBody,
        responses=errors("invalid", "internal", "not_ready"),
        openapi_extra={"parameters": [path_id("owner_id", "an owner; an unknown one is no error")]},
    )
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def circle(request: Request) -> Response:
        """Of 10 people or more and rounded down to 10; never one member's purchase."""
        owner_id = read_path_id(request, "owner_id", OWNERS, CIRCLE)
        read_query(request, ())
        served = service.served_to(request)
        seen = None if served.model is None else circle_view(served.model, owner_id)
        band = None if seen is None or seen.price_band is None else seen.price_band
        body = {
            "owner_id": owner_id, "snapshot_id": served.snapshot_id, "as_of": served.as_of,
            "n_members": None if seen is None else seen.n_members,
            "interests": [
                {"category": category, "n_members": n} for category, n in (seen.interests if seen else ())
            ],
            "price_band": None if band is None else dict(
                zip(("low_minor", "high_minor", "currency"), band, strict=True)
            ),
            "fatigue": service.live.fatigue_of(served, owner_id),
        }  # fmt: skip
        return json_reply(body)

    @router.get(
        PRODUCTS + "{product_id:path}" + SIMILAR,
        tags=["products"],
        summary="What could stand in for a product, or goes with it",
        response_model=SimilarBody,
        responses=errors("invalid", "not_found", "internal", "not_ready"),
        openapi_extra={"parameters": [path_id("product_id", "a product"), *in_query((KIND, N))]},
    )
    @may_call(Role.STOREFRONT, Role.SCIENTIST)
    async def alike(request: Request) -> Response:
        """Only what can be bought; 404 when the snapshot does not know the product."""
        product_id = read_path_id(request, "product_id", PRODUCTS, SIMILAR)
        asked = read_query(request, (KIND, N))
        served = service.served_to(request)
        model = service.live.model_of(served)
        kind = asked.get("kind", "substitute")
        found = None if model is None else similar(model, product_id, kind, asked.get("n", 20))
        if found is None:
            raise ServiceError("not_found", "the snapshot does not know this product")
        body = {"product_id": product_id, "kind": kind, "snapshot_id": served.snapshot_id, "products": found}
        return json_reply(body)

    return router
