"""The matrix over a real model: whose members are named, whose shares are told, to whom, on every route.

Each owner's circle consists of members whose ids are her canary, and her shares have ids of her own. Routes
come from the app itself, so a new one is in the matrix without a line here.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from itertools import chain, count, product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from callers_town import (
    NOW,
    OWNERS,
    PEOPLE,
    SEES,
    Town,
    canary,
    make_town,
    open_canaries,
    targets_of,
)
from fastapi import APIRouter, Request, Response
from live_service import write_live_snapshot
from small_model import Item, World
from test_matrix import AT_CONSOLE, BODIES, NOBODY, OPEN, SESSIONS
from valued_model import valued_model

from recsys.pointer import promote
from serving.callers.declare import anybody_may_call, may_call, template_of
from serving.callers.roles import Role
from serving.gate import read_path_ids
from serving.live import audience_now
from serving.live.live import catch_up
from serving.service import Service
from serving.snapshots import Served, open_served

N_MEMBERS = 12  # of each circle: ten are enough to be spoken of
SHARES = {PEOPLE[0]: "sharedbyownerA", PEOPLE[1]: "sharedbyownerB"}
MORE_BODIES = (
    b'{"product_id":"p1","word":"too_dear"}', b'{"owner_id":"owner-B","product_id":"p2"}',
    b'{"events":[]}', b'{"why":"because"}',
)  # fmt: skip
ASKS = (
    "", "?n=2", "?product_id=p1", "?owner_id=owner-B", "?minutes=5",
    *(f"?share_id={share_id}" for share_id in SHARES.values()), "?one=one&two=two",
)  # fmt: skip
TAKES = {
    "shared": ASKS[5:7], "poster": ASKS[5:7], "sheet": ("?product_id=p1",), "why": ("?product_id=p1",),
    "token": ("?minutes=5",),
}  # fmt: skip
Target = tuple[str, str]
Ask = tuple[str, str, str, bytes]  # who, method, target, body


def members_of(person: str) -> list[str]:
    return [f"{canary(person)} {n}" for n in range(N_MEMBERS)]


def world() -> World:
    """Both circles buy noodles and tea; no member is in both."""
    circles = {owner: members_of(person) for owner, person in zip(OWNERS, PEOPLE, strict=False)}
    everybody = list(chain(*circles.values()))
    orders = [
        (m, f"p{(at + step) % 8}", 3.0 + 5 * step) for at, m in enumerate(everybody) for step in range(4)
    ]
    products = {f"p{n}": Item("Food > Noodles" if n % 2 else "Food > Tea", 900 + n) for n in range(8)}
    return World(products, orders, circles)


def open_real(path: Path) -> Served:
    """The real snapshot, with suppliers' canaries in what is told of suppliers."""
    return replace(open_served(path), supplier_insights=open_canaries(path).supplier_insights)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Two owners with a share each, clicked by a member of their circle who then orders."""
    monkeypatch.setattr(audience_now, "QUICK_S", 1e9)  # a slow machine must not change what is known
    registry = tmp_path / "registry"
    for name in ("one", "two"):
        write_live_snapshot(valued_model(world()), registry / name)
    promote(registry, "one")
    shares, rest = iter(SHARES.values()), count()
    made = make_town(
        tmp_path, registry=registry, open_snapshot=open_real,
        make_id=lambda: next(shares, None) or f"made-{next(rest)}",
    )  # fmt: skip
    for person, owner in zip(SHARES, OWNERS, strict=False):
        told = {"owner_id": owner, "product_id": "p1"}
        assert made.send("storefront", "POST", "/v1/shares", orjson.dumps(told)).status == 201
        assert made.send("storefront", "POST", "/v1/events", events(person, owner)).json()["errors"] == []
    service: Service = made.app.state.service
    asyncio.run(catch_up(service.live, service.store.store, service.keeper))
    return made


def events(person: str, owner_id: str) -> bytes:
    at, member = (NOW - timedelta(minutes=5)).isoformat(), members_of(person)[0]
    link = {"member_id": member, "owner_id": owner_id, "product_id": "p1", "share_id": SHARES[person]}
    click = {"table": "share_events", "event_id": person, "event_time": at, "event_type": "click", **link}
    order = {
        "table": "orders",
        "order_id": person,
        "order_time": at,
        "quantity": 1,
        "price_minor": 900,
        **link,
    }
    return orjson.dumps({"events": [click, order]})


@dataclass(frozen=True)
class Asked:
    """What became of many requests: how often each caller saw her own, and who saw whose."""

    n: int
    statuses: Counter[int]
    own: Counter[str]  # the route's beginning → replies that held a canary of whom the caller may see
    foreign: set[tuple[str, str, str, str]]  # who, method, target, whose


def requests_of(town: Town) -> list[Ask]:
    """Everything there is to ask, in a fixed order."""
    found = []
    for (method, target), who, query in product(targets_of(town.app, "one"), town.headers, ASKS):
        bodies = (*BODIES, *MORE_BODIES) if method == "POST" else (b"",)
        found += [(who, method, target + query, body) for body in bodies]
    return found


def some_of(town: Town, n: int, seed: int = 7) -> list[Ask]:
    """Each route has the same chance; half ask well-formed for an owner, by who is let in somewhere."""
    draw, every, of_somebody = Random(seed), dict[str, list[Target]](), dict[str, list[Target]]()
    for method, target in targets_of(town.app, "one"):
        every.setdefault(method + _route_of(target), []).append((method, target))
        if any(quote(owner, safe="") in target for owner in OWNERS):
            of_somebody.setdefault(method + _route_of(target), []).append((method, target))
    asked = []
    for turn in range(n):
        likely = turn % 2
        routes = of_somebody if likely else every
        method, target = draw.choice(routes[draw.choice(sorted(routes))])
        who = draw.choice(sorted(SEES if likely else town.headers))
        body = draw.choice((*BODIES, *MORE_BODIES)) if method == "POST" else b""
        query = draw.choice(TAKES.get(target.rpartition("/")[2], ("",)) if likely else ASKS)
        asked.append((who, method, target + query, body))
    return asked


def _route_of(target: str) -> str:
    """What is fixed of a target, near enough to tell routes apart."""
    parts = target.split("?")[0].split("/")
    return "/".join([*parts[:3], parts[-1] if len(parts) > 3 else ""])


def ask(town: Town, asked: list[Ask]) -> Asked:
    """Send them all."""
    found = Asked(len(asked), Counter(), Counter(), set())
    for who, method, target, body in asked:
        answer = town.send(who, method, target, body)
        found.statuses[answer.status] += 1
        assert answer.status < 500, (who, method, target, answer.body)
        if who in NOBODY and not target.startswith(OPEN):
            assert answer.status == 401, (who, method, target)
        hers = "/console" if who in AT_CONSOLE else "/shop/"
        if who in SESSIONS and not target.startswith((*OPEN, hers)):
            assert answer.status == 401, (who, method, target)
        seen = unescape(answer.body.decode("utf-8", "replace")) + str(answer.headers.get("location"))
        for person in PEOPLE:
            if canary(person) in seen or SHARES.get(person, canary(person)) in seen:
                if person in SEES.get(who, ()):
                    found.own[_route_of(target)] += 1
                else:
                    found.foreign.add((who, method, target, person))
    return found


def say(found: Asked, town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    routes = {target for _, target in targets_of(town.app, "one")}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{found.n:,} requests of {len(town.headers)} kinds of callers to {len(routes):,} targets: "
            f"{found.own.total():,} replies named what the caller may see, "
            f"{len(found.foreign)} what she may not; statuses {dict(sorted(found.statuses.items()))}\n"
        )


def test_nobody_is_told_of_anothers_circle_or_shares(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(town, some_of(town, 1_500))
    say(found, town, capsys)
    assert found.foreign == set()


@pytest.mark.long
def test_nobody_is_told_of_anothers_circle_or_shares_in_twenty_thousand_requests(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(town, some_of(town, 20_000, seed=8))
    say(found, town, capsys)
    assert found.n == 20_000 and found.foreign == set()


HERS = (
    "/v1/owners/{}/products/p1/audience", "/v1/owners/{}/results", "/shop/{}/sheet?product_id=p1",
    "/shop/{}/shared?share_id={share}",
)  # fmt: skip


def test_an_owner_is_told_of_her_own_circle_and_shares_so_the_matrix_has_something_to_find(
    town: Town,
) -> None:
    for target in HERS:
        found = ask(town, [("token B", "GET", target.format("owner-B", share=SHARES[PEOPLE[1]]), b"")])
        assert found.own.total() == 1, target


async def forgets_whose_it_is(service: Service, owner_id: str) -> Response:
    """The members of a circle, as the audience's own route tells of them."""
    served = service.keeper.served
    assert served is not None
    glad = await service.live.audience_of(served, owner_id, "p1", 5)
    return Response(" ".join(member.member_id for member in glad or ()))


def asks_for_another(service: Service) -> Any:
    """Declared rightly, and answers for the owner that stands in the query."""

    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def forgetful(request: Request) -> Response:
        hers = read_path_ids(request, template_of(request))["owner_id"]
        return await forgets_whose_it_is(service, request.query_params.get("owner_id", hers))

    return forgetful


def tells_the_console(service: Service) -> Any:
    """A page of the console that names members."""

    @may_call(Role.SCIENTIST, Role.OPERATOR, by_console=True)
    async def forgetful(request: Request) -> Response:
        return await forgets_whose_it_is(service, read_path_ids(request, template_of(request))["owner_id"])

    return forgetful


def tells_everybody(service: Service) -> Any:
    """A route that asks for no key."""

    @anybody_may_call
    async def forgetful(request: Request) -> Response:
        return await forgets_whose_it_is(service, read_path_ids(request, template_of(request))["owner_id"])

    return forgetful


@pytest.mark.parametrize(
    ("path", "make_route", "who"),
    [
        ("/v1/forgot/{owner_id:path}", asks_for_another, "token A"),
        ("/console/forgot/{owner_id:path}", tells_the_console, "console scientist"),
        ("/shop-files/forgot/{owner_id:path}", tells_everybody, "anonymous"),
    ],
)
def test_red_control_a_route_that_forgets_its_check_is_found(
    town: Town, path: str, make_route: Any, who: str
) -> None:
    router = APIRouter()
    router.get(path)(make_route(town.app.state.service))
    town.app.router.routes[:0] = router.routes
    beginning = path.partition("{")[0]
    asked = [request for request in requests_of(town) if request[2].startswith(beginning)]
    found = {seen for seen in ask(town, asked).foreign if seen[0] == who}
    assert found and {target[: len(beginning)] for _, _, target, _ in found} == {beginning}
