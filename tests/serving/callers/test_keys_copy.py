"""What a service that starts while its store is down still knows of the keys, and for how long."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import Request
from sqlalchemy import Connection

from serving.callers import keys_copy
from serving.callers.api_keys import NewKey, create_key, revoke_key
from serving.callers.audit import AuditError, Transactions
from serving.callers.connect import doors_from, state_of_keys
from serving.callers.database import transactions_of
from serving.callers.declare import MayCall
from serving.callers.doors import Doors
from serving.callers.key_ring import KeyRing
from serving.callers.owner_tokens import TokenSecrets, make_owner_token
from serving.callers.roles import Caller, Role
from serving.errors import ServiceError

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
PICKS = MayCall(frozenset({Role.STOREFRONT, Role.OWNER}), "owner_id", mine_in_body=True)


@dataclass
class Store:
    """A store that goes and comes back, workers that start over it, and the time."""

    url: str
    copy: Path
    now: datetime = NOW
    is_there: bool = True
    transactions: Transactions = field(init=False)

    def __post_init__(self) -> None:
        self.transactions = transactions_of(self.url)

    @contextmanager
    def sometimes(self) -> Iterator[Connection]:
        if not self.is_there:
            raise AuditError("the store is gone")
        with self.transactions() as connection:
            yield connection

    def worker(self) -> KeyRing:
        """One that has just started."""
        ring = KeyRing(self.sometimes, lambda: self.now, self.copy)
        ring.refresh()
        return ring

    def make(self, role: Role = Role.STOREFRONT, scope_id: str | None = None) -> NewKey:
        """A key for a day."""
        return create_key(
            self.transactions, role, scope_id, label="", life=timedelta(days=1), actor="ann", now=self.now
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/store.db", tmp_path / "store.db.keys")


def asking(credential: str | None) -> Request:
    headers = [] if credential is None else [(b"authorization", f"Bearer {credential}".encode())]
    return Request({"type": "http", "headers": headers})


def test_one_that_starts_while_the_store_is_down_knows_what_the_one_before_knew(store: Store) -> None:
    made, revoked = store.make(Role.OWNER, "owner-1"), store.make()
    revoke_key(store.transactions, revoked.key_id, actor="ann", now=NOW)
    store.worker()
    store.is_there = False
    store.now += timedelta(minutes=10)
    late = store.worker()
    assert late.state == "keys" and late.open(revoked.key) is None
    assert late.open(made.key) == Caller(Role.OWNER, "owner-1", made.key_id)
    store.now += timedelta(seconds=1)
    assert late.state == "unknown" and store.worker().state == "unknown"


def test_once_the_store_is_back_everything_is_read_from_it(store: Store) -> None:
    made = store.make()
    store.worker()
    store.is_there = False
    ring = store.worker()
    revoke_key(store.transactions, made.key_id, actor="ann", now=NOW)
    assert ring.open(made.key)
    store.is_there = True
    ring.refresh()
    assert ring.open(made.key) is None and store.worker().open(made.key) is None


def test_without_a_copy_nothing_is_known_and_nothing_opens(store: Store) -> None:
    made = store.make()
    store.is_there = False
    ring = store.worker()
    assert ring.state == "unknown" and ring.open(made.key) is None
    for credential in (None, made.key, "garbage"):
        with pytest.raises(ServiceError) as refused:
            Doors(ring).admit(asking(credential), PICKS)
        assert refused.value.code == "not_ready"


def test_an_owners_token_needs_no_store(store: Store) -> None:
    store.is_there = False
    secrets = TokenSecrets((b"s" * 32,))
    token = make_owner_token(secrets, "owner-1", timedelta(hours=1), NOW)
    doors = Doors(store.worker(), secrets, lambda: NOW)
    assert doors.admit(asking(token), PICKS) and doors.caller_of(asking(token)).scope_id == "owner-1"
    with pytest.raises(ServiceError):
        doors.admit(asking(token + "x"), PICKS)


def test_of_a_key_only_its_hash_stands_in_the_copy_and_others_cannot_read_it(store: Store) -> None:
    made = store.make()
    store.worker()
    assert stat.S_IMODE(store.copy.stat().st_mode) == 0o600
    text = store.copy.read_text()
    assert made.key_id in text and made.key.rpartition("_")[2] not in text
    assert [file.name for file in store.copy.parent.glob(".*")] == []


DAMAGE = (
    b"", b"{", b"[]", b"null", b'{"keys":[]}', b'{"keys":[{}],"seq":1,"any_ever":true,"read_time":"x"}',
    b'{"keys":[],"seq":1,"any_ever":0,"read_time":"2026-03-01T08:00:00.000000Z"}',
    b'{"keys":[],"seq":1,"any_ever":false,"read_time":"2026-03-01T08:00:00"}',
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_copy_opens_nothing(store: Store, damage: bytes) -> None:
    store.copy.write_bytes(damage)
    store.copy.chmod(0o600)
    store.is_there = False
    assert store.worker().state == "unknown"


def test_a_copy_that_others_may_write_or_that_is_of_the_future_opens_nothing(store: Store) -> None:
    store.worker()
    store.is_there = False
    assert store.worker().state == "no keys"
    store.copy.chmod(0o620)
    assert store.worker().state == "unknown"
    store.copy.chmod(0o600)
    store.now -= timedelta(minutes=1)
    assert store.worker().state == "unknown"


def test_a_copy_that_cannot_be_written_changes_nothing(store: Store) -> None:
    made = store.make()
    store.copy.mkdir()
    ring = store.worker()
    assert ring.state == "keys" and ring.open(made.key)
    assert [file.name for file in store.copy.parent.glob(".*")] == []


def test_red_control_without_the_bound_an_old_copy_would_open_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store.make()
    store.worker()
    store.is_there = False
    store.now += timedelta(hours=5)
    assert store.worker().open(made.key) is None
    monkeypatch.setattr("serving.callers.key_ring.TRUSTED_WITHOUT_STORE", timedelta(days=1))
    assert store.worker().open(made.key)


def test_a_service_that_needs_keys_stays_closed_over_a_store_without_any(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    for environment, are_open in (({}, True), ({"SHAREPICKS_NEED_KEYS": "1"}, False)):
        doors = doors_from(url, environment)
        assert doors.ring is not None and not doors.are_open  # not read yet
        doors.ring.refresh()
        assert doors.are_open == are_open
    with pytest.raises(ServiceError, match="send a key that is live"):
        doors.admit(asking(None), PICKS)


def test_the_state_of_keys_in_a_store_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("this is no database, whatever its name says" * 100)
    assert state_of_keys(f"sqlite:///{file}") == "unknown"
    assert (state_of_keys(f"sqlite:///{tmp_path}/new.db"), state_of_keys(None)) == ("no keys", "no keys")
    assert keys_copy.read_copy(tmp_path / "nothing.keys") is None
