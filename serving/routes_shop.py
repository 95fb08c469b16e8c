"""The owner's pages: today's picks, why, results, her circle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from recsys.explain_value import explain_value_of
from serving.callers.declare import may_call
from serving.callers.owner_session import TOKEN_QUERY, keep_token, linked_token
from serving.callers.roles import Role
from serving.described import errors, json_reply
from serving.errors import STATUS_OF, ServiceError
from serving.gate import choice, one_id, read_path_id, read_query, text, whole
from serving.live.laid_over import SAID_DAYS
from serving.routes_shares import read_owners_rows
from serving.shop.cards import card_of
from serving.shop.circle_view import circle_told
from serving.shop.results_view import results_told
from serving.shop.shop import SHOP, Shop, address_of, html, see_other
from serving.shop.today import N_READY, N_SHOWN, alerts_for, choices_for, today_of
from serving.shop.why_view import why_of
from serving.shop.words import COOKIE, LANGUAGES, Words
from serving.store_calls import from_store

OWNER = SHOP + "{owner_id:path}"
PRODUCT = one_id("product_id", "a product")
START = whole("start", 0, N_READY, "how many picks were looked at before", default=0)
HEARD = whole("heard", 1, 1, "whether she has just said something")
TOKEN = text(TOKEN_QUERY, 2048, "opens her page; it leaves the address at once")
LANGUAGE = choice("to", tuple(LANGUAGES), "the language she chose")
PAGE_ERRORS = errors("unauthorized", "forbidden", "invalid", "internal", "not_ready")


def shop_router(shop: Shop) -> APIRouter:
    """The pages that she looks at, bound to one shop service."""
    router = APIRouter(tags=["shop"], include_in_schema=False)
    mine = may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id", by_session=True)

    @router.get(OWNER + "/language")
    @mine
    async def language(request: Request) -> Response:
        """Her choice of language, kept for a year."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/language")
        to = read_query(request, (LANGUAGE,)).get("to")
        reply = see_other(address_of(owner_id))
        if to is not None:
            reply.set_cookie(COOKIE, to, max_age=31_536_000, path=SHOP, samesite="lax", httponly=True)
        return reply

    @router.get(OWNER + "/manifest")
    @mine
    async def manifest(request: Request) -> Response:
        """What a phone needs to put her shop on its first screen."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/manifest")
        return _manifest(owner_id, shop.words_for(request))

    @router.get(OWNER + "/why")
    @mine
    async def why(request: Request) -> Response:
        """The comparables of one product and the arithmetic of its value."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/why")
        product_id = _required(read_query(request, (PRODUCT,)), "product_id")
        shop.service.served_to(request)
        words, model = shop.words_for(request), shop.model()
        told = None if model is None else explain_value_of(model, product_id)
        if told is None or model is None:
            raise ServiceError("not_found", "there is no such product")
        row = model.products.ids.row(product_id)
        before = model.products.price_minor if model.priced_at is None else model.priced_at
        moved = row >= 0 and before[row] != model.products.price_minor[row]
        return shop.page(
            request, owner_id, "why.html", words, {"tab": "", "moved": moved, **why_of(told, words)}
        )

    @router.get(OWNER + "/results")
    @mine
    async def results(request: Request) -> Response:
        """What came of her shares."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/results")
        read_query(request, ())
        credit = shop.service.settings.credit
        rows = await from_store(shop.service, lambda store: read_owners_rows(store, owner_id, credit))
        words = shop.words_for(request)
        told = {"tab": "results", **results_told(owner_id, rows, shop.model(), words, shop.clock())}
        return shop.page(request, owner_id, "results.html", words, told)

    @router.get(OWNER + "/circle")
    @mine
    async def circle(request: Request) -> Response:
        """What may be told of her circle; never of a single member."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/circle")
        read_query(request, ())
        served = shop.service.served_to(request)
        words = shop.words_for(request)
        told = {"tab": "circle", **circle_told(shop.service, served, owner_id, words)}
        return shop.page(request, owner_id, "circle.html", words, told)

    @router.get(OWNER, responses=PAGE_ERRORS)
    @mine
    async def picks(request: Request) -> Response:
        """What is worth sharing today."""
        owner_id = read_path_id(request, "owner_id", SHOP, "")
        asked = read_query(request, (START, HEARD, TOKEN))
        if (token := linked_token(request)) is not None:
            reply = see_other(address_of(owner_id))
            keep_token(reply, request, token)
            return reply
        served = shop.service.served_to(request)
        words, model, start = shop.words_for(request), shop.model(), asked.get("start", 0)
        today = today_of(shop.service, served, owner_id)
        if start >= len(today.picks):  # the list got shorter since the link was made
            start = 0
        cards = [card_of(pick, model, words) for pick in today.picks[start:]]
        until = shop.clock() + timedelta(days=SAID_DAYS)
        told: dict[str, Any] = {
            "tab": "picks", "cards": cards, "start": start, "n_shown": N_SHOWN,
            "n_left": today.reply.fatigue.n_left if today.reply.fatigue else None,
            "why_none": today.why_none, "choices": choices_for(model) if today.is_new else [],
            "alerts": alerts_for(shop.service, served, owner_id, words),
            "heard_until": words.day(until) if "heard" in asked else None,
            "next_start": start + N_SHOWN if len(cards) > N_SHOWN else None,
        }  # fmt: skip
        return shop.page(request, owner_id, "picks.html", words, told)

    return router


def problem_page(shop: Shop, request: Request, error: ServiceError) -> Response:
    """A refusal as a page that she can read."""
    words = shop.words_for(request)
    known = ("unauthorized", "forbidden", "not_found", "not_ready", "store_unavailable", "too_many_requests")
    code = error.code if error.code in known else "other"
    if code == "forbidden" and request.method == "POST":
        code = "forged"
    again = None if request.method != "GET" or code in ("unauthorized", "forbidden") else request.url.path
    reply = html("problem.html", words, {"sentence": words.say(f"problem.{code}"), "again": again},
                 STATUS_OF[error.code])  # fmt: skip
    reply.headers.update(error.headers or {})
    return reply


def _required(asked: Mapping[str, Any], name: str) -> str:
    if name not in asked:
        raise ServiceError("invalid", f"{name} is missing")
    found: str = asked[name]
    return found


def _manifest(owner_id: str, words: Words) -> Response:
    here = address_of(owner_id)
    icons = [
        {
            "src": f"/shop-files/icon-{size}.png",
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": "any",
        }
        for size in (192, 512)
    ]
    body = {
        "name": words.say("page.picks"), "short_name": words.say("page.picks"), "start_url": here, "id": here,
        "scope": SHOP, "display": "standalone", "lang": words.html_lang, "background_color": "#faf8f4",
        "theme_color": "#0b5d4a", "icons": icons,
    }  # fmt: skip
    reply = json_reply(body)
    reply.headers["content-type"] = "application/manifest+json"
    return reply
