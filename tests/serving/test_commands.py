from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.cli import build_app
from recsys.errors import UsageError

RUN = CliRunner()


def run(*arguments: str) -> None:
    """Run one command in this process; its own errors are raised, as the command line sees them."""
    RUN.invoke(build_app(), list(arguments), catch_exceptions=False, standalone_mode=False)


@pytest.mark.parametrize("command", ["serve", "doctor", "demo"])
def test_help_shows_an_example(command: str) -> None:
    result = RUN.invoke(build_app(), [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: sharepicks {command}" in result.output


def test_serve_refuses_a_store_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the folder of the store's file is not there; make it first"):
        run("serve", "--snapshots", str(tmp_path), "--store", f"sqlite:///{tmp_path}/no/where.db")


def test_serve_says_what_a_store_is_before_it_listens(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a store is sqlite:///PATH"):
        run("serve", "--snapshots", str(tmp_path), "--store", "mysql://x")


def test_serve_refuses_other_machines_while_nobody_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"host 0\.0\.0\.0 can be reached from other machines"):
        run("serve", "--snapshots", str(tmp_path), "--host", "0.0.0.0")


def test_serve_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder; train a snapshot"):
        run("serve", "--snapshots", str(tmp_path / "nowhere"))


def test_serve_names_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"port {port} of 127\.0\.0\.1 is taken; choose another with --port"
        ):
            run("serve", "--snapshots", str(tmp_path), "--port", str(port))


def test_doctor_prints_a_line_for_each_finding(tmp_path: Path) -> None:
    result = RUN.invoke(build_app(), ["doctor", "--snapshots", str(tmp_path)])
    assert result.exit_code == 1  # no snapshot in a folder that was named
    lines = result.output.splitlines()
    assert lines[0].startswith("ok       python: 3.")
    assert lines[-1].startswith("broken   serving snapshot: ")
    assert lines[-1].endswith("→ promote one")


def test_doctor_gives_the_same_as_json(tmp_path: Path) -> None:
    result = RUN.invoke(build_app(), ["doctor", "--snapshots", str(tmp_path), "--json"])
    report = json.loads(result.output)
    assert report["ok"] is False
    assert {f["level"] for f in report["findings"]} <= {"ok", "warning", "broken"}
    assert report["findings"][-1]["name"] == "serving snapshot"
