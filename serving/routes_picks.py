"""The storefront's two calls: picks for an owner, and her own list ranked.

The endpoints are async and answer inline: a thread pool would cost more than the few milliseconds of work
(measured: p99 26 to 40 ms with sync endpoints).
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from features.contract import CHANNELS
from recsys.domain import MAX_PICKS_PER_REPLY, Query
from serving.callers.declare import may_call
from serving.callers.roles import Role
from serving.described import NO_STORE, errors, in_query, json_body, path_id
from serving.gate import check_fields, choice, ids, read_json, read_path_id, read_query, text, whole
from serving.live.live import Live
from serving.replies import RecommendBody, reply_rest, with_request_id
from serving.reply_cache import KeptReply
from serving.service import Service
from serving.snapshots import Served

MAX_RANKED = 1000
MAX_PRICE_MINOR = 10**12
OWNERS = "/v1/owners/"
OWNER_ID = path_id("owner_id", "an owner; an unknown one is no error")

TARGET = choice("target", ("circle", "self"), "what her circle will buy, or what she would buy", "circle")
SCENE = text("scene", 128, "where she shares, as a tree: `festival > mid_autumn`")
CHANNEL = choice("channel", CHANNELS, "how she shares")
RECOMMEND_FIELDS = (
    whole("n", 1, MAX_PICKS_PER_REPLY, "how many picks", default=20),
    SCENE,
    CHANNEL,
    TARGET,
    text("category", 256, "only this category and those below it: `Home > Kitchen`"),
    whole("max_price_minor", 0, MAX_PRICE_MINOR, "only products at most this dear, in minor units"),
)
RANK_FIELDS = (
    ids("product_ids", MAX_RANKED, "her own list"),
    whole("n", 1, MAX_PICKS_PER_REPLY, "how many of the list come back; all of it, up to 100, by default"),
    SCENE,
    CHANNEL,
    TARGET,
)


def picks_router(service: Service) -> APIRouter:
    """The routes that give picks, bound to one service."""
    router = APIRouter(tags=["picks"])

    @router.get(
        OWNERS + "{owner_id:path}/recommend",
        summary="What is worth sharing today",
        response_model=RecommendBody,
        responses=errors("invalid", "internal", "not_ready"),
        openapi_extra={"parameters": [OWNER_ID, *in_query(RECOMMEND_FIELDS)]},
    )
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def recommend(request: Request) -> Response:
        """Picks for one owner, with the reasons she can repeat."""
        owner_id = read_path_id(request, "owner_id", OWNERS, "/recommend")
        return _answer(service, request, Query(owner_id, **read_query(request, RECOMMEND_FIELDS)))

    @router.post(
        OWNERS + "{owner_id:path}/rank",
        summary="Her own list, best first",
        response_model=RecommendBody,
        responses=errors(
            "invalid", "request_timeout", "too_large", "unsupported_media_type", "internal", "not_ready"
        ),
        openapi_extra={"parameters": [OWNER_ID], "requestBody": json_body(RANK_FIELDS, ("product_ids",))},
    )
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def rank(request: Request) -> Response:
        """The named products ranked for one owner, in the shape of `recommend`."""
        owner_id = read_path_id(request, "owner_id", OWNERS, "/rank")
        read_query(request, ())
        body = check_fields(
            await read_json(request, service.settings.body_within_s), RANK_FIELDS, ("product_ids",)
        )
        product_ids = tuple(body.pop("product_ids"))
        n = body.pop("n", min(len(product_ids), MAX_PICKS_PER_REPLY))
        return _answer(service, request, Query(owner_id, n=n, product_ids=product_ids, **body))

    return router


def _answer(service: Service, request: Request, query: Query) -> Response:
    started = time.perf_counter()
    served = service.served_to(request)
    request_id = secrets.token_hex(16)
    kept = service.replies.get(served.snapshot_id, query)
    if kept is not None:
        kept = service.live.still_holding(kept, served, query.owner_id)
    from_cache = kept is not None
    if kept is None:
        seed = int(request_id, 16)  # so that the draw of a reply can be told from its id
        kept = _kept(service.live, served, query, seed)
        if not served.draws and query.product_ids is None:  # her own list may be long and is rarely the same
            service.replies.keep(served.snapshot_id, query, kept)
    body = with_request_id(request_id, kept.rest, degraded=service.is_degraded)
    service.metrics.reply_given(kept, time.perf_counter() - started, from_cache=from_cache)
    return Response(body, headers=NO_STORE, media_type="application/json")


def _kept(live: Live, served: Served, query: Query, seed: int) -> KeptReply:
    reply = live.answer(served, replace(query, seed=seed))
    rest = reply_rest(reply, served.snapshot_id, query.as_of or served.as_of)
    picks_by_source = Counter(pick.source for pick in reply.picks)
    kept = KeptReply(rest, picks_by_source, reply.fallback, len(reply.picks) < query.n)
    return live.stamped(kept, served, query.owner_id)
