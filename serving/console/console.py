"""What every page of the console is made from: the service, who looks, her tabs, her words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

from serving.callers.console_session import CONSOLE, CONSOLE_COOKIE
from serving.callers.declare import calling
from serving.callers.doors import Doors
from serving.callers.roles import Caller, Role
from serving.errors import STATUS_OF, ServiceError
from serving.gate import read_form, text
from serving.service import Service
from serving.shop.form_key import form_key, require_own_form
from serving.shop.shop import Shop, html
from serving.shop.words import Words

SIGN_IN = CONSOLE + "/sign-in"
SIGN_OUT = CONSOLE + "/sign-out"
SNAPSHOTS = CONSOLE + "/snapshots"
COMPARE = CONSOLE + "/compare"
LIVE = CONSOLE + "/live"
PRODUCTS = CONSOLE + "/products"
DEMAND = CONSOLE + "/demand"
SUPPLIERS = CONSOLE + "/suppliers"
TABS = {"snapshots": SNAPSHOTS, "live": LIVE, "products": PRODUCTS, "demand": DEMAND, "suppliers": SUPPLIERS}
TABS_OF = {
    Role.OPERATOR: tuple(TABS),
    Role.SCIENTIST: ("snapshots", "live", "products", "demand"),
    Role.SUPPLIER: (),
}
FORMS = "\x1fconsole"  # what its form keys are made for; no owner has such an id
FORM_KEY = text("form_key", 64, "from a page of the console")
KNOWN_PROBLEMS = frozenset((
    "unauthorized", "forbidden", "not_found", "not_ready", "conflict", "invalid", "too_many_requests",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Console:
    """The console over one service; `shop` gives its clock and the words of whoever looks.

    `comparing`: a comparison is seconds of work, so one at a time; whoever waits for it holds no thread.
    """

    shop: Shop
    comparing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def service(self) -> Service:
        """The service that it looks into."""
        return self.shop.service

    def words_for(self, request: Request) -> Words:
        """The words of whoever looks."""
        return self.shop.words_for(request)

    def page(
        self, request: Request, template: str, told: Mapping[str, Any], *, tab: str = "", status: int = 200
    ) -> Response:
        """One page, with the tabs of who looks and the keys of its forms."""
        words, served = self.words_for(request), self.service.keeper.served
        caller, doors = who_looks(request), doors_of(request)
        shared = {
            "here": CONSOLE, "tab": tab, "lead": None, "back": None,
            "tabs": tabs_of(caller) if caller or is_open(request) else {},
            "form_key": form_key(request, FORMS, CONSOLE_COOKIE), "is_open": is_open(request),
            "who": None if caller is None else _who(words, caller),
            "can_sign_in": doors.tokens is not None,
            "serving": None if served is None else served.snapshot_id,
            "as_of": None if served is None or served.as_of is None else words.moment(served.as_of),
        }  # fmt: skip
        return html(f"console/{template}", words, {**shared, **told}, status)

    async def form(self, request: Request, *fields: Any, required: tuple[str, ...] = ()) -> dict[str, Any]:
        """The checked fields of a form that a page of the console sent; ServiceError forbidden for others."""
        within_s = self.service.settings.body_within_s
        found = await read_form(request, (FORM_KEY, *fields), ("form_key", *required), within_s)
        require_own_form(request, FORMS, found.pop("form_key"), CONSOLE_COOKIE)
        return found

    def problem_page(self, request: Request, error: ServiceError) -> Response:
        """A refusal as a page; to whoever is not signed in, the form to sign in."""
        words = self.words_for(request)
        if error.code == "unauthorized":
            return self.page(request, "sign_in.html", {"refused": None}, status=STATUS_OF[error.code])
        code = error.code if error.code in KNOWN_PROBLEMS else "other"
        if code in ("forbidden", "not_found") and request.method == "POST":
            code = f"{code}_form"
        told = {"sentence": words.say(f"trouble.{code}")}
        reply = self.page(request, "problem.html", told, status=STATUS_OF[error.code])
        reply.headers.update(error.headers or {})
        return reply


def doors_of(request: Request) -> Doors:
    """The doors of the app that answers."""
    doors: Doors = request.app.state.doors
    return doors


def is_open(request: Request) -> bool:
    """Whether nobody needs a key; False while that cannot be known."""
    return doors_of(request).are_open


def who_looks(request: Request) -> Caller | None:
    """Who was let in, or is signed in where everybody is; None for nobody who is known."""
    return calling(request) or doors_of(request).at_console(request)


def tabs_of(caller: Caller | None) -> Mapping[str, str]:
    """Which tabs she has: name → address; None is everybody, while nobody needs a key."""
    if caller is None:
        return TABS
    return {name: TABS[name] for name in TABS_OF.get(caller.role, ())}


def home_of(caller: Caller | None) -> str:
    """The first page of whoever has signed in."""
    if caller is not None and caller.role is Role.SUPPLIER:
        return supplier_address(caller.scope_id or "")
    return SNAPSHOTS


def snapshot_address(name: str) -> str:
    """Where the run card of a snapshot is."""
    return f"{SNAPSHOTS}/{quote(name, safe='')}"


def product_address(product_id: str) -> str:
    """Where the value card of a product is."""
    return f"{PRODUCTS}/{quote(product_id, safe='')}"


def supplier_address(supplier_id: str) -> str:
    """Where what a supplier learns is."""
    return f"{SUPPLIERS}/{quote(supplier_id, safe='')}"


def _who(words: Words, caller: Caller) -> str:
    return words.say("console.who", role=words.named("role", str(caller.role)), prefix=caller.bucket)
