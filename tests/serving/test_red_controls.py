"""Each defence switched off once: what it keeps out must then come in, or its test proves nothing."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from asgi_caller import JSON, Caller
from fake_snapshots import fake_recommend, make_app, make_registry, open_fake, write_fake
from hypothesis import example, given
from hypothesis import strategies as st

from recsys.pointer import promote
from serving import gate
from serving.snapshots import Served, SnapshotKeeper

RANK = "/v1/owners/o/rank"


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(make_app(make_registry(tmp_path)))


def test_without_counting_an_endless_body_is_read_on(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_BODY_BYTES", 1 << 40)
    assert caller.send("POST", RANK, [b" " * 65536] * 17, [JSON], stalls=True).status == 408


def test_without_the_hook_a_duplicate_key_wins_silently(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_refuse_duplicates", dict)
    answer = caller.send("POST", RANK, [b'{"product_ids":["p"],"product_ids":["q"]}'], [JSON])
    assert [pick["product"]["product_id"] for pick in answer.json()["picks"]] == ["q"]


def test_without_the_hook_nan_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_refuse_constant", float)
    value = gate.parse_json(b"[NaN]")
    assert isinstance(value, list) and value[0] != value[0]


def test_without_the_depth_rule_deep_json_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_refuse_depth", lambda value: None)
    assert gate.parse_json(b"[" * 100 + b"]" * 100)


def test_a_usual_formatter_would_write_the_message_of_an_exception() -> None:
    try:
        raise ValueError("member-4711")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    assert "member-4711" in logging.Formatter().format(record)


def test_an_opener_that_does_not_verify_would_serve_a_damaged_snapshot(tmp_path: Path) -> None:
    def open_anything(path: Path) -> Served:
        return Served(path.name, None, lambda query: fake_recommend("damaged", query))

    registry = make_registry(tmp_path)
    write_fake(registry, "three", "{")
    promote(registry, "three")
    assert SnapshotKeeper(registry, open_fake).refresh() == "refused"
    assert SnapshotKeeper(registry, open_anything).refresh() == "swapped"


@given(st.text(max_size=140))
@example("\ud800")
@example("a\x00")
def test_an_id_is_accepted_exactly_when_the_contract_says_so(value: str) -> None:
    assert gate.is_id(value) == (1 <= len(value) <= 128 and value.isprintable())
    assert not gate.is_id(json.loads("null"))
