from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from recsys.errors import UsageError
from serving.callers import api_keys
from serving.callers.api_keys import NewKey, create_key, list_keys, revoke_key, rotate_key
from serving.callers.audit import AuditError, Transactions, verify_chain
from serving.callers.database import transactions_of
from serving.callers.key_ring import KeyRing
from serving.callers.roles import Caller, Role
from serving.store.schema import metadata

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Clock:
    """A moment that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def transactions(url: str) -> Transactions:
    """An empty store, of each kind in turn."""
    return transactions_of(url)


def make(transactions: Transactions, role: Role = Role.STOREFRONT, scope_id: str | None = None) -> NewKey:
    return create_key(transactions, role, scope_id, label="app", life=DAY, actor="ann", now=NOW)


def ring_of(transactions: Transactions, clock: Clock | None = None) -> KeyRing:
    ring = KeyRing(transactions, clock or Clock())
    ring.refresh()
    return ring


def test_a_key_opens_what_its_role_and_scope_say(transactions: Transactions) -> None:
    made = make(transactions, Role.OWNER, "owner-1")
    assert re.fullmatch(r"sp_[0-9a-f]{12}_[0-9a-f]{64}", made.key)
    assert ring_of(transactions).open(made.key) == Caller(Role.OWNER, "owner-1", made.key_id)


def test_of_the_secret_only_a_hash_is_kept(transactions: Transactions, tmp_path: Path) -> None:
    made = make(transactions)
    secret = made.key.rpartition("_")[2]
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with transactions() as connection:
        for table in metadata.sorted_tables:
            kept += repr(connection.execute(table.select()).all()).encode()
    assert made.key_id.encode() in kept
    assert secret.encode() not in kept
    assert bytes.fromhex(secret) not in kept


@pytest.mark.parametrize("damage", [lambda k: k[:-1], lambda k: k + "0", str.upper, lambda k: k[:-1] + "g"])
def test_a_key_that_is_not_whole_opens_nothing(transactions: Transactions, damage: object) -> None:
    made = make(transactions)
    assert ring_of(transactions).open(damage(made.key)) is None  # type: ignore[operator]


def test_the_prefix_of_one_key_with_the_secret_of_another_opens_nothing(transactions: Transactions) -> None:
    one, two = make(transactions), make(transactions)
    ring = ring_of(transactions)
    assert ring.open(f"sp_{one.key_id}_{two.key.rpartition('_')[2]}") is None
    assert ring.open(f"sp_{'0' * 12}_{two.key.rpartition('_')[2]}") is None


def test_a_key_ends_at_its_expiry_to_the_microsecond(transactions: Transactions) -> None:
    made, clock = make(transactions), Clock()
    ring = ring_of(transactions, clock)
    clock.now = made.expires_time - timedelta(microseconds=1)
    assert ring.open(made.key) is not None
    clock.now = made.expires_time
    assert ring.open(made.key) is None


def test_a_revoked_key_opens_nothing_after_the_next_look(transactions: Transactions) -> None:
    made = make(transactions)
    ring = ring_of(transactions)
    revoke_key(transactions, made.key_id, actor="ann", now=NOW)
    ring.refresh()
    assert ring.open(made.key) is None


def test_red_control_a_ring_that_does_not_look_again_lets_a_revoked_key_in(
    transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(transactions)
    ring = ring_of(transactions)
    revoke_key(transactions, made.key_id, actor="ann", now=NOW)
    monkeypatch.setattr(ring, "_read", lambda connection, now: ring._ring)
    ring.refresh()
    assert ring.open(made.key) is not None


def test_after_a_rotation_both_keys_work_until_the_overlap_ends(transactions: Transactions) -> None:
    old, clock = make(transactions, Role.SUPPLIER, "s1"), Clock()
    new = rotate_key(transactions, old.key_id, overlap=HOUR, life=DAY, actor="ann", now=NOW)
    ring = ring_of(transactions, clock)
    assert (new.role, new.scope_id) == (Role.SUPPLIER, "s1")
    clock.now = NOW + HOUR - timedelta(seconds=1)
    assert ring.open(old.key) and ring.open(new.key)
    clock.now = NOW + HOUR
    assert ring.open(old.key) is None
    assert ring.open(new.key)


def test_an_overlap_never_makes_a_key_live_longer(transactions: Transactions) -> None:
    old = make(transactions)
    rotate_key(transactions, old.key_id, overlap=5 * DAY, life=DAY, actor="ann", now=NOW)
    with transactions() as connection:
        rows = {row.key_id: row for row in list_keys(connection)}
    assert rows[old.key_id].expires_time == NOW + DAY


def test_what_cannot_be_is_refused_and_leaves_no_act(transactions: Transactions) -> None:
    made = make(transactions)
    rotate_key(transactions, made.key_id, overlap=HOUR, life=DAY, actor="ann", now=NOW)
    revoke_key(transactions, made.key_id, actor="ann", now=NOW)
    refusals = (
        lambda: make(transactions, Role.OWNER),
        lambda: make(transactions, Role.SUPPLIER, "a\x00"),
        lambda: make(transactions, Role.OPERATOR, "owner-1"),
        lambda: revoke_key(transactions, made.key_id, actor="ann", now=NOW),
        lambda: revoke_key(transactions, "nothing", actor="ann", now=NOW),
        lambda: rotate_key(transactions, made.key_id, overlap=HOUR, life=DAY, actor="ann", now=NOW),
    )
    for refused in refusals:
        with pytest.raises(UsageError):
            refused()
    with transactions() as connection:
        assert verify_chain(connection).seq == 3


def test_there_is_a_bound_on_live_keys(transactions: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 2)
    first, _ = make(transactions), make(transactions)
    with pytest.raises(UsageError, match="at most 2 may be"):
        make(transactions)
    revoke_key(transactions, first.key_id, actor="ann", now=NOW)
    make(transactions)


def test_doors_that_were_closed_do_not_open_when_the_last_key_is_gone(transactions: Transactions) -> None:
    clock = Clock()
    ring = ring_of(transactions, clock)
    assert ring.state == "no keys"
    made = make(transactions)
    ring.refresh()
    assert ring.state == "keys"
    revoke_key(transactions, made.key_id, actor="ann", now=NOW)
    clock.now += 100 * DAY
    ring.refresh()
    assert ring.state == "keys"


def test_a_store_that_is_gone_leaves_the_keys_for_ten_minutes(transactions: Transactions) -> None:
    made, clock, there = make(transactions), Clock(), [True]

    @contextmanager
    def sometimes() -> Iterator[Connection]:
        if not there[0]:
            raise AuditError("the store is gone")
        with transactions() as connection:
            yield connection

    ring = KeyRing(sometimes, clock)
    assert ring.state == "unknown"
    ring.refresh()
    there[0] = False
    clock.now += timedelta(minutes=10)
    ring.refresh()
    assert ring.state == "keys" and ring.open(made.key)
    clock.now += timedelta(seconds=1)
    ring.refresh()
    assert ring.state == "unknown"
    there[0] = True
    ring.refresh()
    assert ring.state == "keys"
