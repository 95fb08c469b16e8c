"""What every page of a shop is made from: the service, the clock, the templates, the words of who looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from jinja2 import Environment, FunctionLoader, StrictUndefined

from recsys.model import Model
from serving.callers.owner_session import PAGES
from serving.service import Service
from serving.shop.form_key import form_key
from serving.shop.words import COOKIE, LANGUAGES, Words, language_for

SHOP = PAGES
FILES = "/shop-files/"
UNLESS_TOLD = {
    "languages": LANGUAGES, "files": FILES, "here": None, "degraded": False, "as_of": None, "now": None,
    "tab": "",
}  # fmt: skip
PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # without any, a browser would not say where her forms come from
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "vary": "cookie, accept-language",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """The pages of all shops over one service; `make_id` makes ids of shares and words."""

    service: Service
    clock: Callable[[], datetime]
    make_id: Callable[[], str]

    def words_for(self, request: Request, chosen: str | None = None) -> Words:
        """The words of whoever looks, in the language that was chosen, here or before."""
        return words_of(self.service, request, chosen or request.cookies.get(COOKIE))

    def model(self) -> Model | None:
        """The serving model as things are now; None where a snapshot has none."""
        served = self.service.keeper.served
        return None if served is None else self.service.live.model_of(served)

    def _as_of(self, words: Words) -> str | None:
        served = self.service.keeper.served
        return None if served is None or served.as_of is None else words.moment(served.as_of)

    def page(
        self, request: Request, owner_id: str, template: str, words: Words, told: Mapping[str, Any]
    ) -> Response:
        """One page of one shop."""
        shared = {
            "here": address_of(owner_id), "form_key": form_key(request, owner_id),
            "degraded": self.service.is_degraded, "as_of": self._as_of(words),
            "now": words.moment(self.clock()),
        }  # fmt: skip
        return html(template, words, {**shared, **told})


def words_of(service: Service, request: Request, chosen: str | None) -> Words:
    """The words of the chosen language, else of the one that the request asks for."""
    language = language_for(chosen, request.headers.get("accept-language"))
    return Words(language, ZoneInfo(service.settings.time_zone))


def html(template: str, words: Words, told: Mapping[str, Any], status: int = 200) -> Response:
    """A template filled in, with the headers of every page."""
    text = _templates().get_template(template).render({"w": words, **UNLESS_TOLD, **told})
    return Response(text, status, headers=PAGE_HEADERS, media_type="text/html; charset=utf-8")


def address_of(owner_id: str) -> str:
    """Where her page is."""
    return SHOP + quote(owner_id, safe="")


def see_other(address: str) -> Response:
    """Look there instead, by GET."""
    headers = {"location": address, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(status_code=303, headers=headers)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["url"] = lambda text: quote(str(text), safe="")
    return environment


def _template(name: str) -> str:
    """The text of a template: `why.html` of the shop, `console/live.html` of the console."""
    room, _, file = name.rpartition("/")
    return (files(f"serving.{room or 'shop'}") / "pages" / file).read_text("utf-8")
