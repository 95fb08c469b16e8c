"""The server that tests start: it leaves nothing behind, and says so when it is not there."""

from __future__ import annotations

from pathlib import Path

import postgres_server
import psycopg
import pytest
from postgres_server import Databases, NoServerError, OwnServer, databases, not_run


def test_it_listens_on_no_network(own_postgres: OwnServer) -> None:
    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not own_postgres.folder.stat().st_mode & 0o077


def test_its_processes_and_its_files_go_with_it() -> None:
    with postgres_server.own_server() as server:
        process_id = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{process_id}").exists() or not Path("/proc").exists()
    assert not server.folder.exists() and not Path(f"/proc/{process_id}").exists()


def test_databases_and_roles_are_dropped(own_postgres: OwnServer) -> None:
    query = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"

    def names() -> set[str]:
        with psycopg.connect(own_postgres.url) as connection:
            return {name for (name,) in connection.execute(query)}

    before = names()
    made = Databases(own_postgres.url)
    with psycopg.connect(made.make()):
        assert len(names() - before) == 2
        made.close()
    assert names() == before


@pytest.mark.parametrize(
    ("variables", "outcome"), [({"CI": "true"}, pytest.fail.Exception), ({"CI": ""}, pytest.skip.Exception)]
)
def test_without_a_server_tests_are_skipped_loudly_and_fail_where_everything_must_run(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], outcome: type[BaseException]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(postgres_server, "PACKAGE", "no_such_package")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoServerError, match="not installed") as refused, databases():
        pass
    with pytest.raises(outcome, match="NOT RUN ON POSTGRESQL: no_such_package is not installed"):
        not_run(refused.value)


def test_a_server_that_was_named_and_does_not_answer_is_no_reason_to_start_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://somebody@/x?host={tmp_path}")
    with pytest.raises(NoServerError, match="DATABASE_URL does not answer"), databases():
        pass
