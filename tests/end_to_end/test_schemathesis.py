"""What schemathesis makes of the OpenAPI document: right requests and wrong ones, and no failure of ours."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from server_process import ServerProcess
from test_hostile_routes import (
    MAX_GROWTH_KB,
    everything_is_configured,
    registry,
    resident_kb,
    serving,
)

__all__ = ["everything_is_configured", "registry"]  # fixtures

N_OPERATIONS = 21  # at least: all of the document
PLAIN_IDS = (
    "import serving.routes_value as r; read = r.read_path_id;"
    "r.read_path_id = lambda *a: read(*a).encode('ascii').decode();"
    "from recsys.cli import main; main()"
)


@pytest.fixture
def schemathesis() -> Any:
    """The library; without it it is said loudly what was not run."""
    try:
        import schemathesis
    except ImportError:
        said = "NO SCHEMATHESIS: nothing was asked of the OpenAPI document; pip install schemathesis"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    return schemathesis


def statuses_of(schemathesis: Any, server: ServerProcess, n_each: int) -> dict[str, Counter[int]]:
    """Operation → status → how often, after n right requests and n wrong ones to each the document names.

    What is no failure of ours is held to the document: its status, its content type and its shape.
    """
    from schemathesis.specs.openapi import checks

    schema = schemathesis.openapi.from_url(f"http://{server.host}:{server.port}/openapi.json")
    as_said = (
        checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
    )  # fmt: skip
    found: dict[str, Counter[int]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        seen = found.setdefault(operation.label, Counter())
        for mode in schemathesis.GenerationMode:
            try:
                ask_often(operation.as_strategy(generation_mode=mode), n_each, seen, as_said)
            except Unsatisfiable:  # what takes nothing cannot be asked wrongly
                assert seen, operation.label
    return found


def ask_often(cases: Any, n: int, seen: Counter[int], as_said: tuple[Any, ...]) -> None:
    """Send n requests, the same in every run."""

    @seed(11)
    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: Any) -> None:
        reply = case.call()
        seen[reply.status_code] += 1
        if reply.status_code < 500 and b"there is no such route" not in reply.content:
            case.validate_response(reply, checks=as_said)

    ask()


def n_failures(found: dict[str, Counter[int]]) -> int:
    return sum(n for seen in found.values() for status, n in seen.items() if status >= 500)


def ask_everything(
    schemathesis: Any, server: ServerProcess, n_each: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server.get("/v1/owners/x/recommend")
    before_kb = resident_kb(server)
    found = statuses_of(schemathesis, server, n_each)
    statuses = sum(found.values(), Counter[int]())
    grown_kb = resident_kb(server) - before_kb
    with capsys.disabled():
        sys.stdout.write(
            f"\n{statuses.total():,} requests of schemathesis to {len(found)} operations: "
            f"{n_failures(found)} failures of ours, {grown_kb:,} KB more; {dict(sorted(statuses.items()))}\n"
        )
    assert len(found) >= N_OPERATIONS
    assert n_failures(found) == 0
    assert grown_kb <= MAX_GROWTH_KB
    assert '"status":5' not in server.log.read_text()


def test_nothing_that_the_document_leads_to_is_a_failure_of_ours(
    schemathesis: Any, registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(registry, tmp_path) as server:
        ask_everything(schemathesis, server, 8, capsys)


@pytest.mark.long
def test_nothing_that_the_document_leads_to_is_a_failure_of_ours_however_often(
    schemathesis: Any, registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(registry, tmp_path) as server:
        ask_everything(schemathesis, server, 150, capsys)


def test_red_control_a_route_that_thinks_ids_are_ascii_is_found_out(
    schemathesis: Any, registry: Path, tmp_path: Path
) -> None:
    with serving(registry, tmp_path, (sys.executable, "-c", PLAIN_IDS)) as server:
        assert n_failures(statuses_of(schemathesis, server, 8)) > 0
