"""The pages as they are sent: who may open them, what they say, and what forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from asgi_caller import Answer
from live_service import NOON, LiveService, live_service, offer, order, stock, write_live_snapshot
from small_model import World, csr_view
from small_model import town as town_world
from valued_model import valued_model

from recsys.pointer import promote
from recsys.signals import Signals
from serving.live import audience_now
from serving.shop import for_whom
from serving.store.opening import open_store

FORM = ("content-type", "application/x-www-form-urlencoded")
ENGLISH = ("accept-language", "en")
HOST = ("host", "shop.test")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LiveService]:
    with live_service(tmp_path) as found:
        yield found


def get(town: LiveService, target: str, *headers: tuple[str, str]) -> Answer:
    return town.caller.send("GET", target, headers=[ENGLISH, HOST, *headers])


def page(town: LiveService, target: str) -> str:
    answer = get(town, target)
    assert answer.status == 200, answer.body
    return unescape(answer.body.decode())


def send(town: LiveService, target: str, headers: tuple[tuple[str, str], ...] = (), **fields: str) -> Answer:
    body = urlencode(fields).encode()
    return town.caller.send("POST", target, [body], [FORM, ENGLISH, HOST, *headers])


def form_key(town: LiveService, owner_id: str = "o-noodles") -> str:
    found = re.search('name="form_key" value="([0-9a-f]{64})"', page(town, f"/shop/{owner_id}"))
    assert found is not None
    return found[1]


def titles(town: LiveService, owner_id: str = "o-noodles") -> list[str]:
    return re.findall("<h2>Title of ([nkt][0-9])", page(town, f"/shop/{owner_id}"))


def test_the_page_shows_what_the_service_picks(town: LiveService) -> None:
    picked = town.reply(query="?n=20")["picks"]
    assert titles(town) == [pick["product"]["product_id"] for pick in picked]
    text = page(town, "/shop/o-noodles")
    assert "Good shares left today: 5" in text and "Better value than" in text


@pytest.mark.parametrize("start", [5, 19, 20])
def test_a_link_to_more_picks_than_there_are_shows_the_first(town: LiveService, start: int) -> None:
    for product_id in ("n1", "k1"):
        town.share(product_id)
    assert re.search("<h2>Title of [nkt][0-9]", page(town, f"/shop/o-noodles?start={start}"))


def test_each_language_is_whole(town: LiveService) -> None:
    for asked, words in (
        ("zh-TW", "今天還適合分享 5 次"),
        ("zh-CN", "今天还适合分享 5 次"),
        ("en", "left today: 5"),
    ):
        answer = town.caller.send("GET", "/shop/o-noodles", headers=[("accept-language", asked), HOST])
        assert words in unescape(answer.body.decode())
    chosen = get(town, "/shop/o-noodles/language?to=zh_Hant")
    assert (chosen.status, chosen.headers["location"]) == (303, "/shop/o-noodles")
    assert chosen.headers["set-cookie"].startswith("sharepicks_language=zh_Hant")
    kept = get(town, "/shop/o-noodles", ("cookie", "sharepicks_language=zh_Hant"))
    assert "今日好物" in kept.body.decode()


def test_nothing_may_run_that_is_not_ours(town: LiveService) -> None:
    for target in ("/shop/o-noodles", "/shop/o-noodles/results", "/shop/o-noodles/circle"):
        answer = get(town, target)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        text = answer.body.decode()
        assert not re.search(r"\son[a-z]+=|javascript:|<style|style=|<script>", text)


def test_from_list_to_share_to_results(town: LiveService) -> None:
    key = form_key(town)
    sheet = page(town, "/shop/o-noodles/sheet?product_id=n1")
    assert "Make my link" in sheet
    made = send(town, "/shop/o-noodles/share", form_key=key, product_id="n1", channel="group", scene="")
    assert made.status == 303
    shared = page(town, made.headers["location"])
    share_id = made.headers["location"].partition("=")[2]
    assert f"http://shop.test/s/{share_id}" in shared and "Advertisement" in shared
    assert "n1" not in titles(town)
    town.tell(
        order("x1", "m0", "n1", NOON + timedelta(minutes=1), owner_id="o-noodles", share_id=share_id),
        order("x2", "m1", "n1", NOON + timedelta(minutes=1), owner_id="o-noodles", share_id=share_id),
        {"table": "returns", "return_id": "r1", "order_id": "x2", "product_id": "n1",
         "request_time": (NOON + timedelta(minutes=2)).isoformat()},
    )  # fmt: skip
    assert "Shares: 1 · clicks: 0 · orders: 2 · kept: 1" in page(town, "/shop/o-noodles/results")
    poster = get(town, f"/shop/o-noodles/poster?share_id={share_id}&format=png")
    assert poster.headers["content-type"] == "image/png" and poster.body.startswith(b"\x89PNG")


def test_a_share_of_another_owner_is_not_there(town: LiveService) -> None:
    made = send(town, "/shop/o-noodles/share", form_key=form_key(town), product_id="n1")
    share_id = made.headers["location"].partition("=")[2]
    for what in ("shared?share_id=", "poster?share_id="):
        assert get(town, f"/shop/o-kitchen/{what}{share_id}").status == 404
        assert get(town, f"/shop/o-kitchen/{what}nothing").status == 404


def test_a_word_of_hers_changes_the_list_and_is_acknowledged(town: LiveService) -> None:
    said = send(town, "/shop/o-noodles/say", form_key=form_key(town), product_id="n1", word="too_dear")
    assert (said.status, said.headers["location"]) == (303, "/shop/o-noodles?heard=1")
    assert "Noted." in page(town, "/shop/o-noodles?heard=1")
    assert set(titles(town)) & {"n1", "n2", "n9"} == set()


FOREIGN = (
    (("origin", "https://evil.example"),), (("origin", "null"),), (("sec-fetch-site", "cross-site"),),
    (("sec-fetch-site", "same-site"),),
)  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_from_elsewhere_is_refused(town: LiveService, headers: tuple[tuple[str, str], ...]) -> None:
    key = form_key(town)
    refused = send(town, "/shop/o-noodles/say", headers, form_key=key, product_id="n1", word="too_dear")
    assert refused.status == 403 and "n1" in titles(town)


def test_a_form_without_her_key_or_with_anothers_is_refused(town: LiveService) -> None:
    for key in ("0" * 64, form_key(town, "o-kitchen")):
        assert send(town, "/shop/o-noodles/say", form_key=key, product_id="n1", word="too_dear").status == 403
    assert send(town, "/shop/o-noodles/say", product_id="n1", word="too_dear").status == 422
    own = ("origin", "http://shop.test")
    assert (
        send(
            town, "/shop/o-noodles/say", (own,), form_key=form_key(town), product_id="n1", word="too_dear"
        ).status
        == 303
    )


def test_a_new_owner_chooses_and_gets_a_list_at_once(town: LiveService) -> None:
    text = page(town, "/shop/o-today")
    assert "What do your people like?" in text
    assert re.findall('type="checkbox" name="(category_[0-9])" value="([^"]+)"', text) == [
        ("category_1", "Food"), ("category_2", "Home"),
    ]  # fmt: skip
    chosen = send(town, "/shop/o-today/interests", form_key=form_key(town, "o-today"), category_2="Home")
    assert chosen.status == 303
    assert all(title.startswith("k") for title in titles(town, "o-today"))
    assert "What do your people like?" not in page(town, "/shop/o-today")


def test_an_empty_list_says_why(town: LiveService) -> None:
    for product_id in ("n1", "k1", "t0", "n2", "k2"):
        town.share(product_id)
    text = page(town, "/shop/o-noodles")
    assert "Your circle had its good shares for today" in text and not titles(town)
    assert "Good shares left today: 0 of 5" in page(town, "/shop/o-noodles/circle")


def test_alerts_tell_what_changed_with_what_she_shared(town: LiveService) -> None:
    for product_id in ("n1", "n2", "n3", "k1"):
        town.share(product_id)
    town.tell(
        stock("n1", 0), stock("n2", 3), offer("n3", 900),
        *({"table": "complaints", "complaint_id": f"c{i}", "complaint_time": NOON.isoformat(),
           "product_id": "k1", "order_id": f"x{i}"} for i in range(12)),
    )  # fmt: skip
    told = alerts(town)
    assert told[0].startswith("Title of k1 went badly") and "Title of n1 is sold out." in told
    assert "Title of n2: only 3 left." in told
    assert any("now costs CN¥9.00. It was CN¥8.00" in text for text in told)


def test_nothing_is_told_of_a_circle_of_fewer_than_ten(town: LiveService) -> None:
    text = page(town, "/shop/o-noodles/circle")
    assert "nothing is shown" in text and "or more people" not in text
    assert not re.search(r"\bm[0-9]", text)


def test_without_the_store_the_list_is_there_and_says_that_it_is_old(town: LiveService) -> None:
    town.service.store.close()
    town.later(seconds=6)
    assert "Newer data cannot be read just now" in page(town, "/shop/o-noodles") and titles(town)
    answer = get(town, "/shop/o-noodles/results")
    assert answer.status == 503 and "<h1>" in answer.body.decode()


def test_a_product_that_is_not_there_is_a_page_and_not_json(town: LiveService) -> None:
    answer = get(town, "/shop/o-noodles/why?product_id=nothing")
    assert answer.status == 404 and "There is no such page." in unescape(answer.body.decode())
    assert answer.headers["content-type"].startswith("text/html")


def test_why_shows_the_arithmetic_and_the_comparables(town: LiveService) -> None:
    text = page(town, "/shop/o-noodles/why?product_id=n1")
    assert "How the value is worked out" in text and "Sent back" in text and text.count("<tr>") >= 20


def test_her_words_and_interests_are_erased_with_no_trace_in_an_export(
    town: LiveService, tmp_path: Path
) -> None:
    """They are of the store alone: an export has rows of the contract only."""
    from serving.store.export import export_store

    send(town, "/shop/o-noodles/say", form_key=form_key(town), product_id="n1", word="too_dear")
    town.share("n2")
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        assert set(export_store(store, tmp_path / "out").n_rows) == {"shares"}


def crowded() -> World:
    """The town with a circle of twelve, of whom nobody came to her yet."""
    world = town_world()
    return replace(world, circle={**world.circle, "o-crowd": [f"x{n:02}" for n in range(12)]})


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveService]:
    monkeypatch.setattr(audience_now, "QUICK_S", 1e9)  # a slow machine must not change what is known
    with live_service(tmp_path, crowded()) as found:
        yield found


def came(town: LiveService, *members: str, owner_id: str) -> None:
    """These members bought kitchenware through her, half an hour ago."""
    at = NOON - timedelta(minutes=30)
    town.tell(*(order(f"o-{member}", member, "k1", at, owner_id=owner_id) for member in members))


def whom(text: str) -> list[str]:
    found = re.search('<details class="whom">(.*?)</details>', text, re.DOTALL)
    return [] if found is None else re.findall("<strong>(.*?)</strong>", found[1])


def test_the_sheet_names_people_whom_she_knows_and_nothing_of_what_they_bought(crowd: LiveService) -> None:
    sheet = "/shop/o-crowd/sheet?product_id=n1"
    assert whom(page(crowd, sheet)) == []
    came(crowd, "x07", "x03", owner_id="o-crowd")
    text = page(crowd, sheet)
    assert whom(text) == ["x03", "x07"] and "came to your shares before" in text
    assert "k1" not in text and "Kitchen" not in text


def test_of_a_circle_of_fewer_than_ten_nobody_is_named(town: LiveService) -> None:
    came(town, "m0", "m1", owner_id="o-noodles")
    assert whom(page(town, "/shop/o-noodles/sheet?product_id=n1")) == []


def test_red_control_without_the_least_circle_they_would_be_named(
    town: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(for_whom, "LEAST_MEMBERS", 1)
    monkeypatch.setattr(audience_now, "QUICK_S", 1e9)
    came(town, "m0", "m1", owner_id="o-noodles")
    assert whom(page(town, "/shop/o-noodles/sheet?product_id=n1")) == ["m0", "m1"]


def alerts(town: LiveService) -> list[str]:
    found = re.search('<section class="alerts".*?</section>', page(town, "/shop/o-noodles"), re.S)
    return [] if found is None else re.findall("<li>(.*?)</li>", found[0])


def group(group_id: str, product_id: str, required: int, **more: object) -> dict[str, object]:
    return {
        "table": "group_buys", "group_buy_id": group_id, "product_id": product_id, "required_count": required,
        "initiator_id": "o-noodles", "open_time": (NOON - timedelta(hours=1)).isoformat(), **more,
    }  # fmt: skip


def join(group_id: str, member_id: str) -> dict[str, object]:
    at = (NOON - timedelta(minutes=1)).isoformat()
    return {"table": "group_buy_joins", "group_buy_id": group_id, "member_id": member_id, "join_time": at}


def test_a_group_of_hers_that_lacks_one_is_told_until_it_is_full_or_over(town: LiveService) -> None:
    town.tell(group("g1", "n1", 3), join("g1", "m0"))
    assert alerts(town) == []
    town.tell(join("g1", "m1"))
    (told,) = alerts(town)
    assert told.startswith("Your group of 3 for Title of n1 lacks one person. It ends 3/2/26")
    town.tell(join("g1", "m2"))
    assert alerts(town) == []
    town.tell(
        group("g2", "n2", 2), join("g2", "m0"), group("g3", "n3", 2, initiator_id="m9"), join("g3", "m0")
    )
    assert len(alerts(town)) == 1
    town.later(days=1)
    assert alerts(town) == []


def test_of_a_group_for_what_is_sold_out_nothing_is_told(town: LiveService) -> None:
    town.tell(group("g1", "n1", 2), join("g1", "m0"))
    assert len(alerts(town)) == 1
    town.tell(stock("n1", 0))
    assert alerts(town) == []


def test_what_her_circle_may_be_running_out_of_is_told_until_somebody_ordered_it(tmp_path: Path) -> None:
    model = valued_model(town_world())
    ids, owner = model.products.ids, model.people.owners.row("o-noodles")
    n_members = {(owner, ids.row("n1")): 3, (owner, ids.row("n2")): 1, (owner, ids.row("n3")): 2}
    chances = {cell: 0.5 + 0.1 * n for cell, n in n_members.items()}
    due = csr_view(chances, (len(model.people.owners), len(ids)), n_members=(n_members, np.int32))
    write_live_snapshot(replace(model, signals=Signals(rebuy_circle=due)), tmp_path / "registry" / "one")
    promote(tmp_path / "registry", "one")
    with live_service(tmp_path) as found:
        (three,) = alerts(found)  # the likeliest
        assert three == "3 people of your circle bought Title of n1 and may be running out of it about now."
        found.tell(order("x1", "m0", "n1", NOON))
        (two,) = alerts(found)
        assert two.startswith("2 people of your circle bought Title of n3")
        found.share("n3")
        assert alerts(found) == []  # n2: one person alone could be known by it
