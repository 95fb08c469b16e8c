from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recsys.errors import SharepicksError
from serving.callers import audit
from serving.callers.api_keys import create_key, list_keys
from serving.callers.audit import Act, AuditError, Head, Transactions, record_act, verify_chain
from serving.callers.database import transactions_of
from serving.callers.roles import Role

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def transactions(url: str) -> Transactions:
    """A store with five acts, of each kind in turn."""
    made = transactions_of(url)
    for n in range(5):
        with made() as connection:
            record_act(connection, Act("ann", "create_key", f"k{n}", {"role": "owner"}), NOW)
    return made


def verify(transactions: Transactions, noted: Head | None = None) -> Head:
    with transactions() as connection:
        return verify_chain(connection, noted)


def run(transactions: Transactions, statement: str) -> None:
    with transactions() as connection:
        assert connection.execute(text(statement)).rowcount == 1


def test_a_whole_chain_says_how_many_acts_there_were(transactions: Transactions) -> None:
    assert verify(transactions).seq == 5


@pytest.mark.parametrize("column", ["act_time", "actor", "act", "subject", "detail", "row_hash"])
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_edited_row_is_found(transactions: Transactions, column: str, seq: int) -> None:
    run(transactions, f"UPDATE audit_log SET {column} = 'x' || substr({column}, 2) WHERE seq = {seq}")
    with pytest.raises(AuditError, match=rf"row {seq}"):
        verify(transactions)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_dropped_row_is_found_also_the_last(transactions: Transactions, seq: int) -> None:
    run(transactions, f"DELETE FROM audit_log WHERE seq = {seq}")
    with pytest.raises(AuditError, match=rf"row {seq}"):
        verify(transactions)


def test_a_row_with_its_hash_made_anew_is_found_by_the_next(transactions: Transactions) -> None:
    with transactions() as connection:
        row = dict(connection.execute(text("SELECT * FROM audit_log WHERE seq = 3")).mappings().one())
        forged = audit.hash_of({**row, "actor": "bob"})
        connection.execute(
            text("UPDATE audit_log SET actor = 'bob', row_hash = :h WHERE seq = 3"), {"h": forged}
        )
    with pytest.raises(AuditError, match="row 4 does not follow"):
        verify(transactions)


def test_a_chain_forged_as_a_whole_is_found_by_the_end_that_was_noted(transactions: Transactions) -> None:
    noted = verify(transactions)
    with transactions() as connection:
        for table in ("audit_log", "audit_head"):
            connection.execute(text(f"DELETE FROM {table}"))
        for n in range(5):
            record_act(connection, Act("bob", "create_key", f"k{n}", {}), NOW)
    assert verify(transactions).seq == 5  # the red control: without a note nothing is seen
    with pytest.raises(AuditError, match="row 5 is not the one whose hash was noted"):
        verify(transactions, noted)
    with pytest.raises(AuditError, match="row 9 was noted, and only 5"):
        verify(transactions, Head(9, noted.row_hash))


def test_a_log_without_its_head_stops_every_act(transactions: Transactions) -> None:
    run(transactions, "DELETE FROM audit_head")
    with pytest.raises(AuditError, match="lost its head"):
        create_key(transactions, Role.OPERATOR, None, label="", life=timedelta(days=1), actor="ann", now=NOW)


TAKE_NO_MORE = {
    "sqlite": "CREATE TRIGGER no BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    "postgresql": "ALTER TABLE audit_log ADD CHECK (seq <= 5)",
}


def test_an_act_that_cannot_be_recorded_is_not_done(transactions: Transactions) -> None:
    with transactions() as connection:
        connection.execute(text(TAKE_NO_MORE[connection.dialect.name]))
    with pytest.raises(SharepicksError, match="nothing was done"):
        create_key(transactions, Role.OPERATOR, None, label="", life=timedelta(days=1), actor="ann", now=NOW)
    with transactions() as connection:
        assert list_keys(connection) == []
        assert verify_chain(connection).seq == 5


def test_acts_at_once_follow_one_another(transactions: Transactions) -> None:
    def act() -> None:
        for _ in range(10):
            with transactions() as connection:
                record_act(connection, Act("ann", "x", "y", {}), NOW)

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(transactions).seq == 45
