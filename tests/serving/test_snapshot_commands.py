"""`sharepicks snapshots` and the same over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from asgi_caller import Caller
from live_service import write_live_snapshot
from small_model import Item, town
from typer.testing import CliRunner
from valued_model import valued_model

from recsys.registry import journal, serving_name
from serving.app import create_app
from serving.registry_commands import app
from serving.service import Service
from serving.settings import Settings
from training.snapshot_commands import app as pages


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Two snapshots; in `two` the noodles n0 cost much more."""
    folder = tmp_path / "registry"
    write_live_snapshot(valued_model(town()), folder / "one")
    dearer = replace(town(), products={**town().products, "n0": Item("Food > Noodles", 99_000)})
    write_live_snapshot(valued_model(dearer), folder / "two")
    return folder


def run(registry: Path, *words: str) -> str:
    group = pages if words[0] in ("show", "compare") else app
    found = CliRunner().invoke(group, [*words, "--snapshots", str(registry)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_promote_list_show_and_roll_back(registry: Path) -> None:
    assert (
        run(registry, "promote", "one", "--why", "first", "--by", "ann").strip()
        == "one serves; before: nothing"
    )
    assert run(registry, "promote", "two", "--why", "second").strip() == "two serves; before: one"
    listed = json.loads(run(registry, "list", "--json"))
    assert {known["name"]: known["is_serving"] for known in listed} == {"one": False, "two": True}
    assert [line[:2] for line in run(registry, "list").splitlines()] == ["  ", "->"]
    assert "by ann: first" in run(registry, "show", "one")
    assert run(registry, "rollback", "--why", "worse").strip() == "one serves; before: two"
    assert [made.act for made in journal(registry)] == ["promote", "promote", "rollback"]


def test_compare_tells_how_far_lists_differ(registry: Path) -> None:
    found = json.loads(run(registry, "compare", "one", "two", "--json"))
    assert found["lists"]["n_owners"] == 3
    assert 0.5 < found["lists"]["stays"] < 1
    same = json.loads(run(registry, "compare", "one", "one", "--json"))
    assert (same["lists"]["stays"], same["lists"]["first_changed"]) == (1.0, 0.0)
    assert "places stay" in run(registry, "compare", "one", "two")


def service_over(registry: Path) -> tuple[Caller, Service]:
    made = create_app(Settings(registry))
    service: Service = made.state.service
    service.keeper.refresh()
    return Caller(made), service


def test_the_same_over_http_and_the_service_follows(registry: Path) -> None:
    run(registry, "promote", "one")
    caller, service = service_over(registry)
    listed = caller.get("/v1/snapshots").json()
    assert [known["name"] for known in listed["snapshots"] if known["is_serving"]] == ["one"]
    two = next(known["snapshot_id"] for known in listed["snapshots"] if known["name"] == "two")
    moved = caller.post(f"/v1/snapshots/{two}/promote", {"why": "better", "if_serving": "one"})
    assert (moved.status, moved.json()["after"], moved.json()["who"]) == (200, "two", "no key")
    assert service.keeper.refresh() == "swapped"
    assert caller.post(f"/v1/snapshots/{two}/promote", {"why": "x", "if_serving": "one"}).status == 409
    assert caller.post("/v1/snapshots/nothing/promote", {"why": "x"}).status == 404
    assert caller.post("/v1/snapshots/two/promote", {}).status == 422
    assert caller.post("/v1/snapshots/rollback", {"why": "worse"}).json()["after"] == "one"
    assert serving_name(registry) == "one"
    assert [move["act"] for move in caller.get("/v1/snapshots").json()["moves"]] == [
        "promote",
        "promote",
        "rollback",
    ]


def test_a_damaged_snapshot_is_refused_by_both(registry: Path) -> None:
    run(registry, "promote", "one")
    (registry / "two" / "popularity.npy").write_bytes(b"")
    caller, _ = service_over(registry)
    refused = caller.post("/v1/snapshots/two/promote", {"why": "x"})
    assert refused.status == 404 and str(registry) not in refused.body.decode()
    assert CliRunner().invoke(app, ["promote", "two", "--snapshots", str(registry)]).exit_code == 1
    assert serving_name(registry) == "one"


def test_one_snapshot_is_no_registry(registry: Path) -> None:
    caller, _ = service_over(registry / "one")
    assert caller.get("/v1/snapshots").status == 404
    assert caller.post("/v1/snapshots/rollback", {"why": "x"}).status == 404
