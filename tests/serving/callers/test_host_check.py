"""What another site's name that leads to this machine gets, while nobody needs a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asgi_caller import Answer, Caller
from fake_snapshots import make_registry, open_fake
from fastapi import Request
from sqlalchemy import Connection

from serving.app import create_app
from serving.callers.audit import AuditError
from serving.callers.connect import doors_from
from serving.callers.doors import Doors
from serving.callers.host_check import HostCheck
from serving.callers.key_ring import KeyRing
from serving.clock import utc_now
from serving.service import Service
from serving.settings import Settings
from serving.shop.form_key import form_key

PICKS = "/v1/owners/owner-1/recommend"
EVERY_KIND = (PICKS, "/shop/owner-1", "/console", "/healthz", "/metrics", "/openapi.json", "/nowhere")
FOREIGN = (
    "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]",
    "localhost:80:80", "localhost:", "127.0.0.1@evil.example", "10.0.0.7",
)  # fmt: skip
OURS = ("localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535")


def asker(folder: Path, doors: Doors | None = None, **settings: object) -> Caller:
    app = create_app(Settings(make_registry(folder), **settings), open_fake, doors)  # type: ignore[arg-type]
    service: Service = app.state.service
    service.keeper.refresh()
    return Caller(app)


def ask(caller: Caller, target: str, *hosts: str) -> Answer:
    return caller.send("GET", target, headers=[("host", host) for host in hosts])


def test_a_foreign_name_gets_nothing_from_any_route(tmp_path: Path) -> None:
    caller = asker(tmp_path)
    for target in EVERY_KIND:
        for hosts in [(host,) for host in FOREIGN] + [("localhost", "evil.example")]:
            answer = ask(caller, target, *hosts)
            assert (answer.status, answer.json()["error"]) == (421, "misdirected"), (target, hosts)
            assert b"evil" not in answer.body


def test_this_machine_by_any_of_its_names_is_answered(tmp_path: Path) -> None:
    caller = asker(tmp_path)
    for host in OURS:
        assert ask(caller, PICKS, host).status == 200, host
    assert ask(caller, PICKS).status == 200  # HTTP/1.0 without a Host: no browser


def test_names_of_the_settings_are_answered_too(tmp_path: Path) -> None:
    caller = asker(tmp_path, hosts=("Gate.example",), public_url="https://picks.example")
    assert [ask(caller, PICKS, host).status for host in ("gate.example:1", "picks.example", "a.example")] == [
        200, 200, 421,
    ]  # fmt: skip
    assert ask(asker(tmp_path / "any", hosts=("*",)), PICKS, "evil.example").status == 200


class ClosedDoors(Doors):
    """Doors that ask for a key."""

    are_open = False  # type: ignore[assignment]


@contextmanager
def gone() -> Iterator[Connection]:
    raise AuditError("the store is gone")
    yield


def test_with_keys_a_service_answers_by_any_name_for_the_key_decides(tmp_path: Path) -> None:
    assert ask(asker(tmp_path / "closed", ClosedDoors()), PICKS, "picks.example").status == 401
    assert (
        ask(asker(tmp_path / "unknown", Doors(KeyRing(gone, utc_now))), PICKS, "picks.example").status == 503
    )


def test_red_control_without_the_check_a_foreign_name_reads_picks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostCheck, "_is_foreign", lambda self, scope: False)
    assert ask(asker(tmp_path), PICKS, "evil.example").status == 200


def test_a_form_key_of_open_doors_is_of_one_process_and_shared_by_its_workers(tmp_path: Path) -> None:
    def key(doors: Doors) -> str:
        app = asker(tmp_path / str(len(list(tmp_path.iterdir()))), doors).app
        return form_key(Request({"type": "http", "headers": [], "app": app}), "owner-1")

    assert key(Doors()) != key(Doors()) != key(doors_from(None, {}))
    workers = {"SHAREPICKS_FORM_SECRET": "drawn by serve"}
    assert key(doors_from(None, workers)) == key(doors_from(None, workers))
    assert "drawn" not in repr(doors_from(None, workers))
