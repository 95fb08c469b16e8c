"""The console: who sees which page, what a form may do, and what a page tells."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from console_town import ConsoleTown, Looker, console_town

from recsys.registry import journal, move, serving_name
from recsys.run_card import evaluation_path, run_card_path
from serving.callers.key_ring import KeyRing
from serving.callers.roles import Caller, Role
from serving.console import console

PAGES = (
    "/console/snapshots", "/console/snapshots/one", "/console/compare?before=one&after=two", "/console/live",
    "/console/products", "/console/products/n1", "/console/demand",
)  # fmt: skip
OPERATORS_PAGES = ("/console/suppliers", "/console/suppliers/s0", "/console/suppliers/s1")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> ConsoleTown:
    """A service that the tests only look at."""
    return console_town(tmp_path_factory.mktemp("console"))


@pytest.fixture
def moving(tmp_path: Path) -> ConsoleTown:
    """A service whose snapshots and keys a test may change."""
    return console_town(tmp_path)


def opens(looker: Looker, target: str) -> bool:
    return looker.get(target).status in (200, 303)


def test_each_role_opens_its_pages_and_no_other(town: ConsoleTown) -> None:
    scientist, operator, supplier = map(town.looker, (Role.SCIENTIST, Role.OPERATOR, Role.SUPPLIER))
    assert all(opens(looker, target) for looker in (scientist, operator) for target in PAGES)
    assert not any(opens(scientist, target) for target in OPERATORS_PAGES)
    assert opens(operator, "/console/suppliers") and opens(operator, "/console/suppliers/s0")
    assert [target for target in (*PAGES, *OPERATORS_PAGES) if opens(supplier, target)] == [
        "/console/suppliers/s0"
    ]
    assert supplier.get("/console").headers["location"] == "/console/suppliers/s0"


@pytest.mark.parametrize("role", [Role.OWNER, Role.STOREFRONT])
def test_owner_and_storefront_hear_what_a_wrong_key_hears(town: ConsoleTown, role: Role) -> None:
    wrong = town.looker().sign_in("sp_000000000000_" + "0" * 64)
    theirs = town.looker().sign_in(town.keys[role].key)
    assert (wrong.status, wrong.body) == (theirs.status, theirs.body)
    assert wrong.status == 401 and "set-cookie" not in theirs.headers
    assert b"does not open the console" in wrong.body


@pytest.mark.parametrize("role", [None, Role.SUPPLIER, Role.SCIENTIST])
def test_a_refusal_says_nothing_of_what_exists(town: ConsoleTown, role: Role | None) -> None:
    looker = town.looker(role)
    targets = ("/console/suppliers/s1", "/console/suppliers/nobody")
    there, not_there = (looker.get(target) for target in targets)
    assert there.status in (401, 403)
    assert (there.status, there.body) == (not_there.status, not_there.body)


def test_what_is_not_there_is_one_page(town: ConsoleTown) -> None:
    operator = town.looker(Role.OPERATOR)
    bodies = {
        operator.get(target).body
        for target in (
            "/console/products/nothing", "/console/suppliers/nobody", "/console/snapshots/nothing",
            "/console/compare?before=one&after=nothing",
        )
    }  # fmt: skip
    assert len(bodies) == 1 and b"There is no such page" in bodies.pop()


def test_the_key_itself_never_reaches_the_browser(town: ConsoleTown) -> None:
    looker = town.looker()
    answer = looker.sign_in(town.keys[Role.SCIENTIST].key)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/console" in cookie
    assert "max-age=43200" in cookie
    secret = town.keys[Role.SCIENTIST].key.rpartition("_")[2]
    assert secret not in answer.headers["set-cookie"]
    assert secret not in looker.page("/console/snapshots")


def test_a_session_ends_with_its_key(moving: ConsoleTown) -> None:
    looker = moving.looker(Role.SCIENTIST)
    assert looker.get("/console/snapshots").status == 200
    moving.revoke(Role.SCIENTIST)
    assert looker.get("/console/snapshots").status == 401


def test_a_session_ends_after_twelve_hours(moving: ConsoleTown) -> None:
    looker = moving.looker(Role.SCIENTIST)
    moving.later(timedelta(hours=12) - timedelta(seconds=1))
    assert looker.get("/console/snapshots").status == 200
    moving.later(timedelta(seconds=1))
    assert looker.get("/console/snapshots").status == 401


def test_a_session_opens_no_call_of_the_api_and_no_owners_page(town: ConsoleTown) -> None:
    operator = town.looker(Role.OPERATOR)
    for target in ("/v1/snapshots", "/metrics", "/shop/o-noodles"):
        assert operator.get(target).status == 401


def test_red_control_a_session_that_is_not_looked_up_outlives_its_key(
    moving: ConsoleTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker, key = moving.looker(Role.SCIENTIST), moving.keys[Role.SCIENTIST]
    moving.revoke(Role.SCIENTIST)
    monkeypatch.setattr(KeyRing, "caller_of", lambda ring, key_id: Caller(key.role, None, key_id))
    assert looker.get("/console/snapshots").status == 200


def test_red_control_a_form_that_is_not_asked_where_it_comes_from_moves_the_pointer(
    moving: ConsoleTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "require_own_form", lambda *asked: None)
    looker = moving.looker(Role.SCIENTIST)
    evil = ("origin", "https://evil.example")
    answer = looker.send("/console/snapshots/two/promote", evil, form_key="0" * 64, why="evil")
    assert answer.status == 303 and serving_name(moving.registry) == "two"


def test_sign_out_takes_the_cookie_away(town: ConsoleTown) -> None:
    looker = town.looker(Role.SCIENTIST)
    gone = looker.send("/console/sign-out", key_of="/console/snapshots")
    assert gone.status == 303 and "max-age=0" in gone.headers["set-cookie"].lower()
    assert looker.get("/console/snapshots").status == 401


FOREIGN = (
    (("origin", "https://evil.example"),), (("origin", "null"),), (("sec-fetch-site", "cross-site"),),
)  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_from_elsewhere_moves_nothing(town: ConsoleTown, headers: tuple[tuple[str, str], ...]) -> None:
    looker = town.looker(Role.SCIENTIST)
    for target in ("/console/snapshots/two/promote", "/console/snapshots/rollback", "/console/sign-out"):
        assert looker.send(target, *headers, key_of="/console/snapshots", why="x").status in (403, 422)
    assert serving_name(town.registry) == "one" and journal(town.registry) == []


def test_a_form_with_anothers_key_moves_nothing(town: ConsoleTown) -> None:
    looker, other = town.looker(Role.SCIENTIST), town.looker(Role.OPERATOR)
    key = other.page("/console/snapshots/two").partition('name="form_key" value="')[2][:64]
    for sent in (key, "0" * 64):
        assert looker.send("/console/snapshots/two/promote", form_key=sent, why="x").status == 403
    assert looker.send("/console/snapshots/two/promote", why="x").status == 422
    assert serving_name(town.registry) == "one"


def test_a_supplier_promotes_nothing(town: ConsoleTown) -> None:
    supplier = town.looker(Role.SUPPLIER)
    page = "/console/suppliers/s0"
    assert supplier.send("/console/snapshots/two/promote", key_of=page, why="x").status == 403
    assert supplier.send("/console/snapshots/rollback", key_of=page, why="x").status == 403


def promote_two(looker: Looker, why: str = "better", if_serving: str = "one") -> int:
    page = "/console/snapshots/two"
    return looker.send(page + "/promote", key_of=page, why=why, if_serving=if_serving).status


def test_promote_and_roll_back_with_a_reason_stand_in_the_journal(moving: ConsoleTown) -> None:
    looker = moving.looker(Role.SCIENTIST)
    assert promote_two(looker, why="") == 422
    assert promote_two(looker, why="the night of 22 November") == 303
    assert serving_name(moving.registry) == "two"
    done = looker.page("/console/snapshots?done=promote")
    assert "Promoted. two serves" in done and "the night of 22 November" in done
    back = looker.send("/console/snapshots/rollback", key_of="/console/snapshots", why="complaints")
    assert back.status == 303 and serving_name(moving.registry) == "one"
    moves = journal(moving.registry)
    assert [(made.act, made.why) for made in moves] == [
        ("promote", "the night of 22 November"), ("rollback", "complaints"),
    ]  # fmt: skip
    assert {made.who for made in moves} == {moving.keys[Role.SCIENTIST].key_id}


def test_who_comes_second_is_told_in_a_sentence(moving: ConsoleTown) -> None:
    looker = moving.looker(Role.SCIENTIST)
    page = "/console/snapshots/two"
    key = looker.page(page).partition('name="form_key" value="')[2][:64]
    move(
        moving.registry, "two", who="bea", why="first", now=moving.clock[0], verify=lambda path: path
    )  # meanwhile
    answer = looker.send(page + "/promote", form_key=key, why="second", if_serving="one")
    assert answer.status == 409
    assert "Another snapshot was promoted meanwhile" in answer.body.decode()
    assert [made.who for made in journal(moving.registry)] == ["bea"]


def test_a_damaged_snapshot_is_not_promoted_and_no_path_is_told(moving: ConsoleTown) -> None:
    (moving.registry / "two" / "popularity.npy").write_bytes(b"")
    looker = moving.looker(Role.SCIENTIST)
    page = "/console/snapshots/two"
    answer = looker.send(page + "/promote", key_of=page, why="x", if_serving="one")
    assert answer.status == 404 and str(moving.registry) not in answer.body.decode()
    assert serving_name(moving.registry) == "one"


def test_a_run_card_tells_stages_audits_what_is_off_and_metrics(moving: ConsoleTown) -> None:
    place = moving.registry / "one"
    run_card_path(place).write_text(json.dumps({
        "train_seconds": 12.5, "peak_memory_mb": 321,
        "stages": [{"stage": "fitting operators", "seconds": 3.25, "peak_memory_mb": 300}],
        "audits": {
            "commission": {"inversions_above_band": 0, "shuffle_tau": 0.974, "regret": 0.0021},
            "exposure": {"largest_share": 0.4, "gini": 0.7, "worth_kept_at_cap": {"0.05": 0.98}},
        },
    }))  # fmt: skip
    interval = {"mean": 0.1234, "low": 0.11, "high": 0.14}
    method = {"name": "sharepicks", "label": "Sharepicks", "measures": {"ndcg@20": interval}}
    part = {"name": "new owners", "n_owners": 12, "methods": {"sharepicks": {"ndcg@20": interval}}}
    evaluation_path(place).write_text(json.dumps({"n_owners": 77, "methods": [method], "slices": [part]}))
    text = moving.looker(Role.SCIENTIST).page("/console/snapshots/one")
    for told in ("fitting operators", "3.25", "0.974", "0.21%", "98%", "77 owners judged", "new owners",
                 "0.1234 (0.110 – 0.140)", "capped at 5%", "Nothing is off"):  # fmt: skip
        assert told in text, told


@pytest.mark.parametrize("text", ["[]", "{", '{"audits": 3, "stages": [1, {}], "methods": "x"}', "null"])
def test_a_strange_run_card_is_no_failure(moving: ConsoleTown, text: str) -> None:
    place = moving.registry / "one"
    for file in (run_card_path(place), evaluation_path(place)):
        file.write_text(text)
    assert "What it was made from" in moving.looker(Role.SCIENTIST).page("/console/snapshots/one")


def test_compare_tells_how_far_lists_change(town: ConsoleTown) -> None:
    text = town.looker(Role.SCIENTIST).page("/console/compare?before=one&after=two")
    assert "Over 3 owners" in text and "one → two" in text


def test_the_live_page_tells_what_was_counted(moving: ConsoleTown) -> None:
    storefront = ("authorization", f"Bearer {moving.keys[Role.STOREFRONT].key}")
    for owner_id in ("o-noodles", "o-noodles", "nobody"):
        assert Looker(moving.caller).get(f"/v1/owners/{owner_id}/recommend?n=3", storefront).status == 200
    text = moving.looker(Role.OPERATOR).page("/console/live")
    for told in ("/v1/owners/{owner_id}/recommend", "33.33%", "Age of what it knows", "4 hours", "popular"):
        assert told in text, told
    assert "worked out" in text and "kept" in text


def test_a_value_card_is_the_reply_of_the_api(town: ConsoleTown) -> None:
    scientist = ("authorization", f"Bearer {town.keys[Role.SCIENTIST].key}")
    found = Looker(town.caller).get("/v1/products/n1/good-value", scientist).json()
    text = town.looker(Role.SCIENTIST).page("/console/products/n1")
    assert found["formula"] in text
    assert all(other["title"] in text for other in found["comparables"])
    assert f"{found['good_value']['value_score']:.1%}".replace(".0%", "%") in text
    asked = town.looker(Role.SCIENTIST).get("/console/products?product_id=n%2F1")
    assert asked.headers["location"] == "/console/products/n%2F1"


def test_without_any_key_the_console_is_open_and_says_so(tmp_path: Path) -> None:
    looker = console_town(tmp_path, has_keys=False).looker()
    assert looker.get("/console").headers["location"] == "/console/snapshots"
    for target in (*PAGES, *OPERATORS_PAGES[:2]):
        assert "No key was ever made" in looker.page(target)
    assert promote_two(looker) == 303


def test_nobody_signed_in_gets_the_form_and_no_tabs(town: ConsoleTown) -> None:
    for target in ("/console", "/console/snapshots", "/console/live"):
        answer = town.looker().get(target)
        text = answer.body.decode()
        assert answer.status == 401 and 'type="password"' in text and "/console/live" not in text


def test_each_language_is_whole(town: ConsoleTown) -> None:
    looker = town.looker(Role.OPERATOR)
    chosen = looker.get("/console/language?to=zh_Hant")
    assert chosen.status == 303 and "path=/console" in chosen.headers["set-cookie"].lower()
    for language, words in (("zh-TW", "快照"), ("zh-CN", "快照"), ("en", "Snapshots")):
        answer = town.caller.send(
            "GET", "/console/snapshots",
            headers=[("accept-language", language), ("cookie", str(looker.cookie)), ("host", "console.test")],
        )  # fmt: skip
        assert words in answer.body.decode()


def test_the_pages_let_nothing_run_and_are_kept_nowhere(town: ConsoleTown) -> None:
    operator = town.looker(Role.OPERATOR)
    for target in (*PAGES, *OPERATORS_PAGES[:2], "/console/nothing"):
        answer = operator.get(target)
        if answer.headers["content-type"].startswith("text/html"):
            assert answer.headers["cache-control"] == "no-store"
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert b"<script" not in answer.body and b"style=" not in answer.body
