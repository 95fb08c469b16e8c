"""What PostgreSQL alone can do, or get wrong: whose rows are seen, in which order, and by whom."""

from __future__ import annotations

import json
import logging
import sys
import threading
from concurrent.futures import wait
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from postgres_server import Databases, OwnServer
from sqlalchemy import insert, inspect, select
from store_rows import order, product
from typer.testing import CliRunner

from recsys.cli import build_app
from recsys.errors import SharepicksError, UsageError
from serving.callers.database import readings_of
from serving.callers.key_ring import KeyRing
from serving.callers.roles import Role
from serving.clock import utc_now
from serving.store import postgres as postgres_module
from serving.store.opening import check_url, open_engine, open_store
from serving.store.schema import contract_rows, metadata
from serving.store.seam import StoreError
from serving.store.store import Store
from serving.store.writing import COLUMNS, values_of

KEPT_APART = {"w-1"}


def owners_seen_by(store: Store, owner_id: str) -> set[str]:
    """Whose rows one owner's view shows to a query that forgot to ask for hers alone."""
    with store.reading(owner_id) as connection:
        return set(connection.execute(select(contract_rows.c.owner_id)).scalars())


@pytest.mark.parametrize(
    ("switched_off", "seen"),
    [
        (None, KEPT_APART),
        ("ALTER TABLE contract_rows NO FORCE ROW LEVEL SECURITY", {"w-1", "w-2", None}),
        ("ALTER TABLE contract_rows DISABLE ROW LEVEL SECURITY", {"w-1", "w-2", None}),
        (
            "DROP POLICY by_owner ON contract_rows; CREATE POLICY anybody ON contract_rows USING (true)",
            {"w-1", "w-2", None},
        ),
    ],
)
def test_the_database_keeps_owners_apart_and_red_control_without_its_policy_it_does_not(
    postgres_url: str, switched_off: str | None, seen: set[str | None]
) -> None:
    with open_store(postgres_url) as store:
        store.ingest([product(), order("o-1"), order("o-2", owner_id="w-2")])
        if switched_off is not None:
            with psycopg.connect(postgres_url) as connection:
                connection.execute(switched_off.encode())
        assert owners_seen_by(store, "w-1") == seen
        if switched_off is None:
            assert owners_seen_by(store, "") == owners_seen_by(store, "w-3") == set()
            assert len(store.rows_after(0)) == 3


def test_a_connection_that_does_not_say_whose_rows_it_wants_sees_and_writes_none(postgres_url: str) -> None:
    with open_store(postgres_url) as store:
        store.ingest([order()])
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM contract_rows").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO contract_rows (table_name, row_key, owner_id, content, received_time) "
                "VALUES ('shares', 's', 'w-1', '{}', 0)"
            )


def test_every_table_with_an_owner_in_it_is_guarded(postgres_url: str) -> None:
    open_store(postgres_url).close()
    query = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    with psycopg.connect(postgres_url) as connection:
        guarded = {name for (name,) in connection.execute(query)}
    assert guarded == {table.name for table in metadata.tables.values() if "owner_id" in table.c}


def test_text_is_compared_byte_by_byte_whatever_the_locale(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    columns = {column["name"]: column["type"] for column in inspect(engine).get_columns("contract_rows")}
    assert {getattr(columns[name], "collation", "") for name in ("table_name", "row_key")} == {"C"}
    engine.dispose()


def test_the_schema_that_migrations_make_is_the_one_that_the_code_names(url: str) -> None:
    engine = open_engine(url)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        there = {index["name"] for index in found.get_indexes(table.name)} - {"contract_rows_key"}
        assert {index.name for index in table.indexes} <= there, table.name
    engine.dispose()


@pytest.mark.parametrize("locks", [True, False])
def test_rows_become_visible_in_the_order_of_seq_and_red_control_without_the_lock_one_is_missed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    if not locks:
        monkeypatch.setattr(postgres_module, "WRITE_LOCK", "1")
    early = {"table_name": "shares", "row_key": "early", "content": "{}", "received_time": 0}
    met: list[str] = []
    with open_store(postgres_url) as one, open_store(postgres_url) as other:
        with one.transaction() as connection:
            connection.execute(insert(contract_rows).values(early))
            late = other.submit([order()])
            assert bool(wait([late], 0.5).done) is not locks
            polled = other.rows_after(0)
            met += [found.table_name for found in polled]
        assert late.result(10) == ["stored"]
        met += [found.table_name for found in other.rows_after(polled[-1].seq if polled else 0)]
    assert met == (["shares", "orders"] if locks else ["orders"])


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_a_row_that_two_services_get_at_once_is_kept_once_whatever_the_server_isolates_by(
    postgres_url: str, isolation: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'".encode()
        )
    values = dict(zip(COLUMNS, values_of(order()), strict=True))
    with open_store(postgres_url) as one, open_store(postgres_url) as other:
        other.ingest([product()])
        with one.transaction() as connection_of_one:
            connection_of_one.execute(insert(contract_rows).values(values))
            late = other.submit([order()])
            wait([late], 0.3)
        assert late.result(10) == ["duplicate"]


def test_keys_are_made_listed_and_revoked_by_command_and_a_worker_hears_of_it(postgres_url: str) -> None:
    def keys(*arguments: str) -> str:
        result = CliRunner().invoke(build_app(), ["keys", *arguments, "--store", postgres_url, "--json"])
        assert result.exit_code == 0, result.exception
        return result.stdout

    made = json.loads(keys("create", "storefront", "--label", "app"))
    ring = KeyRing(readings_of(postgres_url), utc_now)
    ring.refresh()
    caller = ring.open(made["key"])
    assert caller is not None and caller.role is Role.STOREFRONT
    keys("revoke", made["key_id"])
    ring.refresh()
    assert ring.open(made["key"]) is None
    assert json.loads(keys("audit"))["n_acts"] == 2


def test_an_address_that_is_not_readable_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError, match="not readable") as refused:
        check_url("postgresql://w-canary:p%zz-canary@localhost/x?no_such=1")
    assert "canary" not in str(refused.value)


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "serving.store.postgres", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'sharepicks\[postgres\]'"):
        check_url("postgresql://localhost/x")


def test_a_password_stands_in_no_error_and_no_log(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    password = urlsplit(postgres_url).password
    if password is None:
        pytest.skip("DATABASE_URL has no password")
    wrong = postgres_url.replace(f":{password}@", ":canary-word@")
    nowhere = f"postgresql://w:canary-word@/x?host={tmp_path}"
    for url in (wrong, nowhere):
        for open_ in (open_store, open_engine):
            with pytest.raises(StoreError, match="cannot be reached, or refuses") as refused:
                open_(url)
            chain: list[BaseException | None] = [refused.value, refused.value.__cause__]
            assert "canary" not in repr(chain)
        result = CliRunner().invoke(build_app(), ["export", "--store", url, str(tmp_path / "out")])
        assert isinstance(result.exception, SharepicksError)
        assert "canary" not in result.output + str(result.exception)
    with open_store(postgres_url) as store:
        store.ingest([order()])
        assert password not in repr(vars(store))
    told = caplog.text + "".join(capfd.readouterr())
    assert "canary" not in told and password not in told


def test_a_role_that_passes_row_level_security_is_refused(postgres: Databases) -> None:
    url = postgres.make_as_admin()
    if url is None:
        pytest.skip("DATABASE_URL's own role does not pass row-level security")
    with pytest.raises(UsageError, match="must not pass row-level security"):
        open_store(url)


def test_a_database_that_cannot_hold_every_script_is_refused(postgres: Databases) -> None:
    with pytest.raises(UsageError, match="ENCODING 'UTF8'"):
        open_store(postgres.make("SQL_ASCII"))


def test_a_server_that_does_not_wait_for_its_disk_is_refused(own_postgres: OwnServer) -> None:
    url = Databases(own_postgres.url).make()
    open_store(url).close()
    own_postgres.crash()
    own_postgres.start("fsync=off")
    with pytest.raises(UsageError, match="fsync off"):
        open_store(url)


def test_opening_that_is_refused_again_and_again_keeps_no_connection(postgres: Databases) -> None:
    url = postgres.make("SQL_ASCII")
    for _ in range(5):
        with pytest.raises(UsageError):
            open_store(url)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(500):  # a backend takes its time to leave
            (n_connections,) = connection.execute(others).fetchone() or (0,)
            if n_connections == 1:
                break
            threading.Event().wait(0.01)
    assert n_connections == 1
