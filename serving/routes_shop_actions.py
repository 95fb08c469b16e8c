"""What she does on her pages: choose, share, say; each by a form that only her own page can send."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from features.contract import CHANNELS
from features.row_check import micros
from recsys.domain import Pick
from recsys.live import WORDS
from serving.callers.declare import may_call
from serving.callers.owner_session import is_secure
from serving.callers.roles import Role
from serving.errors import ServiceError
from serving.gate import Field, choice, one_id, read_form, read_path_id, read_query, text
from serving.routes_feedback import keep_word
from serving.routes_shares import keep_share
from serving.routes_shop import OWNER, PRODUCT
from serving.shop.cards import card_of, has_orders, value_line
from serving.shop.for_whom import N_ASKED, for_whom
from serving.shop.form_key import require_own_form
from serving.shop.poster import Poster, poster_png, poster_svg
from serving.shop.share_copy import pick_or_plain, texts_of
from serving.shop.shop import SHOP, Shop, address_of, see_other
from serving.shop.today import N_CHOICES
from serving.shop.words import LANGUAGES, Words
from serving.store.rows import INTERESTS, own_row
from serving.store_calls import from_store, keep

FORM_KEY = text("form_key", 64, "from her own page")
WORD = choice("word", WORDS, "what she says of it")
CHANNEL = choice("channel", CHANNELS, "how she shares")
SCENE = text("scene", 128, "on what occasion")
SHARE = one_id("share_id", "a share of hers")
FORMAT = choice("format", ("png", "svg"), "of the poster", "png")
LANGUAGE = choice("language", tuple(LANGUAGES), "of the poster; by default as the browser asks")
MAX_INTERESTS = 3
INTEREST_FIELDS: tuple[Field, ...] = tuple(
    text(f"category_{n}", 256, "a category she likes") for n in range(1, N_CHOICES + 1)
)


def shop_actions_router(shop: Shop) -> APIRouter:
    """The forms of her pages and what they lead to, bound to one shop service."""
    router = APIRouter(tags=["shop"], include_in_schema=False)
    mine = may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id", by_session=True)

    async def form(
        request: Request, owner_id: str, *fields: Field, required: tuple[str, ...]
    ) -> dict[str, Any]:
        within_s = shop.service.settings.body_within_s
        found = await read_form(request, (FORM_KEY, *fields), ("form_key", *required), within_s)
        require_own_form(request, owner_id, found.pop("form_key"))
        return found

    @router.post(OWNER + "/say")
    @mine
    async def say(request: Request) -> Response:
        """A word of hers on a pick; back to the list that keeps to it."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/say")
        said = await form(request, owner_id, PRODUCT, WORD, required=("product_id", "word"))
        await keep_word(shop.service, request, owner_id, said, shop.make_id(), shop.clock())
        return see_other(address_of(owner_id) + "?heard=1")

    @router.post(OWNER + "/interests")
    @mine
    async def interests(request: Request) -> Response:
        """What a new owner's people like; back to the list that goes by it."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/interests")
        chosen = list((await form(request, owner_id, *INTEREST_FIELDS, required=())).values())[:MAX_INTERESTS]
        if chosen:
            now, row_id = micros(shop.clock()), shop.make_id()
            row = {"interests_id": row_id, "owner_id": owner_id, "categories": chosen, "chosen_time": now}
            await keep(shop.service, [own_row(INTERESTS, row_id, row, now, owner_id=owner_id)])  # type: ignore[arg-type]
            shop.service.live.note(INTERESTS, row)
        return see_other(address_of(owner_id))

    @router.get(OWNER + "/sheet")
    @mine
    async def sheet(request: Request) -> Response:
        """Where and on what occasion she shares a product."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/sheet")
        product_id = read_query(request, (PRODUCT,)).get("product_id", "")
        pick, words, model = _pick(shop, request, owner_id, product_id), shop.words_for(request), shop.model()
        scenes = [] if model is None or model.scenes is None else list(model.scenes.scenes)
        served = shop.service.served_to(request)
        glad = await shop.service.live.audience_of(served, owner_id, product_id, N_ASKED)
        told = {
            "tab": "", "card": card_of(pick, model, words), "channels": CHANNELS, "scenes": scenes,
            "for_whom": for_whom(glad or (), words),
        }  # fmt: skip
        return shop.page(request, owner_id, "sheet.html", words, told)

    @router.post(OWNER + "/share")
    @mine
    async def share(request: Request) -> Response:
        """A share with a link of its own; on to the words and the poster."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/share")
        asked = await form(request, owner_id, PRODUCT, CHANNEL, SCENE, required=("product_id",))
        share_id = shop.make_id()
        await keep_share(shop.service, {**asked, "owner_id": owner_id}, share_id, shop.clock())
        return see_other(f"{address_of(owner_id)}/shared?share_id={share_id}")

    @router.get(OWNER + "/shared")
    @mine
    async def shared(request: Request) -> Response:
        """The link of a share of hers, words to use and a poster."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/shared")
        row = await _share(shop, owner_id, read_query(request, (SHARE,)).get("share_id", ""))
        pick, words = _pick(shop, request, owner_id, row["product_id"]), shop.words_for(request)
        served = shop.service.served_to(request)
        told = {
            "tab": "", "card": card_of(pick, shop.model(), words), "share_id": row["share_id"],
            "link": _link(shop, request, row), "texts": texts_of(shop.service, served, row, words),
        }  # fmt: skip
        return shop.page(request, owner_id, "shared.html", words, told)

    @router.get(OWNER + "/poster")
    @mine
    async def poster(request: Request) -> Response:
        """The poster of a share of hers, as PNG or SVG."""
        owner_id = read_path_id(request, "owner_id", SHOP, "/poster")
        asked = read_query(request, (SHARE, FORMAT, LANGUAGE))
        row = await _share(shop, owner_id, asked.get("share_id", ""))
        words = shop.words_for(request, asked.get("language"))
        drawn = _poster(shop, request, row, words)
        headers = {"cache-control": "private, max-age=600", "x-content-type-options": "nosniff",
                   "content-security-policy": "default-src 'none'"}  # fmt: skip
        if asked.get("format", "png") == "svg":
            return Response(poster_svg(drawn), headers=headers, media_type="image/svg+xml")
        return Response(
            poster_png(drawn, shop.service.settings.font), headers=headers, media_type="image/png"
        )

    return router


def _pick(shop: Shop, request: Request, owner_id: str, product_id: str) -> Pick:
    """The product as her list tells it, or as it is where her list leaves it out; ServiceError not_found."""
    pick = pick_or_plain(shop.service, shop.service.served_to(request), owner_id, product_id)
    if pick is None:
        raise ServiceError("not_found", "there is no such product")
    return pick


async def _share(shop: Shop, owner_id: str, share_id: str) -> dict[str, Any]:
    """A share of this owner; ServiceError not_found for anybody else's, as for none."""
    found = await from_store(shop.service, lambda store: store.row_of("shares", share_id))
    row: dict[str, Any] = {} if found is None else orjson.loads(found)
    if row.get("owner_id") != owner_id:
        raise ServiceError("not_found", "there is no such share")
    return row


def _link(shop: Shop, request: Request, row: dict[str, Any]) -> str:
    scheme = "https" if is_secure(request) else "http"
    base = shop.service.settings.public_url or f"{scheme}://{request.headers.get('host', '')}"
    return f"{base}/s/{row['share_id']}"


def _poster(shop: Shop, request: Request, row: dict[str, Any], words: Words) -> Poster:
    pick = _pick(shop, request, row["owner_id"], row["product_id"])
    card = card_of(pick, shop.model(), words)
    return Poster(
        card.title, card.category, card.initial, card.tone, card.price or "",
        (value_line(pick, words) if has_orders(pick) else None) or "", words.say("poster.scan"),
        words.say("poster.disclosure"),
        _link(shop, request, row),
    )  # fmt: skip
