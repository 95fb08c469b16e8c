"""The record of every administrative act, in the transaction of the act, each row chained to the last.

A row's hash covers the row and the hash before it. So an edited row, a dropped row and one put in between
are found by whoever walks the chain; a dropped end is found by the head, which is kept apart. Who may write
the whole database can forge both: note the head elsewhere (`sharepicks keys audit` prints it) and hand it
back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, insert, select, update

from recsys.errors import SharepicksError
from serving.callers.instants import instant_text
from serving.callers.schema import audit_head, audit_log

Transactions = Callable[[], AbstractContextManager[Connection]]
START = "0" * 64  # what the first row is chained to


class AuditError(SharepicksError):
    """The audit log is broken, or an act could not be recorded and was not done."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what to which subject; `detail` must hold no secret."""

    actor: str
    act: str
    subject: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: how many acts, and the hash of the last."""

    seq: int
    row_hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.row_hash}"


def record_act(connection: Connection, act: Act, now: datetime) -> Head:
    """Append one act to the chain inside the caller's transaction; call it first of all in the transaction.

    It takes the write lock, so that two acts at once follow one another instead of forking the chain.
    AuditError when the log has lost its head: nothing is done then.
    """
    moved = connection.execute(update(audit_head).values(seq=audit_head.c.seq + 1)).rowcount
    if moved == 0:
        if connection.execute(select(audit_log.c.seq).limit(1)).first() is not None:
            raise AuditError("the audit log has lost its head: nothing is done before somebody looked at it")
        connection.execute(insert(audit_head).values(only=1, seq=1, row_hash=START))
    seq, previous = connection.execute(select(audit_head.c.seq, audit_head.c.row_hash)).one()
    row = {
        "seq": seq,
        "act_time": instant_text(now),
        "actor": act.actor,
        "act": act.act,
        "subject": act.subject,
        "detail": orjson.dumps(dict(act.detail), option=orjson.OPT_SORT_KEYS).decode(),
        "previous_hash": previous,
    }
    row["row_hash"] = hash_of(row)
    connection.execute(insert(audit_log).values(row))
    connection.execute(update(audit_head).values(row_hash=row["row_hash"]))
    return Head(seq, str(row["row_hash"]))


def hash_of(row: Mapping[str, object]) -> str:
    """SHA-256 in hex of a row without its own hash; the order of the columns is part of it."""
    columns = ("seq", "act_time", "actor", "act", "subject", "detail", "previous_hash")
    return hashlib.sha256(orjson.dumps([row[name] for name in columns])).hexdigest()


def verify_chain(connection: Connection, noted: Head | None = None) -> Head:
    """The end of a whole chain; AuditError naming the first row that is edited, dropped or out of place.

    `noted`: a head written down elsewhere before; it must still be in the chain.
    """
    previous, expected = START, 1
    for row in connection.execute(select(audit_log).order_by(audit_log.c.seq)).mappings():
        if row["seq"] != expected:
            raise AuditError(f"audit log: row {expected} is missing; the next one is {row['seq']}")
        if row["previous_hash"] != previous:
            raise AuditError(f"audit log: row {expected} does not follow the row before it")
        if row["row_hash"] != hash_of(dict(row)):
            raise AuditError(f"audit log: row {expected} was edited")
        if noted is not None and noted.seq == expected and noted.row_hash != row["row_hash"]:
            raise AuditError(f"audit log: row {expected} is not the one whose hash was noted")
        previous, expected = row["row_hash"], expected + 1
    found = connection.execute(select(audit_head.c.seq, audit_head.c.row_hash)).first()
    head = Head(expected - 1, previous)
    stated = Head(0, START) if found is None else Head(found.seq, found.row_hash)
    if stated != head:
        raise AuditError(f"audit log: it must end with row {stated.seq}; its last whole row is {head.seq}")
    if noted is not None and noted.seq > head.seq:
        raise AuditError(f"audit log: row {noted.seq} was noted, and only {head.seq} rows are left")
    return head
