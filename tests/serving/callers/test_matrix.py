"""Promise 1: the app's own routes × every kind of caller × every id, and no canary of anybody else."""

from __future__ import annotations

import itertools
import json
import logging
from html import unescape
from pathlib import Path
from random import Random

import pytest
from callers_town import OWNERS, PEOPLE, SEES, SUPPLIERS, Town, canary, make_town, targets_of
from fastapi import APIRouter, FastAPI, Request, Response

from recsys.errors import ConfigError
from serving.callers import declare
from serving.callers.at_the_app import install_doors
from serving.callers.declare import anybody_may_call, declared_routes, may_call
from serving.callers.doors import Doors
from serving.callers.roles import Role
from serving.logs import JsonLines

BODIES = (
    b'{"product_ids":["p1"]}', b'{"product_ids":["p1"],"owner_id":"owner-B"}', b"{}", b"",
)  # fmt: skip
QUERIES = ("", "?owner_id=owner-B", "?n=2", "?target=self")
NOBODY = {
    "anonymous", "revoked", "expired", "expired token", "forged token", "garbage", "wrong secret",
    "expired session", "key as session", "console revoked", "console by token", "console by key",
    "console expired",
}  # fmt: skip
OPEN = (
    "/healthz", "/readyz", "/openapi.json", "/s/", "/shop-files/",  # /s/: links of shares, for friends
    "/console/sign-in", "/console/sign-out", "/console/language",
)  # fmt: skip
AT_CONSOLE = {
    f"console {who}" for who in ("scientist", "operator", "supplier A", "storefront", "owner key A")
}
SESSIONS = {"session A", "session B", *AT_CONSOLE}  # her browser: pages only


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return make_town(tmp_path_factory.mktemp("town"))


def foreign(town: Town, who: str, method: str, target: str, body: bytes = b"") -> list[str]:
    """Whose canaries a caller was shown that are not hers."""
    answer = town.send(who, method, target, body)
    assert answer.status < 500
    if who in NOBODY and not target.startswith(OPEN):
        assert answer.status == 401, (who, method, target)
    hers = "/console" if who in AT_CONSOLE else "/shop/"
    if who in SESSIONS and not target.startswith((*OPEN, hers)):
        assert answer.status == 401, (who, method, target)
    seen = unescape(answer.body.decode("utf-8", "replace"))
    return [name for name in PEOPLE if canary(name) in seen and name not in SEES.get(who, ())]


def requests_of(town: Town) -> list[tuple[str, str, str, bytes]]:
    """Everything there is to ask, in a fixed order."""
    found = []
    for (method, target), who in itertools.product(targets_of(town.app), town.headers):
        for query, body in itertools.product(QUERIES, BODIES if method == "POST" else BODIES[:1]):
            found.append((who, method, target + query, body))
    return found


def test_nobody_sees_what_is_anothers(town: Town) -> None:
    asked = Random(7).sample(requests_of(town), 600)
    assert [bad for request in asked for bad in foreign(town, *request)] == []


@pytest.mark.long
def test_nobody_sees_what_is_anothers_in_twenty_thousand_requests(town: Town) -> None:
    every = requests_of(town)
    asked = every + Random(8).choices(every, k=max(0, 20_000 - len(every)))
    assert [bad for request in asked for bad in foreign(town, *request)] == []


def test_every_route_and_every_role_is_in_the_matrix(town: Town) -> None:
    asked = {target for _, target in targets_of(town.app)}
    for path, _, _, _ in declared_routes(town.app):
        assert any(target.startswith(path.partition("{")[0]) for target in asked), path
    assert {"storefront", "scientist", "operator"} <= town.headers.keys()


def test_red_control_without_the_check_of_whose_it_is_the_matrix_finds_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declare, "read_own_id", lambda request, name: request.scope[declare.CALLER].scope_id)
    every = requests_of(town)
    asked = [
        request
        for part in ("/v1/owners/", "/v1/suppliers/", "/shop/", "/console/suppliers/")
        for request in Random(7).sample([r for r in every if r[2].startswith(part)], 600)
    ]
    assert {bad for request in asked for bad in foreign(town, *request)} == set(PEOPLE)


SCIENCE = {"scientist", "operator", "console scientist", "console operator"}
MAY = {
    "/v1/owners/owner%2FA/recommend": {"storefront", "token A", "owner key A"},
    "/v1/owners/owner-B/recommend": {"storefront", "token B"},
    "/shop/owner%2FA": {"storefront", "token A", "owner key A", "session A"},
    "/shop/owner-B": {"storefront", "token B", "session B"},
    "/v1/products/p1/good-value": {"storefront", "scientist"},
    "/v1/suppliers/supplier%2FA/insights": {"supplier A"},
    "/v1/suppliers/supplier-B/insights": {"supplier B"},
    "/v1/demand": {"scientist"},
    "/metrics": {"scientist", "operator"},
    "/console/snapshots": SCIENCE,
    "/console/live": SCIENCE,
    "/console/products": SCIENCE,
    "/console/products/p1": SCIENCE,
    "/console/demand": SCIENCE,
    "/console/suppliers": {"operator", "console operator"},
    "/console/suppliers/supplier%2FA": {"operator", "console operator", "supplier A", "console supplier A"},
    "/console/suppliers/supplier-B": {"operator", "console operator", "supplier B"},
}


@pytest.mark.parametrize("target", MAY)
def test_exactly_these_may_call(town: Town, target: str) -> None:
    statuses = {who: town.send(who, "GET", target).status for who in town.headers}
    assert {who for who, status in statuses.items() if status == 200} == MAY[target]
    assert {who for who, status in statuses.items() if status == 401} - SESSIONS == NOBODY
    assert set(statuses.values()) == {200, 401, 403}


def test_a_token_that_the_storefront_asked_for_opens_that_owner_only(town: Town) -> None:
    target = "/v1/owners/owner%2FA/token?minutes=5"
    assert {who for who in town.headers if town.send(who, "POST", target).status == 200} == {
        "storefront", "operator",
    }  # fmt: skip
    body = town.send("storefront", "POST", target).json()
    assert body["expires_time"] == "2026-03-01T08:05:00Z"
    hers = Town(town.app, {"she": f"Bearer {body['token']}"})
    assert hers.send("she", "GET", "/v1/owners/owner%2FA/recommend").status == 200
    assert hers.send("she", "GET", "/v1/owners/owner-B/recommend").status == 403
    assert town.send("storefront", "POST", "/v1/owners/a/token?minutes=721").status == 422


@pytest.mark.parametrize("who", ["anonymous", "token B", "supplier B", "scientist", "operator"])
def test_a_refusal_says_nothing_about_what_exists(town: Town, who: str) -> None:
    there, not_there = (
        [town.send(who, "GET", target) for target in targets]
        for targets in (
            ("/v1/owners/owner%2FA/recommend", "/v1/suppliers/supplier%2FA/insights"),
            ("/v1/owners/no%2Fbody/recommend", "/v1/suppliers/no%2Fbody/insights"),
        )
    )
    assert [(a.status, a.body, a.headers) for a in there] == [
        (a.status, a.body, a.headers) for a in not_there
    ]
    assert {answer.status for answer in there} <= {401, 403}


HOSTILE = [
    [("authorization", "")], [("authorization", "Bearer")], [("authorization", "Bearer ")],
    [("authorization", "Basic YTpi")], [("authorization", "Bearer \xff\xfe")],
    [("authorization", "Bearer sp_" + "é" * 12 + "_" + "0" * 64)],
    [("authorization", "Bearer " + "a" * 15_000)],
    [("authorization", "Bearer a b")], [("authorization", "Bearer a,b")], [("authorization", "\x00")],
    [("authorization", "Bearer " + "." * 500)], [("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")],
    [("authorization", "Bearer sp__")], [("authorization", "bearer\tsp_x")],
    [("authorization", "Bearer e30.e30.e30")], [("authorization", "Bearer bnVsbA.bnVsbA.bnVsbA")],
]  # fmt: skip


@pytest.mark.parametrize("headers", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_header_is_401(town: Town, headers: list[tuple[str, str]]) -> None:
    from asgi_caller import Caller

    answer = Caller(town.app).send("GET", "/v1/demand", headers=headers)
    assert (answer.status, answer.json()["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_two_authorization_headers_are_401_although_each_is_good(town: Town) -> None:
    from asgi_caller import Caller

    good = ("authorization", str(town.headers["scientist"]))
    assert Caller(town.app).send("GET", "/v1/demand", headers=[good]).status == 200
    assert Caller(town.app).send("GET", "/v1/demand", headers=[good, good]).status == 401


def test_the_log_of_it_all_has_no_key_no_id_and_no_secret(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for request in Random(9).sample(requests_of(town), 300):
            foreign(town, *request)
    log = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert log.count('"event":"request"') == 300
    secret = {  # of a token its signature, of a key what follows its prefix
        str(header).rpartition("." if "." in str(header) else "_")[2]
        for header in town.headers.values() if header
    }  # fmt: skip
    assert min(map(len, secret)) > 5
    for text in (*secret, *OWNERS, *SUPPLIERS, "canary", "owner%2F", "owner-"):
        assert text not in log


def route_on(endpoint: object) -> FastAPI:
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()
    router.get("/v1/new/{owner_id:path}/thing")(endpoint)  # type: ignore[type-var]
    app.include_router(router)
    return app


async def undeclared(request: Request) -> Response:
    return Response()


def test_a_route_that_does_not_say_who_may_call_it_fails_the_start() -> None:
    with pytest.raises(ConfigError, match=r"/v1/new/\{owner_id\}/thing: the route does not say who may call"):
        install_doors(route_on(undeclared), Doors())
    install_doors(route_on(anybody_may_call(undeclared)), Doors())


def test_what_fastapi_mounts_by_itself_fails_the_start_too() -> None:
    with pytest.raises(ConfigError, match=r"/openapi\.json"):
        install_doors(FastAPI(), Doors())


def test_a_declaration_that_names_no_parameter_of_the_path_fails_the_start() -> None:
    with pytest.raises(ConfigError, match="mine='supplier_id' must be a parameter"):
        install_doors(route_on(may_call(Role.SUPPLIER, mine="supplier_id")(undeclared)), Doors())
    with pytest.raises(ConfigError, match='says mine="owner_id"'):
        may_call(Role.OWNER)
    with pytest.raises(ConfigError, match="anybody_may_call"):
        may_call()


def test_the_openapi_document_names_the_scheme_and_each_calls_roles(town: Town) -> None:
    document = json.loads(town.send("anonymous", "GET", "/openapi.json").body)
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, calls in document["paths"].items():
        for call in calls.values():
            if path.startswith(OPEN):
                assert call["x-may-call"] == ["anybody"] and "security" not in call
            else:
                assert call["security"] == [{"key": []}]
                assert {"401", "403", "429"} <= call["responses"].keys()
    recommend = document["paths"]["/v1/owners/{owner_id}/recommend"]["get"]
    assert recommend["x-may-call"] == ["storefront", "owner (her own owner_id)"]


def test_while_no_key_was_made_everybody_on_this_machine_may_call(tmp_path: Path) -> None:
    from asgi_caller import Caller
    from fake_snapshots import make_app, make_registry

    caller = Caller(make_app(make_registry(tmp_path)))
    assert caller.get("/metrics").status == 200
    assert caller.get("/v1/demand").status == 200
