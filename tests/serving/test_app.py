from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from asgi_caller import Caller
from fake_snapshots import GOOD_VALUE, KNOWN_OWNER, make_app, open_fake, write_fake
from fastapi import FastAPI

from recsys.pointer import promote
from serving.app import create_app
from serving.logs import JsonLines
from serving.replies import ErrorBody, ReadyBody, RecommendBody
from serving.service import Service
from serving.settings import Settings

RECOMMEND = f"/v1/owners/{KNOWN_OWNER}/recommend"


def service_of(app: FastAPI) -> Service:
    service: Service = app.state.service
    return service


def test_a_reply_has_every_documented_field(caller: Caller) -> None:
    answer = caller.get(f"{RECOMMEND}?n=3")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    RecommendBody.model_validate(body, strict=True)
    assert body.keys() == RecommendBody.model_fields.keys()
    assert body["snapshot_id"] == "one"
    assert body["as_of"] == "2026-03-01T08:00:00Z"
    assert body["fallback"] is None
    assert body["picks"][0] == {
        "product": {"product_id": "p0", "title": "one 面条", "category": "Food > Noodles"},
        "offer": {"price_minor": 1990, "currency": "CNY"},
        "position": 1,
        "score": 1.0,
        "good_value": GOOD_VALUE,
        "expected": {
            "kept": {"low": 0.0, "mid": 0.5, "high": 1.0},
            "buyers": None,
            "earnings": {"low": 0.0, "mid": 99.5, "high": 199.0},
        },
        "reasons": [
            {
                "code": "bought_together",
                "text": "bought together by 214 people",
                "evidence": {"n_people": 214},
            }
        ],
        "source": "taste",
        "propensity": 1.0,
    }
    assert body["picks"][1]["offer"] is None
    assert body["picks"][1]["good_value"] is None
    assert body["picks"][1]["expected"] is None


def test_twenty_picks_are_the_default(caller: Caller) -> None:
    assert len(caller.get(RECOMMEND).json()["picks"]) == 20


def test_every_reply_has_a_request_id_of_its_own(caller: Caller) -> None:
    ids = {caller.get(RECOMMEND).json()["request_id"] for _ in range(5)}
    assert len(ids) == 5


def test_an_unknown_owner_is_no_error_and_the_fallback_is_named(caller: Caller) -> None:
    answer = caller.get("/v1/owners/nobody/recommend?n=2")
    assert answer.status == 200
    assert answer.json()["fallback"] == "popular"
    assert len(answer.json()["picks"]) == 2


def test_rank_gives_her_own_list_in_the_same_shape(caller: Caller) -> None:
    answer = caller.post(f"/v1/owners/{KNOWN_OWNER}/rank", {"product_ids": ["b", "a"], "target": "self"})
    assert answer.status == 200
    RecommendBody.model_validate(answer.json(), strict=True)
    assert [pick["product"]["product_id"] for pick in answer.json()["picks"]] == ["b", "a"]


def test_rank_may_give_only_the_best_of_the_list(caller: Caller) -> None:
    answer = caller.post(f"/v1/owners/{KNOWN_OWNER}/rank", {"product_ids": ["b", "a"], "n": 1})
    assert len(answer.json()["picks"]) == 1


def test_rank_gives_at_most_a_hundred(caller: Caller) -> None:
    answer = caller.post("/v1/owners/o/rank", {"product_ids": [f"p{n}" for n in range(150)]})
    assert len(answer.json()["picks"]) == 100


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/redoc", 404, "not_found"),
        ("GET", f"{RECOMMEND}/", 404, "not_found"),
        ("GET", "/v1/owners/a%2Frecommend", 404, "not_found"),
        ("GET", "/v1/owners/canary7f3", 404, "not_found"),
        ("POST", RECOMMEND, 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
        ("HEAD", "/healthz", 405, "method_not_allowed"),
        ("TRACE", "/metrics", 405, "method_not_allowed"),
        ("GET", "/v1/owners/owner-that-breaks/recommend", 500, "internal"),
    ],
)
def test_every_error_has_the_one_body(app: FastAPI, method: str, target: str, status: int, code: str) -> None:
    answer = Caller(app).send(method, target)
    assert (answer.status, answer.json()["error"]) == (status, code)
    ErrorBody.model_validate(answer.json(), strict=True)
    assert answer.headers["content-type"] == "application/json"
    assert b"canary7f3" not in answer.body
    assert b"member-4711" not in answer.body
    assert (status == 405) == ("allow" in answer.headers)


def test_without_a_snapshot_it_lives_but_is_not_ready_and_says_what_is_missing(tmp_path: Path) -> None:
    caller = Caller(make_app(tmp_path))
    assert caller.get("/healthz").status == 200
    ready = caller.get("/readyz")
    assert (ready.status, ready.json()["error"]) == (503, "not_ready")
    assert "train a snapshot into it and promote it" in ready.json()["detail"]
    picks = caller.get(RECOMMEND)
    assert (picks.status, picks.json()["error"]) == (503, "not_ready")
    assert caller.get("/metrics").status == 200


def test_readiness_names_the_snapshot_and_warns_of_a_damaged_candidate(app: FastAPI, registry: Path) -> None:
    caller = Caller(app)
    calm = caller.get("/readyz").json()
    ReadyBody.model_validate(calm, strict=True)
    assert calm == {
        "ready": True, "snapshot_id": "one", "as_of": "2026-03-01T08:00:00Z", "warnings": [],
        "live_lag_s": None, "live_read_age_s": None,
    }  # fmt: skip
    write_fake(registry, "three", "{")
    promote(registry, "three")
    service_of(app).keeper.refresh()
    warned = caller.get("/readyz")
    assert warned.status == 200
    assert "manifest.json is damaged" in warned.json()["warnings"][0]
    assert caller.get(RECOMMEND).json()["snapshot_id"] == "one"


def test_metrics_count_requests_sources_fallbacks_and_swaps(app: FastAPI, registry: Path) -> None:
    caller = Caller(app)
    caller.get(f"{RECOMMEND}?n=5")
    caller.get("/v1/owners/nobody/recommend?n=100")
    caller.get("/nowhere/at/all")
    promote(registry, "two")
    service_of(app).metrics.snapshot_looked_at(
        service_of(app).keeper.refresh(), service_of(app).keeper.served
    )
    text = caller.get("/metrics").body.decode()
    lines = set(text.splitlines())
    route = 'route="/v1/owners/{owner_id}/recommend",status="200"'
    assert f"sharepicks_request_seconds_count{{{route}}} 2.0" in lines
    assert 'sharepicks_request_seconds_count{route="unmatched",status="404"} 1.0' in lines
    assert 'sharepicks_picks_total{source="taste"} 28.0' in lines  # 3 of 5 and 25 of 50
    assert 'sharepicks_picks_total{source="popular"} 27.0' in lines
    assert 'sharepicks_fallbacks_total{fallback="popular"} 1.0' in lines
    assert "sharepicks_short_replies_total 1.0" in lines
    assert 'sharepicks_snapshot_swaps_total{outcome="swapped"} 2.0' in lines
    assert 'sharepicks_snapshot_info{snapshot_id="two"} 1.0' in lines
    assert 'snapshot_id="one"' not in text
    assert "sharepicks_ready 1.0" in lines
    assert any(line.startswith("sharepicks_snapshot_age_seconds") for line in lines)
    assert "nowhere" not in text and "nobody" not in text


def test_the_openapi_document_describes_every_parameter_and_body(caller: Caller) -> None:
    document = caller.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/owners/{owner_id}/recommend", "/v1/owners/{owner_id}/rank",
        "/v1/owners/{owner_id}/token", "/v1/owners/{owner_id}/results", "/v1/owners/{owner_id}/feedback",
            "/v1/snapshots", "/v1/snapshots/rollback", "/v1/snapshots/{snapshot_id}/promote",
            "/v1/owners/{owner_id}/products/{product_id}/audience",
            "/v1/owners/{owner_id}/circle", "/v1/products/{product_id}/similar",
            "/v1/shares", "/s/{share_link_id}",
        "/v1/products/{product_id}/good-value", "/v1/suppliers/{supplier_id}/insights", "/v1/demand",
        "/v1/events", "/v1/members/{member_id}", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    recommend = document["paths"]["/v1/owners/{owner_id}/recommend"]["get"]
    names = [parameter["name"] for parameter in recommend["parameters"]]
    assert names == ["owner_id", "n", "scene", "channel", "target", "category", "max_price_minor"]
    assert recommend["parameters"][1]["schema"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "default": 20,
    }  # fmt: skip
    assert set(recommend["responses"]) == {"200", "401", "403", "422", "429", "500", "503"}
    rank = document["paths"]["/v1/owners/{owner_id}/rank"]["post"]
    schema = rank["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["product_ids"]
    assert set(schema["properties"]) == {"product_ids", "n", "scene", "channel", "target"}
    shapes = document["components"]["schemas"]
    assert set(shapes["PickBody"]["required"]) == {
        "product", "offer", "position", "score", "good_value", "expected", "reasons", "source", "propensity",
    }  # fmt: skip
    assert set(shapes["ErrorBody"]["required"]) == {"error", "detail"}


def test_a_log_line_has_the_route_and_the_snapshot_but_no_ids_and_no_messages(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    caller = Caller(app)
    with caplog.at_level(logging.INFO, "sharepicks.requests"):
        caller.get("/v1/owners/canary7f3/recommend?scene=canary7f3")
        caller.get("/v1/owners/owner-that-breaks/recommend")
        caller.get("/canary7f3?canary7f3=canary7f3")
        caller.send("CANARY7F3", "/healthz")
        caller.post("/v1/owners/canary7f3/rank", {"product_ids": ["canary7f3"]})
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [line["status"] for line in lines] == [200, 500, 404, 405, 200]
    first = lines[0]
    assert first["route"] == "/v1/owners/{owner_id}/recommend"
    assert (first["method"], first["snapshot_id"]) == ("GET", "one")
    assert first["latency_ms"] > 0
    assert lines[1]["exception"] == "KeyError"
    assert any("fake_recommend" in place for place in lines[1]["places"])
    written = json.dumps(lines).lower()
    assert "canary7f3" not in written
    assert "member-4711" not in written


def test_an_exceptions_message_never_reaches_the_log() -> None:
    try:
        raise ValueError("member-4711")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "uvicorn.error", logging.ERROR, __file__, 1, "failed", (), __import__("sys").exc_info()
        )
    line = JsonLines().format(record)
    assert json.loads(line)["exception"] == "ValueError"
    assert "member-4711" not in line


def test_the_running_app_watches_the_pointer_and_stops_cleanly(registry: Path) -> None:
    app = create_app(Settings(snapshots=registry, poll_every_s=0.001), open_fake)
    keeper = service_of(app).keeper

    async def live() -> None:
        async with asyncio.timeout(5), app.router.lifespan_context(app):
            for name in ("one", "two", "one"):
                promote(registry, name)
                while keeper.served is None or keeper.served.snapshot_id != name:
                    await asyncio.sleep(0)

    asyncio.run(live())
