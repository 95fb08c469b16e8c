"""The owner's page in a real browser: the whole way, every language, both sizes, and what must not work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from shop_browser import LOCALES, SIZES, ShopServer, Storefront, opened

FIRST_VIEW_BYTES, FIRST_VIEW_REQUESTS = 150_000, 10
WAYS = [("zh_Hant", "phone"), ("zh_Hans", "wide"), ("en", "phone"), ("en", "wide")]
WORDS = {"zh_Hant": "今日好物", "zh_Hans": "今日好物", "en": "Today’s good picks"}


def picture(page: Page, pictures: Path | None, name: str) -> None:
    if pictures is not None:
        page.screenshot(path=pictures / f"{name}.png")


def first_title(page: Page) -> str:
    return page.locator(".card h2").first.inner_text()


@pytest.mark.parametrize("way", range(len(WAYS)), ids=[f"{language}-{size}" for language, size in WAYS])
def test_the_whole_way_from_list_to_results(
    browser: Browser, shop: ShopServer, storefront: Storefront, pictures: Path | None, way: int
) -> None:
    language, size = WAYS[way]
    owner_id, member_id = shop.owners[way], f"friend-{way}"
    with opened(browser, locale=LOCALES[language], size=size) as page:
        page.goto(shop.link(owner_id))
        expect(page.locator("h1")).to_have_text(WORDS[language])
        assert page.locator("html").get_attribute("lang") == language.replace("_", "-")
        picture(page, pictures, f"picks-{language}-{size}")
        shared = first_title(page)
        page.locator(".card a.main").first.click()
        whom = page.locator("details.whom")
        assert whom.locator("li").count() >= 1 and not whom.locator("li").first.is_visible()
        whom.locator("summary").click()
        expect(whom.locator("li").first).to_be_visible()
        picture(page, pictures, f"sheet-{language}-{size}")
        page.locator("input[value=group]").check()
        page.locator("form.sheet button").click()
        link = page.locator("#link").input_value()
        picture(page, pictures, f"shared-{language}-{size}")
        assert page.locator("textarea").count() == 3
        poster = page.locator("img.poster")
        expect(poster).to_have_js_property("complete", True)
        assert poster.evaluate("image => image.naturalWidth") > 0

        with opened(browser) as friend:  # who has no session
            friend.goto(link)
            expect(friend.locator("h1")).to_have_text("storefront")
        path, headers = [seen for seen in storefront.seen if seen[0].startswith("/p/")][-1]
        share_id = link.rpartition("/")[2]
        assert path.endswith(f"?share={share_id}") and "Referer" not in headers

        product_id = path.partition("/p/")[2].partition("?")[0]
        moment = datetime.now(UTC) + timedelta(seconds=1)
        order = {
            "table": "orders", "order_id": f"order-{way}", "order_time": moment.isoformat(),
            "member_id": member_id, "product_id": product_id, "quantity": 1, "price_minor": 1990,
            "owner_id": owner_id, "share_id": share_id,
        }  # fmt: skip
        shop.call("POST", "/v1/events", {"events": [order]})
        page.goto(shop.page_of(owner_id) + "/results")
        row = page.locator("table tr").nth(1)
        assert row.locator("td").nth(1).inner_text() == "1" and row.locator("td").nth(2).inner_text() == "1"
        picture(page, pictures, f"results-{language}-{size}")
        page.goto(shop.page_of(owner_id))
        assert shared not in page.locator(".card h2").all_inner_texts()
        page.goto(shop.page_of(owner_id) + "/circle")
        picture(page, pictures, f"circle-{language}-{size}")
        page.goto(shop.page_of(owner_id))
        page.locator(".card .buttons a:not(.main)").first.click()
        assert page.locator("table").count() >= 1
        picture(page, pictures, f"why-{language}-{size}")


def test_the_token_leaves_the_address_at_once_and_no_script_sees_it(
    browser: Browser, shop: ShopServer
) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[5]))
        assert page.url == shop.page_of(shop.owners[5])
        assert "token" not in page.evaluate("location.href + document.referrer + document.cookie")
        (kept,) = [c for c in page.context.cookies() if c["name"] == "sharepicks_owner"]
        assert (kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, "Lax", "/shop/")


def test_another_owners_page_and_no_session_are_refused_in_words(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[5]))
        for address, status, words in (
            (shop.page_of(shop.owners[6]), 403, "another shop"),
            (shop.page_of("nobody"), 403, "another shop"),
        ):
            reply = page.request.get(address)
            assert reply.status == status and words in reply.text()
        page.context.clear_cookies()
        reply = page.request.get(shop.page_of(shop.owners[5]))
        assert reply.status == 401 and "run out" in reply.text()


def test_a_form_on_another_site_changes_nothing(
    browser: Browser, shop: ShopServer, storefront: Storefront
) -> None:
    owner_id = shop.owners[6]
    with opened(browser) as page:
        page.goto(shop.link(owner_id))
        first = first_title(page)
        key = page.locator("input[name=form_key]").first.get_attribute("value")
        product_id = page.locator("input[name=product_id]").first.get_attribute("value")
        context = page.context
        evil = context.new_page()
        evil.goto(storefront.address + "/evil")
        with evil.expect_navigation() as navigation:
            evil.evaluate(
                """([address, key, product]) => {
                    const form = document.createElement("form");
                    form.method = "post"; form.action = address + "/say";
                    const sent = [["form_key", key], ["product_id", product], ["word", "complaint"]];
                    for (const [name, value] of sent) {
                        const input = document.createElement("input");
                        input.name = name; input.value = value; form.append(input);
                    }
                    document.body.append(form); form.submit();
                }""",
                [shop.page_of(owner_id), key, product_id],
            )
        assert navigation.value.status in (401, 403)
        page.reload()
        assert first_title(page) == first


def test_what_she_says_changes_the_list_she_sees(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[7]))
        first = first_title(page)
        page.locator(".card summary").first.click()
        page.locator(".card button[value=complaint]").first.click()
        expect(page.locator(".notice[role=status]").last).to_contain_text("Noted")
        assert first not in page.locator(".card h2").all_inner_texts()


def test_another_one_comes_for_one_she_does_not_want_today(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[8]))
        visible = page.locator(".card:visible h2")
        before = visible.all_inner_texts()
        page.locator(".card:visible button.another").first.click()
        after = visible.all_inner_texts()
        assert after[0] not in before and after[1:] == before[1:]


def test_axe_finds_nothing_serious_on_any_page(browser: Browser, shop: ShopServer) -> None:
    owner_id = shop.owners[9]
    for size in SIZES:
        with opened(browser, size=size) as page:
            page.goto(shop.link(owner_id))
            product_id = page.locator("input[name=product_id]").first.get_attribute("value")
            of = f"?product_id={product_id}"
            if size == "phone":
                page.locator(".card a.main").first.click()
                page.locator("form.sheet button").click()
                found = Axe().run(page).response["violations"]
                assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
            for end in ("", "/results", "/circle", f"/why{of}", f"/sheet{of}"):
                page.goto(shop.page_of(owner_id) + end)
                found = Axe().run(page).response["violations"]
                assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], end
    with opened(browser) as page:
        page.goto(shop.link("o-of-today"))
        expect(page.locator(".welcome")).to_be_visible()
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_red_control_axe_sees_pale_letters(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[9]))
        page.evaluate("for (const p of document.querySelectorAll('p')) p.setAttribute('class', 'pale')")
        page.evaluate("document.styleSheets[0].insertRule('.pale { color: #ccc }')")
        found = Axe().run(page).response["violations"]
        assert "color-contrast" in [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_the_keyboard_is_enough(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[10]))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert "main" in page.evaluate("document.activeElement.className")
        page.keyboard.press("Enter")
        page.wait_for_url("**/sheet?**")
        while page.evaluate("document.activeElement.name") != "channel":
            page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/shared?**")
        assert page.locator("#link").input_value().startswith(shop.address + "/s/")


def test_without_scripts_she_can_read_copy_and_share(browser: Browser, shop: ShopServer) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(shop.link(shop.owners[11]))
        assert page.locator("button.another:visible").count() == 0
        page.locator(".card a.main").first.click()
        page.locator("form.sheet button").click()
        assert page.locator("button.copy:visible").count() == 0
        assert page.locator("#link").input_value().startswith(shop.address + "/s/")
        assert page.locator("textarea").first.input_value().count(shop.address) == 1


def test_the_first_view_is_small(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        sizes: list[int] = []
        page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
        page.goto(shop.link(shop.owners[12]))
        page.wait_for_load_state("networkidle")
        assert 3 <= len(sizes) <= FIRST_VIEW_REQUESTS and sum(sizes) <= FIRST_VIEW_BYTES


def test_without_a_connection_the_last_list_stays_and_says_its_time(
    browser: Browser, shop: ShopServer
) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[13]))
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()  # now through the worker, which keeps it
        before = page.locator(".card h2").all_inner_texts()
        page.context.set_offline(True)
        page.reload()
        assert page.locator(".card h2").all_inner_texts() == before
        expect(page.locator("#offline")).to_contain_text(re.compile("No connection.*[0-9]+:[0-9]+"))
        page.context.set_offline(False)


def test_it_can_be_put_on_the_first_screen(browser: Browser, shop: ShopServer) -> None:
    with opened(browser) as page:
        page.goto(shop.link(shop.owners[14]))
        address = page.locator("link[rel=manifest]").get_attribute("href")
        manifest = page.request.get(shop.address + str(address)).json()
        assert manifest["start_url"] == f"/shop/{shop.owners[14]}" and manifest["display"] == "standalone"
        for icon in manifest["icons"]:
            assert page.request.get(shop.address + icon["src"]).headers["content-type"] == "image/png"


def test_a_new_product_shows_on_her_page_without_a_training(
    browser: Browser, shop: ShopServer, pictures: Path | None
) -> None:
    owner_id = shop.owners[-1]
    first = shop.call("GET", f"/v1/owners/{owner_id}/recommend?n=1")["picks"][0]
    moment = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    value = shop.call("GET", f"/v1/products/{first['product']['product_id']}/good-value")["arithmetic"]
    new = {
        "table": "products", "product_id": "new-1", "title": "新到 Newcomer", "unit_measure": value["unit"],
        "category": first["product"]["category"], "unit_quantity": value["quantity"],
    }  # fmt: skip
    price = {"price_minor": first["offer"]["price_minor"] // 2, "currency": first["offer"]["currency"]}
    offer = {"table": "offers", "product_id": "new-1", "effective_time": moment, **price}
    shop.call("POST", "/v1/events", {"events": [new, offer]})
    with opened(browser, locale="zh-TW", size="phone") as page:
        page.goto(shop.link(owner_id))
        for _ in range(100):
            picks = shop.call("GET", f"/v1/owners/{owner_id}/recommend?n=20")["picks"]
            at = {pick["product"]["product_id"]: pick["position"] for pick in picks}.get("new-1")
            if at is not None:
                break
            page.wait_for_timeout(50)
        assert at is not None
        page.goto(f"{shop.page_of(owner_id)}?start={at - 1}")
        card = page.locator(".card").first
        expect(card).to_contain_text("Newcomer")
        expect(card).to_contain_text("新到商品")
        picture(page, pictures, "new-product")
        card.get_by_role("link").nth(1).click()
        expect(page.locator("main")).to_contain_text("沒有訂單的商品的預期")
        picture(page, pictures, "new-product-why")
