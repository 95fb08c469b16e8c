"""API keys: made, listed, rotated and revoked, each with its audit row in the same transaction.

A key is `sp_<prefix>_<secret>`. The prefix finds its row; of the secret only SHA-256 is kept, which is enough
for 256 random bits: a slow hash protects what people think up, and would cost each request 100 ms.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update

from recsys.errors import UsageError
from serving.callers.audit import Act, Transactions, record_act
from serving.callers.instants import instant_of, instant_text
from serving.callers.roles import SCOPE_OF, Role
from serving.callers.schema import api_keys
from serving.gate import is_id

KEY = re.compile(r"sp_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
MAX_LIVE_KEYS = 10_000  # every worker holds them all in memory
MAX_LIFE = timedelta(days=3660)
MAX_OVERLAP = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `key` is shown once and kept nowhere."""

    key: str
    key_id: str
    role: Role
    scope_id: str | None
    expires_time: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What the store knows of a key."""

    key_id: str
    secret_hash: bytes
    role: Role
    scope_id: str | None
    label: str
    created_time: datetime
    expires_time: datetime
    revoked_time: datetime | None
    replaced_by: str | None

    def state(self, now: datetime) -> str:
        """live, expired or revoked."""
        if self.revoked_time is not None:
            return "revoked"
        return "live" if now < self.expires_time else "expired"


def secret_hash(secret: str) -> bytes:
    """What is kept of a secret: 32 bytes."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def create_key(
    transactions: Transactions,
    role: Role,
    scope_id: str | None,
    *,
    label: str,
    life: timedelta,
    actor: str,
    now: datetime,
) -> NewKey:
    """A new key, recorded; UsageError when the role needs a scope and has none, or the other way round."""
    _check(role, scope_id, label, life)
    with transactions() as connection:
        key_id = secrets.token_hex(6)
        detail = {"role": role, "scope_id": scope_id, "expires_time": instant_text(now + life)}
        record_act(connection, Act(actor, "create_key", key_id, detail), now)
        return _insert(connection, key_id, role, scope_id, label, now, now + life)


def revoke_key(transactions: Transactions, key_id: str, *, actor: str, now: datetime) -> None:
    """End a key at once; UsageError when there is none of that prefix or it is revoked already."""
    with transactions() as connection:
        record_act(connection, Act(actor, "revoke_key", key_id, {}), now)
        row = _one(connection, key_id)
        if row.revoked_time is not None:
            raise UsageError(f"key {key_id} was revoked at {instant_text(row.revoked_time)} already")
        mine = api_keys.c.key_id == key_id
        connection.execute(update(api_keys).where(mine).values(revoked_time=instant_text(now)))


def rotate_key(
    transactions: Transactions,
    key_id: str,
    *,
    overlap: timedelta,
    life: timedelta,
    actor: str,
    now: datetime,
) -> NewKey:
    """A new key of the same role and scope; the old one works on until `now + overlap`, or its own end."""
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise UsageError(f"an overlap is 0 to {MAX_OVERLAP.days} days; got {overlap}")
    with transactions() as connection:
        new_id = secrets.token_hex(6)
        ends = instant_text(now + overlap)
        record_act(connection, Act(actor, "rotate_key", key_id, {"new_key": new_id, "old_until": ends}), now)
        old = _one(connection, key_id)
        if old.state(now) != "live" or old.replaced_by is not None:
            raise UsageError(f"key {key_id} is {old.state(now)} or replaced already; create a new one")
        _check(old.role, old.scope_id, old.label, life)
        values = {"expires_time": min(ends, instant_text(old.expires_time)), "replaced_by": new_id}
        connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(values))
        return _insert(connection, new_id, old.role, old.scope_id, old.label, now, now + life)


def list_keys(connection: Connection) -> list[KeyRow]:
    """Every key there ever was, oldest first."""
    rows = connection.execute(select(api_keys).order_by(api_keys.c.created_time, api_keys.c.key_id))
    return [_row(row) for row in rows.mappings()]


def live_keys(connection: Connection, now: datetime) -> list[KeyRow]:
    """The keys that open something at this moment."""
    wanted = api_keys.c.revoked_time.is_(None) & (api_keys.c.expires_time > instant_text(now))
    return [_row(row) for row in connection.execute(select(api_keys).where(wanted)).mappings()]


def any_key_ever(connection: Connection) -> bool:
    """Whether a key was ever made: doors that were closed once do not open when the last key expires."""
    return connection.execute(select(api_keys.c.key_id).limit(1)).first() is not None


def _check(role: Role, scope_id: str | None, label: str, life: timedelta) -> None:
    parameter = SCOPE_OF.get(role)
    if parameter is None and scope_id is not None:
        raise UsageError(f"the role {role} is for everybody's data and takes no scope; leave it out")
    if parameter is not None and not is_id(scope_id):
        raise UsageError(f"the role {role} needs its {parameter} as scope, 1 to 128 printable characters")
    if len(label) > 100 or (label and not label.isprintable()):
        raise UsageError("a label is at most 100 printable characters")
    if not timedelta(0) < life <= MAX_LIFE:
        raise UsageError(f"a key lives at most {MAX_LIFE.days} days, and more than none; got {life}")


def _insert(
    connection: Connection,
    key_id: str,
    role: Role,
    scope_id: str | None,
    label: str,
    now: datetime,
    expires_time: datetime,
) -> NewKey:
    wanted = api_keys.c.revoked_time.is_(None) & (api_keys.c.expires_time > instant_text(now))
    n_live = connection.execute(select(func.count()).select_from(api_keys).where(wanted)).scalar_one()
    if n_live >= MAX_LIVE_KEYS:
        raise UsageError(f"there are {n_live} live keys, at most {MAX_LIVE_KEYS} may be; revoke some")
    secret = secrets.token_hex(32)
    values = {
        "key_id": key_id,
        "secret_hash": secret_hash(secret).hex(),
        "role": str(role),
        "scope_id": scope_id,
        "label": label,
        "created_time": instant_text(now),
        "expires_time": instant_text(expires_time),
    }
    connection.execute(insert(api_keys).values(values))
    return NewKey(f"sp_{key_id}_{secret}", key_id, role, scope_id, expires_time)


def _one(connection: Connection, key_id: str) -> KeyRow:
    row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).mappings().first()
    if row is None:
        raise UsageError("there is no key of that prefix; `sharepicks keys list` shows them")
    return _row(row)


def _row(row: object) -> KeyRow:
    values: dict[str, str | None] = dict(row)  # type: ignore[call-overload]

    def instant(name: str) -> datetime:
        return instant_of(str(values[name]))

    return KeyRow(
        key_id=str(values["key_id"]),
        secret_hash=bytes.fromhex(str(values["secret_hash"])),
        role=Role(str(values["role"])),
        scope_id=values["scope_id"],
        label=str(values["label"]),
        created_time=instant("created_time"),
        expires_time=instant("expires_time"),
        revoked_time=None if values["revoked_time"] is None else instant("revoked_time"),
        replaced_by=values["replaced_by"],
    )
