"""What an owner says of a pick: her next list keeps to it, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from features.row_check import micros
from recsys.live import WORDS
from recsys.model import NO_PRICE
from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.described import errors, json_body, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import check_fields, choice, one_id, read_json, read_path_id, read_query
from serving.live.laid_over import SAID_DAYS
from serving.replies import FeedbackBody
from serving.service import Service
from serving.store.rows import FEEDBACK, own_row
from serving.store_calls import keep

OWNERS = "/v1/owners/"
END = "/feedback"
REQUIRED = ("product_id", "word")
FIELDS = (
    one_id("product_id", "of which product"),
    choice("word", WORDS, "what she says of it"),
    one_id("request_id", "the reply that the pick came from"),
)


def feedback_router(service: Service, clock: Callable[[], datetime], make_id: Callable[[], str]) -> APIRouter:
    """The route, bound to one service, a clock and what makes ids."""
    router = APIRouter(tags=["picks"])

    @router.post(
        OWNERS + "{owner_id:path}" + END,
        summary="What she says of a pick",
        status_code=201,
        response_model=FeedbackBody,
        responses=errors(
            "request_timeout", "too_large", "unsupported_media_type", "invalid", "internal", "not_ready",
            "store_unavailable",
        ),
        openapi_extra={
            "parameters": [path_id("owner_id", "an owner")], "requestBody": json_body(FIELDS, REQUIRED),
        },
    )  # fmt: skip
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def feedback(request: Request) -> Response:
        """Kept for good when it answers 201; her next list goes by it."""
        owner_id = read_path_id(request, "owner_id", OWNERS, END)
        read_query(request, ())
        body = check_fields(await read_json(request, service.settings.body_within_s), FIELDS, REQUIRED)
        now, feedback_id = clock(), make_id()
        await keep_word(service, request, owner_id, body, feedback_id, now)
        until = now + timedelta(days=SAID_DAYS)
        told = {"feedback_id": feedback_id, "feedback_time": now, "holds_until": until}
        return json_reply(told, 201)

    return router


async def keep_word(
    service: Service,
    request: Request,
    owner_id: str,
    said: Mapping[str, Any],
    feedback_id: str,
    now: datetime,
) -> None:
    """Keep what she said of a product, with its price now; ServiceError where it cannot be kept."""
    row = {
        **said, "feedback_id": feedback_id, "owner_id": owner_id, "feedback_time": micros(now),
        "price_minor": _price_now(service, request, said["product_id"]),
    }  # fmt: skip
    await keep(service, [own_row(FEEDBACK, feedback_id, row, micros(now), owner_id=owner_id)])
    service.live.note(FEEDBACK, row)


def _price_now(service: Service, request: Request, product_id: str) -> int:
    """What the product costs as her list shows it, in minor units; -1: not known."""
    served = service.served_to(request)
    laid = service.live.laid_over(served)
    if laid is None:
        raise ServiceError("store_unavailable", "this service has no store to keep it in")
    row = laid.plain.products.ids.row(product_id)
    return NO_PRICE if row < 0 else int(laid.model.products.price_minor[row])
