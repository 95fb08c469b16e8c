from __future__ import annotations

import json
from typing import Any

import pytest
from asgi_caller import JSON, Caller
from fake_snapshots import KNOWN_OWNER, make_app, make_registry
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ServiceError
from serving.gate import MAX_BODY_BYTES, MAX_DEPTH, parse_json

RECOMMEND = f"/v1/owners/{KNOWN_OWNER}/recommend"
RANK = f"/v1/owners/{KNOWN_OWNER}/rank"
CANARY = "canary7f3"


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """One app for all of these: nothing here changes it."""
    return Caller(make_app(make_registry(tmp_path_factory.mktemp("registry"))))


BAD_QUERIES = [
    "n=0", "n=101", "n=-1", "n=+5", "n=5.0", "n=1e1", "n=", "n", "n=%35%20", "n=%D9%A3", "n=1_0",
    "n=5&n=6", "n=5&n=5", f"{CANARY}=1", f"n=5&{CANARY}=1", "N=5", "&", "n=5&", "=5", "?n=5",
    f"target={CANARY}", "target=", "target=Circle", "target=self&target=self",
    f"channel={CANARY}", "channel=moments%00",
    "scene=", "scene=" + "x" * 129, "scene=%00", "scene=%0a", "scene=%ff", "scene=%zz", "scene=%",
    "scene=%ed%a0%80", "scene=%e2%80%ae", "category=" + "x" * 257,
    "category=" + "x" * 9000,
    "max_price_minor=-1", "max_price_minor=1000000000001", "max_price_minor=" + "9" * 400,
    "max_price_minor=nan",
    "as_of=2026-01-01", "unseen=true", "owner_id=other", "product_ids=p1",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_breaks_a_rule_is_422_and_not_repeated(caller: Caller, query: str) -> None:
    answer = caller.get(f"{RECOMMEND}?{query}")
    assert answer.status == 422
    assert answer.json()["error"] == "invalid"
    assert CANARY.encode() not in answer.body


GOOD_QUERIES = [
    "", "n=1", "n=100", "n=007", "target=self", "target=circle&n=5", "channel=moments",
    "scene=festival+%3E+mid",
    "scene=%E6%97%A9%E9%A4%90", "category=Home%20%3E%20Kitchen", "max_price_minor=0", "%6e=5",
]  # fmt: skip


@pytest.mark.parametrize("query", GOOD_QUERIES)
def test_a_query_within_the_rules_is_answered(caller: Caller, query: str) -> None:
    assert caller.get(f"{RECOMMEND}?{query}").status == 200


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_routes_without_parameters_take_none(caller: Caller, target: str) -> None:
    assert caller.get(target).status == 200
    assert caller.get(target + "?x=1").status == 422


@pytest.mark.parametrize("escaped", ["", "%00", "%ff", "%zz", "%", "x" * 129, "%ed%a0%80", "é"])
def test_an_owner_id_outside_the_contract_is_422(caller: Caller, escaped: str) -> None:
    answer = caller.get(f"/v1/owners/{escaped}/recommend")
    assert answer.status == 422
    assert answer.json()["detail"].startswith("owner_id must be 1 to 128 printable characters")


@pytest.mark.parametrize(
    "escaped", ["a", "x" * 128, "%E6%9D%8E%E5%9B%9B", "a%2Fb", "a%20b", "%2e%2e", "a%3Fb", "%25"]
)
def test_any_printable_owner_id_is_answered(caller: Caller, escaped: str) -> None:
    assert caller.get(f"/v1/owners/{escaped}/recommend").status == 200


def test_a_line_break_in_an_owner_id_finds_no_route(caller: Caller) -> None:
    assert caller.get("/v1/owners/%0A/recommend").status == 404


GOOD_BODY: dict[str, Any] = {"product_ids": ["p1", "p2"]}
BAD_BODIES: list[bytes] = [
    b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff", b"\xef\xbb\xbf{}", b'{"product_ids":["p"]} x',
    b'{"product_ids":["p"],"product_ids":["q"]}', b'{"product_ids":["p"],"n":NaN}',
    b'{"product_ids":["p"],"n":1e999}',
    b'{"product_ids":["p"],"n":Infinity}', b'{"product_ids":["p"],"n":1.0}',
    b'{"product_ids":["p"],"n":true}',
    b'{"product_ids":["p"],"n":"5"}', b'{"product_ids":["p"],"n":0}', b'{"product_ids":["p"],"n":101}',
    b'{"product_ids":["p"],"n":null}', b'{"product_ids":["p"],"n":' + b"9" * 5000 + b"}",
    b'{"product_ids":[]}', b'{"product_ids":"p"}', b'{"product_ids":[1]}', b'{"product_ids":[""]}',
    b'{"product_ids":["p","p"]}', b'{"product_ids":["\\u0000"]}', b'{"product_ids":["\\ud800"]}',
    b'{"product_ids":[["p"]]}', b'{"product_ids":[{}]}', b'{"product_ids":["' + b"x" * 129 + b'"]}',
    b'{"product_ids":["p"],"canary7f3":1}', b'{"product_ids":["p"],"target":"canary7f3"}',
    b'{"product_ids":["p"],"scene":""}', b'{"product_ids":["p"],"channel":3}',
    b"[" * 100_000, b'{"a":' * 100_000, b"[" * 17 + b"]" * 17,
    json.dumps({"product_ids": ["p"] * 1001}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_body_that_breaks_a_rule_is_422_and_not_repeated(caller: Caller, body: bytes) -> None:
    answer = caller.send("POST", RANK, [body], [JSON])
    assert answer.status == 422
    assert answer.json()["error"] == "invalid"
    assert CANARY.encode() not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "text/plain")],
        [("content-type", "application/json; charset=latin-1")],
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-type", "application/json+x")],
        [JSON, JSON],
        [JSON, ("content-encoding", "gzip")],
    ],
)
def test_a_body_that_does_not_say_json_is_415(caller: Caller, headers: list[tuple[str, str]]) -> None:
    answer = caller.send("POST", RANK, [json.dumps(GOOD_BODY).encode()], headers)
    assert (answer.status, answer.json()["error"]) == (415, "unsupported_media_type")


def test_a_charset_of_utf8_is_json(caller: Caller) -> None:
    headers = [("content-type", 'Application/JSON; charset="UTF-8"')]
    assert caller.send("POST", RANK, [json.dumps(GOOD_BODY).encode()], headers).status == 200


def test_a_body_is_counted_while_it_streams(caller: Caller) -> None:
    """The length is not announced and the body never ends: only counting can refuse it."""
    chunks = [b" " * 65536] * (MAX_BODY_BYTES // 65536) + [b" "]
    answer = caller.send("POST", RANK, chunks, [JSON], stalls=True)
    assert (answer.status, answer.json()["error"]) == (413, "too_large")


def test_an_announced_length_above_the_limit_is_refused_before_a_byte_is_read(caller: Caller) -> None:
    headers = [JSON, ("content-length", str(MAX_BODY_BYTES + 1))]
    assert caller.send("POST", RANK, [], headers, stalls=True).status == 413


def test_a_body_of_exactly_the_limit_is_read(caller: Caller) -> None:
    body = json.dumps(GOOD_BODY).encode()
    assert caller.send("POST", RANK, [body.ljust(MAX_BODY_BYTES)], [JSON]).status == 200


def test_a_body_that_stalls_is_given_up(caller: Caller) -> None:
    answer = caller.send("POST", RANK, [b"{"], [JSON], stalls=True)
    assert (answer.status, answer.json()["error"]) == (408, "request_timeout")


def test_depth_is_bounded_at_exactly_the_limit() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    with pytest.raises(ServiceError, match="levels deep"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(JSON_VALUES)
def test_every_finite_json_value_survives_the_gate(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_refusal(body: bytes) -> None:
    try:
        parse_json(body)
    except ServiceError as refusal:
        assert refusal.code == "invalid"
