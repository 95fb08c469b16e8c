"""The pages of the console: snapshots, what the service does, products, demand, suppliers."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from recsys.registry import named
from serving.callers.console_session import CONSOLE
from serving.callers.declare import anybody_may_call, calling, may_call
from serving.callers.roles import Role
from serving.console.console import (
    COMPARE,
    DEMAND,
    LIVE,
    PRODUCTS,
    SNAPSHOTS,
    SUPPLIERS,
    TABS_OF,
    Console,
    home_of,
    is_open,
    product_address,
    snapshot_address,
    supplier_address,
    who_looks,
)
from serving.console.live_view import live_sections
from serving.console.product_view import product_sections
from serving.console.registry_view import compared, registry_told, run_card_told
from serving.console.snapshot_view import compared_sections
from serving.console.supplier_view import demand_sections, supplier_sections
from serving.errors import ServiceError
from serving.gate import choice, one_id, read_path_id, read_query
from serving.routes_snapshots import told_as_404
from serving.shop.shop import see_other
from serving.shop.words import COOKIE, LANGUAGES

PRODUCT = one_id("product_id", "a product")
SUPPLIER = one_id("supplier_id", "a supplier")
BEFORE, AFTER = one_id("before", "a snapshot's name"), one_id("after", "a snapshot's name")
DONE = choice("done", ("promote", "rollback"), "what was just done")
LANGUAGE = choice("to", tuple(LANGUAGES), "the language she chose")
N_DEMAND = N_INSIGHTS = 100


def console_router(console: Console) -> APIRouter:
    """The pages, bound to one console."""
    router = APIRouter(tags=["console"], include_in_schema=False)
    service = console.service
    folder = service.settings.snapshots
    science = may_call(Role.SCIENTIST, Role.OPERATOR, by_console=True)

    @router.get(CONSOLE)
    @anybody_may_call
    async def home(request: Request) -> Response:
        """On to the first page of whoever looks; the form to sign in for nobody who is known."""
        caller = who_looks(request)
        if caller is None and not is_open(request):
            raise ServiceError("unauthorized", "sign in with a key")
        if caller is not None and caller.role not in TABS_OF:
            raise ServiceError("forbidden", "this caller may not make this call")
        read_query(request, ())
        return see_other(home_of(caller))

    @router.get(CONSOLE + "/language")
    @anybody_may_call
    async def language(request: Request) -> Response:
        """The language that was chosen, kept for a year."""
        to = read_query(request, (LANGUAGE,)).get("to")
        reply = see_other(CONSOLE)
        if to is not None:
            reply.set_cookie(COOKIE, to, max_age=31_536_000, path=CONSOLE, samesite="lax", httponly=True)
        return reply

    @router.get(SNAPSHOTS)
    @science
    async def snapshots(request: Request) -> Response:
        """Every snapshot of the registry, the newest moves, and the forms to compare and to go back."""
        done = read_query(request, (DONE,)).get("done")
        words = console.words_for(request)
        found = await asyncio.to_thread(registry_told, folder, words)
        return console.page(request, "snapshots.html", {"done": done, **found}, tab="snapshots")

    @router.get(SNAPSHOTS + "/{name:path}")
    @science
    async def snapshot(request: Request) -> Response:
        """A snapshot's run card and the form to promote it."""
        name = read_path_id(request, "name", SNAPSHOTS + "/", "")
        read_query(request, ())
        words = console.words_for(request)
        found = await asyncio.to_thread(told_as_404, lambda: run_card_told(folder, name, words))
        told = {**found, "promote": snapshot_address(found["known"].name) + "/promote"}
        return console.page(request, "snapshot.html", told, tab="snapshots")

    @router.get(COMPARE)
    @science
    async def compare(request: Request) -> Response:
        """Two snapshots side by side."""
        asked = read_query(request, (BEFORE, AFTER))
        names = [_required(asked, field.name) for field in (BEFORE, AFTER)]
        one, other = await asyncio.to_thread(
            told_as_404, lambda: [named(folder, name) for name in names]
        )  # fmt: skip
        async with console.comparing:
            found = await asyncio.to_thread(told_as_404, lambda: compared(folder, one, other))
        words = console.words_for(request)
        told = {
            "title": words.say("compare.title"), "lead": f"{one.name} → {other.name}",
            "sections": compared_sections(found, words), "back": (SNAPSHOTS, words.say("console.snapshots")),
        }  # fmt: skip
        return console.page(request, "sections.html", told, tab="snapshots")

    @router.get(LIVE)
    @science
    async def live(request: Request) -> Response:
        """What this service counts, and how fresh what it serves is."""
        read_query(request, ())
        words, now = console.words_for(request), console.shop.clock()
        samples = service.metrics.samples(service.keeper.served, now)
        told = {"title": words.say("console.live"), "sections": live_sections(service, samples, now, words)}
        return console.page(request, "sections.html", told, tab="live")

    @router.get(PRODUCTS)
    @science
    async def products(request: Request) -> Response:
        """The form that asks for a product; on to its value card when one was named."""
        product_id = read_query(request, (PRODUCT,)).get("product_id")
        if product_id is not None:
            return see_other(product_address(product_id))
        words = console.words_for(request)
        told = {"title": words.say("console.products"), "action": PRODUCTS, "name": "product_id",
                "label": words.say("product.id")}  # fmt: skip
        return console.page(request, "ask.html", told, tab="products")

    @router.get(PRODUCTS + "/{product_id:path}")
    @science
    async def product(request: Request) -> Response:
        """The value card of a product."""
        product_id = read_path_id(request, "product_id", PRODUCTS + "/", "")
        read_query(request, ())
        found = service.served_to(request).explain_value(product_id)
        if found is None:
            raise ServiceError("not_found", "the snapshot does not know this product")
        words = console.words_for(request)
        told = {
            "title": found["title"], "lead": f"{found['category']} · {found['product_id']}",
            "sections": product_sections(found, words), "back": (PRODUCTS, words.say("console.products")),
        }  # fmt: skip
        return console.page(request, "sections.html", told, tab="products")

    @router.get(DEMAND)
    @science
    async def demand(request: Request) -> Response:
        """What circles buy where no open product of good value is."""
        read_query(request, ())
        unmet, words = service.served_to(request).demand(N_DEMAND), console.words_for(request)
        told = {"title": words.say("console.demand"), "sections": demand_sections(unmet, words)}
        return console.page(request, "sections.html", told, tab="demand")

    @router.get(SUPPLIERS)
    @may_call(Role.OPERATOR, by_console=True)
    async def suppliers(request: Request) -> Response:
        """The form that asks for a supplier; on to what she learns when one was named."""
        supplier_id = read_query(request, (SUPPLIER,)).get("supplier_id")
        if supplier_id is not None:
            return see_other(supplier_address(supplier_id))
        words = console.words_for(request)
        told = {"title": words.say("console.suppliers"), "action": SUPPLIERS, "name": "supplier_id",
                "label": words.say("supplier.id")}  # fmt: skip
        return console.page(request, "ask.html", told, tab="suppliers")

    @router.get(SUPPLIERS + "/{supplier_id:path}")
    @may_call(Role.OPERATOR, Role.SUPPLIER, mine="supplier_id", by_console=True)
    async def supplier(request: Request) -> Response:
        """What one supplier learns: her own, or any for an operator."""
        supplier_id = read_path_id(request, "supplier_id", SUPPLIERS + "/", "")
        read_query(request, ())
        found = service.served_to(request).supplier_insights(supplier_id, N_INSIGHTS)
        if found is None:
            raise ServiceError("not_found", "the snapshot does not know this supplier")
        words, caller = console.words_for(request), calling(request)
        with_links = caller is None or caller.role is Role.OPERATOR
        told = {
            "title": words.say("supplier.title", supplier=supplier_id),
            "sections": supplier_sections(found, words, with_links=with_links),
            "back": (SUPPLIERS, words.say("console.suppliers")) if with_links else None,
        }
        return console.page(request, "sections.html", told, tab="suppliers")

    return router


def _required(asked: dict[str, str], name: str) -> str:
    if name not in asked:
        raise ServiceError("invalid", f"{name} is missing")
    return asked[name]
