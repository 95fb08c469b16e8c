"""Sixty stored texts that would run a script, in titles and categories: inert on every page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from live_service import write_live_snapshot
from playwright.sync_api import Browser, Page
from shop_browser import ShopServer, Storefront, opened, serving_shop
from small_model import Item, World
from valued_model import valued_model
from xss_strings import XSS_STRINGS

from recsys.columns import StringColumn
from recsys.pointer import promote
from serving.callers.roles import Role

TRUSTING = (
    sys.executable, "-c",
    "import jinja2, serving.shop.shop as s; E = jinja2.Environment\n"
    "s.Environment = lambda **k: E(**{**k, 'autoescape': False})\n"
    "from recsys.cli import main; main()",
)  # fmt: skip
OWNER = "o-1"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose sixty products have hostile titles in hostile categories."""
    assert len(set(XSS_STRINGS)) == 60
    names = [f"p{n:02}" for n in range(len(XSS_STRINGS))]
    items = {name: Item(f"{XSS_STRINGS[n]} > {XSS_STRINGS[-n]}", 1000 + n) for n, name in enumerate(names)}
    orders = [(f"m{m}", name, 5.0) for m in range(4) for name in names[m::2]]
    model = valued_model(World(items, orders, {OWNER: ["m0", "m1", "m2", "m3"]}))
    titles = StringColumn.of(XSS_STRINGS)
    registry = tmp_path_factory.mktemp("hostile")
    write_live_snapshot(replace(model, products=replace(model.products, titles=titles)), registry / "one")
    promote(registry, "one")
    return registry


def every_page(page: Page, shop: ShopServer) -> Iterator[str]:
    """Go to every page that shows a title, one after the other."""
    page.goto(shop.link(OWNER))
    yield "picks"
    for n in range(len(XSS_STRINGS)):
        page.goto(f"{shop.page_of(OWNER)}/why?product_id=p{n:02}")
        yield f"why {n}"
    for n in range(0, len(XSS_STRINGS), 6):
        page.goto(f"{shop.page_of(OWNER)}/sheet?product_id=p{n:02}")
        page.locator("form.sheet button").click()
        yield f"shared {n}"
    page.goto(shop.page_of(OWNER) + "/results")
    yield "results"


def every_console_page(page: Page, shop: ShopServer) -> Iterator[str]:
    """Sign in as an operator, and go to every page of the console that shows a title or a category."""
    console = f"{shop.address}/console"
    page.goto(console + "/sign-in")
    page.locator("#key").fill(shop.console_keys[Role.OPERATOR])
    page.locator("#key").press("Enter")
    page.wait_for_url("**/console/snapshots")
    for n in range(len(XSS_STRINGS)):
        page.goto(f"{console}/products/p{n:02}")
        yield f"product {n}"
    for end in ("/suppliers/s0", "/demand", "/live", "/snapshots/one"):
        page.goto(console + end)
        yield end


def came_alive(page: Page) -> bool:
    """Whether a text became a part of the page, or ran."""
    made: bool = page.evaluate("document.querySelector('[data-x]') !== null || window.ran !== undefined")
    return made


def test_no_stored_text_comes_alive(
    browser: Browser, hostile: Path, storefront: Storefront, tmp_path: Path
) -> None:
    with serving_shop(hostile, tmp_path, storefront) as shop, opened(browser) as page:
        assert [where for where in every_page(page, shop) if came_alive(page)] == []
        assert [where for where in every_console_page(page, shop) if came_alive(page)] == []


def test_red_control_a_page_that_trusts_its_titles_is_found_out(
    browser: Browser, hostile: Path, storefront: Storefront, tmp_path: Path
) -> None:
    with serving_shop(hostile, tmp_path, storefront, TRUSTING) as shop:
        context = browser.new_context()
        page = context.new_page()
        page.goto(shop.link(OWNER))
        made = page.evaluate("document.querySelectorAll('[data-x]').length")
        ran = page.evaluate("window.ran")
        alive = list(islice((where for where in every_console_page(page, shop) if came_alive(page)), 5))
        context.close()
    assert made >= 5
    assert len(alive) == 5
    assert ran is None, "the policy of the page lets nothing of it run all the same"
