"""A share gets a link; the link counts the click and leads on; and an owner sees what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from features.contract import CHANNELS
from features.row_check import RowError, check_row, micros
from serving.callers.declare import anybody_may_call, may_call, require_mine
from serving.callers.roles import Role
from serving.described import NO_STORE, errors, in_query, json_body, json_reply, path_id
from serving.errors import ServiceError
from serving.gate import check_fields, choice, one_id, read_json, read_path_id, read_query, text, whole
from serving.replies import ResultsBody, ShareBody
from serving.service import Service
from serving.share_results import Credit, OwnersRows, owners_rows, results_of
from serving.shop.share_copy import poster_address, texts_of
from serving.shop.shop import words_of
from serving.shop.words import LANGUAGES
from serving.store.rows import EXPECTED, own_row, store_row
from serving.store.store import Store
from serving.store_calls import from_store, keep

OWNERS = "/v1/owners/"
END = "/results"
LINKS = "/s/"
CLICK_WITHIN_S = 0.25  # a friend is not kept waiting for the disk longer than this
MAX_ROWS = 100_000  # of one owner that are looked at, the oldest first
SHARES_SHOWN = whole("n", 1, 100, "how many of her shares are told one by one, the newest first", default=20)
REQUIRED = ("owner_id", "product_id")
FIELDS = (
    one_id("owner_id", "who shares"),
    one_id("product_id", "what"),
    choice("channel", CHANNELS, "how"),
    text("scene", 128, "on what occasion, as a tree: `festival > mid_autumn`"),
    one_id("recipient_id", "the member it is sent to, when it is one"),
    one_id("parent_share_id", "the share that is passed on"),
    one_id("request_id", "the reply that the pick came from"),
)
LANGUAGE = choice(
    "language", tuple(LANGUAGES), "of the texts and the poster; by default as Accept-Language asks"
)


def new_link() -> str:
    """An id that nobody guesses: 24 letters and digits."""
    return secrets.token_hex(12)


def shares_router(
    service: Service, clock: Callable[[], datetime], make_id: Callable[[], str] = new_link
) -> APIRouter:
    """The routes, bound to one service, a clock and what makes ids."""
    router = APIRouter(tags=["shares"])

    @router.post(
        "/v1/shares",
        summary="Keeps a share; gives its link, words to use and a poster",
        status_code=201,
        response_model=ShareBody,
        responses=errors(
            "request_timeout",
            "too_large",
            "unsupported_media_type",
            "invalid",
            "internal",
            "store_unavailable",
        ),
        openapi_extra={"requestBody": json_body((*FIELDS, LANGUAGE), REQUIRED)},
    )
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id", mine_in_body=True)
    async def share(request: Request) -> Response:
        """Kept for good when it answers 201; orders that carry the share_id are credited to it."""
        read_query(request, ())
        sent = await read_json(request, service.settings.body_within_s)
        body = check_fields(sent, (*FIELDS, LANGUAGE), REQUIRED)
        words = words_of(service, request, body.pop("language", None))
        require_mine(request, body["owner_id"])
        share_id, now = make_id(), clock()
        kept = await keep_share(service, body, share_id, now)
        served = service.keeper.served
        texts = [] if served is None else texts_of(service, served, kept, words)
        told = {
            "share_id": share_id, "share_time": now, "link": LINKS + share_id, "texts": texts,
            "poster": poster_address(kept, words.language) if texts else None,
        }  # fmt: skip
        return json_reply(told, 201)

    @router.get(
        LINKS + "{share_link_id}",
        summary="Counts the click and leads to the storefront",
        status_code=302,
        responses=errors("invalid", "not_found", "internal", "store_unavailable"),
        openapi_extra={"parameters": [path_id("share_link_id", "the end of a share's link")]},
    )
    @anybody_may_call
    async def follow(request: Request) -> Response:
        """Whoever has the link may follow it; it leads to the configured storefront and nowhere else."""
        share_id = read_path_id(request, "share_link_id", LINKS, "")
        storefront = service.settings.storefront
        if storefront is None:
            raise ServiceError(
                "not_found", "no storefront is configured, so links lead nowhere: docs/store.md"
            )
        found = await from_store(service, lambda store: store.row_of("shares", share_id))
        if found is None:
            raise ServiceError("not_found", "there is no such link")
        shared = orjson.loads(found)
        await _count_click(service, shared, make_id(), clock())
        target = storefront.replace("{product_id}", quote(shared["product_id"], safe="")).replace(
            "{share_id}", quote(share_id, safe="")
        )
        return Response(
            status_code=302, headers={**NO_STORE, "location": target, "referrer-policy": "no-referrer"}
        )

    @router.get(
        OWNERS + "{owner_id:path}" + END,
        summary="What came of her shares",
        response_model=ResultsBody,
        responses=errors("invalid", "internal", "store_unavailable"),
        openapi_extra={"parameters": [path_id("owner_id", "an owner"), *in_query((SHARES_SHOWN,))]},
    )
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def results(request: Request) -> Response:
        """Clicks, orders credited to each share and what was kept; her own purchases are nobody's success."""
        owner_id = read_path_id(request, "owner_id", OWNERS, END)
        n = read_query(request, (SHARES_SHOWN,)).get("n", SHARES_SHOWN.schema["default"])
        credit = service.settings.credit
        rows = await from_store(service, lambda store: read_owners_rows(store, owner_id, credit))
        return json_reply(results_of(owner_id, rows, n))

    return router


async def _count_click(service: Service, shared: dict[str, Any], event_id: str, now: datetime) -> None:
    """Keep a click; the friend goes on whether it could be kept or not."""
    row = {
        "event_id": event_id, "event_time": now.isoformat(), "event_type": "click",
        "share_id": shared["share_id"], "owner_id": shared["owner_id"], "product_id": shared["product_id"],
    }  # fmt: skip
    checked = check_row("share_events", row)
    assert not isinstance(checked, RowError)
    with contextlib.suppress(ServiceError, TimeoutError):
        kept = keep(service, [store_row("share_events", checked, micros(now))])
        await asyncio.wait_for(asyncio.shield(kept), CLICK_WITHIN_S)


async def keep_share(
    service: Service, body: Mapping[str, Any], share_id: str, now: datetime
) -> Mapping[str, Any]:
    """The row of a share, kept with what it is expected to bring; ServiceError where it cannot be kept."""
    row = {**body, "share_id": share_id, "share_link_id": share_id, "share_time": now.isoformat()}
    checked = check_row("shares", row)
    if isinstance(checked, RowError):
        raise ServiceError("invalid", str(checked))
    rows = [store_row("shares", checked, micros(now))]
    if (expected := _expected_of(service, body)) is not None:
        told = {"share_id": share_id, "owner_id": body["owner_id"], "kept": expected}
        rows.append(own_row(EXPECTED, share_id, told, micros(now), owner_id=body["owner_id"]))
    await keep(service, rows)
    service.live.note("shares", checked)
    return checked


def _expected_of(service: Service, body: Mapping[str, Any]) -> dict[str, float] | None:
    """Kept orders that a share should bring, as a list would say it now; None where it says nothing."""
    served = service.keeper.served
    if served is None:
        return None
    pick = service.live.pick_of(
        served, body["owner_id"], body["product_id"], body.get("scene"), body.get("channel")
    )
    if pick is None or pick.expected is None:
        return None
    kept = pick.expected.kept
    return {"low": kept.low, "mid": round(kept.mid, 4), "high": kept.high}


def read_owners_rows(store: Store, owner_id: str, credit: Credit) -> OwnersRows:
    """What the store holds of one owner's shares and what came of them; on a thread."""
    rows: list[tuple[str, dict[str, Any]]] = []
    seq = 0
    while len(rows) < MAX_ROWS and (page := store.rows_of_owner(owner_id, seq, 10_000)):
        rows += [(row.table_name, orjson.loads(row.content)) for row in page]
        seq = page[-1].seq
    order_ids = sorted({row["order_id"] for table, row in rows if table == "orders"})
    returned = [orjson.loads(content) for content in store.rows_about_orders("returns", order_ids)]
    return owners_rows(owner_id, rows, returned, credit)
