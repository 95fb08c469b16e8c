"""The console in a real browser: sign in, compare, promote with a reason, go back; by keyboard alone too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from shop_browser import LOCALES, SIZES, ShopServer, Storefront, opened, serving_shop
from test_hostile_titles import came_alive
from xss_strings import XSS_STRINGS

from recsys.pointer import promote
from recsys.registry import journal, serving_name
from serving.callers.roles import Role
from training.train import train

QUICK = {
    "ranker": {"n_moments": 1, "max_pairs": 20_000, "n_trees": 10},
    "audience": {"max_pairs": 20_000, "n_trees": 10},
}


@pytest.fixture(scope="module")
def registry(small_town: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`one` serves, with its run card; `two` is of another configuration."""
    folder = tmp_path_factory.mktemp("console-registry")
    shutil.copytree(trained / "one", folder / "one")
    shutil.copy(trained / "one.run-card.json", folder)
    train(small_town, folder / "two", config=QUICK)
    promote(folder, "one")
    return folder


@pytest.fixture(scope="module")
def served(
    registry: Path, storefront: Storefront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopServer]:
    """A service over the two, with a key of each role."""
    with serving_shop(registry, tmp_path_factory.mktemp("console"), storefront) as found:
        yield found


def console(served: ShopServer, path: str = "") -> str:
    return f"{served.address}/console{path}"


def sign_in(page: Page, served: ShopServer, role: Role) -> None:
    page.goto(console(served, "/sign-in"))
    page.locator("#key").fill(served.console_keys[role])
    page.locator("form.asking button").click()


def picture(page: Page, pictures: Path | None, name: str) -> None:
    if pictures is not None:
        page.screenshot(path=pictures / f"console-{name}.png", full_page=True)


def a_product(served: ShopServer) -> str:
    reply = served.call("GET", f"/v1/owners/{served.owners[0]}/recommend?n=1")
    product_id: str = reply["picks"][0]["product"]["product_id"]
    return product_id


@pytest.mark.parametrize("size", SIZES)
def test_sign_in_compare_promote_and_go_back(
    browser: Browser, served: ShopServer, registry: Path, pictures: Path | None, size: str
) -> None:
    n_moves = len(journal(registry))
    with opened(browser, size=size) as page:
        page.goto(console(served, "/sign-in"))
        picture(page, pictures, f"sign-in-{size}")
        sign_in(page, served, Role.SCIENTIST)
        expect(page.locator("h1")).to_have_text("Snapshots")
        picture(page, pictures, f"snapshots-{size}")
        page.locator("#after").select_option("two")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("h1")).to_have_text("Compare two snapshots")
        expect(page.locator("main")).to_contain_text("ranker.n_trees")
        picture(page, pictures, f"compare-{size}")
        page.get_by_role("link", name="Snapshots").first.click()
        page.get_by_role("link", name="two", exact=True).first.click()
        picture(page, pictures, f"snapshot-{size}")
        page.locator("#why").fill("the night of 22 November")
        page.get_by_role("button", name="Promote").click()
        expect(page.locator(".notice[role=status]")).to_contain_text("Promoted. two serves")
        assert serving_name(registry) == "two"
        page.locator("#why").fill("complaints")
        page.get_by_role("button", name="Go back").click()
        expect(page.locator(".notice[role=status]")).to_contain_text("Gone back. one serves")
        picture(page, pictures, f"gone-back-{size}")
    made = [(move.act, move.why) for move in journal(registry)[n_moves:]]
    assert made == [("promote", "the night of 22 November"), ("rollback", "complaints")]


def test_the_keyboard_is_enough(browser: Browser, served: ShopServer, registry: Path) -> None:
    def tab_to(page: Page, what: str) -> None:
        for _ in range(60):
            if page.evaluate(f"document.activeElement.matches({what!r})"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{what} is never reached")

    with opened(browser) as page:
        page.goto(console(served, "/sign-in"))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        tab_to(page, "#key")
        page.keyboard.type(served.console_keys[Role.SCIENTIST])
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/snapshots")
        tab_to(page, "a[href$='/snapshots/two']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/snapshots/two")
        tab_to(page, "#why")
        page.keyboard.type("by keyboard")
        tab_to(page, "button.main")
        page.keyboard.press("Enter")
        page.wait_for_url("**/snapshots?done=promote")
        tab_to(page, "#why")
        page.keyboard.type("by keyboard, back")
        page.keyboard.press("Enter")
        page.wait_for_url("**/snapshots?done=rollback")
    assert [move.why for move in journal(registry)[-2:]] == ["by keyboard", "by keyboard, back"]
    assert serving_name(registry) == "one"


def every_page(served: ShopServer) -> dict[str, str]:
    return {
        "snapshots": "/snapshots", "run-card": "/snapshots/one", "compared": "/compare?before=one&after=two",
        "live": "/live", "products": "/products", "product": f"/products/{a_product(served)}",
        "demand": "/demand", "suppliers": "/suppliers", "supplier": f"/suppliers/{served.suppliers[0]}",
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_the_screen(
    browser: Browser, served: ShopServer, pictures: Path | None, size: str
) -> None:
    with opened(browser, size=size) as page:
        page.goto(console(served, "/sign-in"))
        serious = {"sign-in": _serious(page)}
        sign_in(page, served, Role.OPERATOR)
        for name, path in every_page(served).items():
            page.goto(console(served, path))
            picture(page, pictures, f"{name}-{size}")
            serious[name] = _serious(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert {name: found for name, found in serious.items() if found} == {}


def _serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_it_works_without_scripts_and_in_each_language(
    browser: Browser, served: ShopServer, pictures: Path | None
) -> None:
    words = {"zh_Hant": "快照", "zh_Hans": "快照", "en": "Snapshots"}
    for language, locale in LOCALES.items():
        with opened(browser, locale=locale, size="wide", java_script_enabled=False) as page:
            sign_in(page, served, Role.OPERATOR)
            expect(page.locator("h1")).to_have_text(words[language])
            assert page.locator("html").get_attribute("lang") == language.replace("_", "-")
            page.goto(console(served, "/live"))
            picture(page, pictures, f"live-{language}")


def test_a_supplier_sees_her_own_and_nothing_else(browser: Browser, served: ShopServer) -> None:
    with opened(browser) as page:
        sign_in(page, served, Role.SUPPLIER)
        expect(page.locator("h1")).to_contain_text(served.suppliers[0])
        for path in ("/snapshots", "/live", f"/suppliers/{served.suppliers[1]}", "/suppliers/nobody"):
            reply = page.request.get(console(served, path))
            assert reply.status == 403 and "does not open that page" in reply.text()


def test_a_form_on_another_site_promotes_nothing(
    browser: Browser, served: ShopServer, registry: Path, storefront: Storefront
) -> None:
    n_moves = len(journal(registry))
    with opened(browser) as page:
        sign_in(page, served, Role.OPERATOR)
        page.goto(console(served, "/snapshots/two"))
        key = page.locator("input[name=form_key]").first.get_attribute("value")
        evil = page.context.new_page()
        evil.goto(storefront.address + "/evil")
        with evil.expect_navigation() as navigation:
            evil.evaluate(
                """([address, key]) => {
                    const form = document.createElement("form");
                    form.method = "post"; form.action = address;
                    for (const [name, value] of [["form_key", key], ["why", "evil"]]) {
                        const input = document.createElement("input");
                        input.name = name; input.value = value; form.append(input);
                    }
                    document.body.append(form); form.submit();
                }""",
                [console(served, "/snapshots/two/promote"), key],
            )
        assert navigation.value.status in (401, 403)
    assert len(journal(registry)) == n_moves


def test_reasons_and_titles_stay_texts(browser: Browser, served: ShopServer, registry: Path) -> None:
    hostile = XSS_STRINGS[::6]
    with opened(browser) as page:
        sign_in(page, served, Role.OPERATOR)
        for why in hostile:
            page.goto(console(served, "/snapshots/two" if serving_name(registry) == "one" else "/snapshots"))
            page.locator("#why").fill(why)
            page.locator("#why").press("Enter")
            expect(page.locator(".notice[role=status]")).to_be_visible()
            assert not came_alive(page)
        page.goto(console(served, "/snapshots/one"))
        assert not came_alive(page)
        while serving_name(registry) != "one":
            page.goto(console(served, "/snapshots"))
            page.locator("#why").fill("back")
            page.locator("#why").press("Enter")
    assert {move.why for move in journal(registry)} >= set(hostile)
