"""The live keys in a worker's memory, read again when an administrative act was recorded.

A lookup never touches the store: an unknown prefix costs a guesser's request two hashes and nothing else. The
number of the last audit row says whether anything changed; it is asked for several times a second, so that a
revoked key is refused within one. Every worker holds all live keys, at most MAX_LIVE_KEYS, and leaves a
copy of them in a file for those that start while the store is down.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from recsys.errors import SharepicksError
from serving.callers.api_keys import KEY, any_key_ever, live_keys, secret_hash
from serving.callers.audit import Transactions
from serving.callers.keys_copy import KnownKeys, read_copy, write_copy
from serving.callers.roles import Caller
from serving.callers.schema import audit_head
from serving.logs import describe_exception

State = Literal["unknown", "no keys", "keys"]
LOOK_EVERY_S = 0.25
READ_ALL_EVERY = timedelta(seconds=30)  # a row that was changed by hand leaves no act behind
TRUSTED_WITHOUT_STORE = timedelta(minutes=10)
NOBODY = bytes(32)
NOT_OF_THE_STORE = -1  # the number of no act: once the store is back everything is read again

log = logging.getLogger("sharepicks.callers")


class KeyRing:
    """Answers who a key is; `refresh` is called on a thread of its own, `open` on the event loop.

    `copy`: the file that is read when the store cannot be, and written when keys were read; None: no file.
    """

    def __init__(
        self, transactions: Transactions, clock: Callable[[], datetime], copy: Path | None = None
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._copy = copy
        self._copy_fails = False
        self._ring: KnownKeys | None = None
        self._seen_time: datetime | None = None
        self._failing = False

    @property
    def state(self) -> State:
        """Whether keys are asked for; unknown before the store was read, and long after it last could be."""
        if self._ring is None or self._seen_time is None:
            return "unknown"
        if self._clock() - self._seen_time > TRUSTED_WITHOUT_STORE:
            return "unknown"
        return "keys" if self._ring.any_ever else "no keys"

    def refresh(self) -> None:
        """Read the keys when something changed; a store that cannot be reached leaves what was known."""
        now, before = self._clock(), self._ring
        try:
            with self._transactions() as connection:
                self._ring = self._read(connection, now)
        except (SQLAlchemyError, SharepicksError) as error:
            if self._ring is None and not self._failing:
                self._take_copy(now)
            if not self._failing:
                log.warning("keys_unreadable", extra={"fields": describe_exception(error)})
            self._failing = True
            return
        self._failing = False
        self._seen_time = now
        if self._ring is not before:
            self._leave_copy(self._ring)

    def _take_copy(self, now: datetime) -> None:
        """Go on with what a worker before knew, as long as that one itself would have."""
        known = None if self._copy is None else read_copy(self._copy)
        if known is not None and known.read_time <= now <= known.read_time + TRUSTED_WITHOUT_STORE:
            self._ring = replace(known, seq=NOT_OF_THE_STORE)
            self._seen_time = known.read_time

    def _leave_copy(self, known: KnownKeys) -> None:
        if self._copy is None:
            return
        try:
            write_copy(self._copy, known)
            self._copy_fails = False
        except OSError as error:
            if not self._copy_fails:
                log.warning("keys_copy_unwritable", extra={"fields": describe_exception(error)})
            self._copy_fails = True

    def _read(self, connection: Connection, now: datetime) -> KnownKeys:
        known = self._ring
        seq = connection.execute(select(audit_head.c.seq)).scalar() or 0
        if known is not None and known.seq == seq and now - known.read_time < READ_ALL_EVERY:
            return known
        any_ever = any_key_ever(connection) or (known is not None and known.any_ever)
        return KnownKeys(seq, {row.key_id: row for row in live_keys(connection, now)}, any_ever, now)

    def open(self, key: str) -> Caller | None:
        """Whose key this is, compared in constant time; None when it opens nothing at this moment."""
        match = KEY.fullmatch(key)
        row = self._ring.by_id.get(match[1]) if match and self._ring else None
        given = secret_hash(match[2]) if match else NOBODY
        same = hmac.compare_digest(given, row.secret_hash if row else NOBODY)
        if row is None or not same or row.state(self._clock()) != "live":
            return None
        return Caller(row.role, row.scope_id, row.key_id)

    def caller_of(self, key_id: str) -> Caller | None:
        """Whose key has this prefix, for whom a session stands; None when the key opens nothing now."""
        row = self._ring.by_id.get(key_id) if self._ring else None
        if row is None or row.state(self._clock()) != "live":
            return None
        return Caller(row.role, row.scope_id, row.key_id)


async def keep_keys_fresh(ring: KeyRing, every_s: float = LOOK_EVERY_S) -> None:
    """Look again and again, on a thread, until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(ring.refresh)
