"""PostgreSQL: many services over one store, and the database itself keeps one owner's rows from another.

The hot path is plain psycopg; everything else goes over SQLAlchemy. Both connect by `connect`, and what a
transaction is set to is said when it begins: a pooler between may give each another connection.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import orjson
import psycopg
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event, text

from recsys.errors import UsageError
from serving.store.erased import ErasedIds
from serving.store.seam import Outcome, StoreError, StoreRow, failed
from serving.store.writing import COLUMNS, Key, values_of, write_rows

CONNECT_WITHIN_S = 3
LOOK_EVERY_S = 0.1  # while an answer is waited for: whether its time is over
LOCK_WITHIN_S = 4
WRITE_WITHIN_S = 4
STATEMENT_WITHIN_S = 60  # of what is administrative, and of an export's longest question
# The server keeps the bounds above by itself. Where it stands still, its kernel or a proxy keeps the
# connection alive all the same; past these it is given up for a new one. None: never.
ANSWER_WITHIN_S: float | None = LOCK_WITHIN_S + WRITE_WITHIN_S + 2
SLOW_ANSWER_WITHIN_S = STATEMENT_WITHIN_S + 5
# A server that is gone without a word is noticed by the network's own patience.
PATIENCE: dict[str, Any] = {
    "connect_timeout": CONNECT_WITHIN_S,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "fallback_application_name": "sharepicks",
    "client_encoding": "utf8",
}
READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
BOUNDS = (
    "set_config('statement_timeout', '{statement_s}s', true), set_config('lock_timeout', '{lock_s}s', true)"
)
SEE_ALL = "set_config('sharepicks.scope', 'all', true)"
SEE_ONE = "set_config('sharepicks.owner_id', %s, true)"
# Rows become visible in the order of their seq: a replica that polls would else pass by a smaller seq whose
# transaction ended later. Whatever writes takes this lock, and keeps it until its transaction is over.
WRITE_LOCK = "set_config('synchronous_commit', 'on', true), pg_advisory_xact_lock(7203178)"

# Rows travel as one JSON text: about a tenth of the time that psycopg takes over seven arrays.
INSERT = f"""
INSERT INTO contract_rows ({", ".join(COLUMNS)})
SELECT new->>0, new->>1, new->>2, new->>3, new->>4, new->>5, (new->>6)::bigint
FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS sent (new, place) ORDER BY place
"""
# LIMIT keeps each key a search of its own over the index; without it the planner may read the whole table.
EXISTING = """
SELECT there.* FROM jsonb_array_elements(%s::jsonb) AS sent (key) CROSS JOIN LATERAL (
    SELECT table_name, row_key, content FROM contract_rows
    WHERE table_name = (key->>0) COLLATE "C" AND row_key = (key->>1) COLLATE "C" LIMIT 1
) AS there
"""
ERASED_AFTER = "SELECT seq, id_hash FROM erased_ids WHERE seq > %s ORDER BY seq"
SAFETY = """
SELECT current_setting('server_encoding') = 'UTF8', current_setting('fsync') = 'on',
    NOT (rolsuper OR rolbypassrls)
FROM pg_roles WHERE rolname = current_user
"""
UNSAFE = (
    "the store's database must be made with ENCODING 'UTF8'",
    "the store's server runs with fsync off, so that a 202 would not survive the power; switch it on",
    "the store's role must not pass row-level security (SUPERUSER, BYPASSRLS); make a plain role that owns "
    "the database, see docs/store.md",
)


def check_address(url: str) -> None:
    """UsageError when libpq cannot read it; nothing of it is repeated, since it may hold a password."""
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        raise UsageError(
            "the store's address is not readable; it is postgresql://NAME:PASSWORD@HOST:PORT/DATABASE, with "
            "what is special in a part as %XX"
        ) from None


class _Bounded(psycopg.Connection):
    """A connection that is broken for good once the server has not answered for `within_s` seconds."""

    within_s: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = LOOK_EVERY_S, timeout: float | None = None) -> RV:
        """Wait for one answer; psycopg.OperationalError when it does not come in time."""
        try:
            return super().wait(gen, interval, self.within_s if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # else rolling back would wait too
                self.pgconn.finish()
            raise


def connect(url: str, within_s: float | None, *, autocommit: bool = False) -> psycopg.Connection:
    """A connection whose every answer comes within that time, or breaks it.

    StoreError, without the server's own words, when there is none to be had now.
    """
    try:
        connection = _Bounded.connect(url, autocommit=autocommit, **PATIENCE)
    except psycopg.Error:
        raise StoreError(
            "the store's server cannot be reached, or refuses this name, password or database"
        ) from None
    connection.within_s = within_s
    # whatever the server's default is: who got the write lock must see what was committed while it waited
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def postgres_engine(url: str) -> Engine:
    """An engine for all but the hot path; its transactions see every row, or one owner's when told so."""
    engine = create_engine(
        "postgresql+psycopg://", creator=partial(connect, url, SLOW_ANSWER_WITHIN_S), pool_pre_ping=True,
        pool_size=4, pool_timeout=LOCK_WITHIN_S,
    )  # fmt: skip
    weakref.finalize(engine, engine.pool.dispose)  # at exit, where nobody disposed of it before

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        options = connection.get_execution_options()
        reads, owner_id = options.get("sharepicks_reads"), options.get("sharepicks_owner_id")
        if reads:
            connection.exec_driver_sql(READ)
        bounds = BOUNDS.format(statement_s=STATEMENT_WITHIN_S, lock_s=LOCK_WITHIN_S)
        scope, values = (SEE_ALL, ()) if owner_id is None else (SEE_ONE, (owner_id,))
        lock = "" if reads else f", {WRITE_LOCK}"
        connection.exec_driver_sql(f"SELECT {bounds}, {scope}{lock}", values)

    return engine


def refuse_unsafe(engine: Engine) -> None:
    """UsageError when this server, database or role cannot keep what the store promises."""
    with engine.connect() as plain:
        safe = plain.execution_options(sharepicks_reads=True).execute(text(SAFETY)).one()
    for is_safe, sentence in zip(safe, UNSAFE, strict=True):
        if not is_safe:
            raise UsageError(sentence)


class PostgresWriter:
    """Writes rows over a connection of its own."""

    def __init__(self, url: str, salt: bytes) -> None:
        self._erased = ErasedIds(salt)
        self._connection = connect(url, ANSWER_WITHIN_S, autocommit=True)

    def write(self, rows: Sequence[StoreRow]) -> list[Outcome]:
        """See `RowWriter`."""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                bounds = BOUNDS.format(statement_s=WRITE_WITHIN_S, lock_s=LOCK_WITHIN_S)
                cursor.execute(f"SELECT {bounds}, {SEE_ALL}, {WRITE_LOCK}".encode())
                return write_rows(_Rows(cursor), rows, self._erased)
        except psycopg.Error as error:
            raise failed(error) from error

    def close(self) -> None:
        """See `RowWriter`."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


class _Rows:
    """See `RowTable`."""

    def __init__(self, cursor: psycopg.Cursor) -> None:
        self._cursor = cursor

    def erased_after(self, seq: int) -> list[tuple[int, str]]:
        return self._cursor.execute(ERASED_AFTER, (seq,)).fetchall()

    def contents(self, keys: Collection[Key]) -> dict[Key, str]:
        found = self._cursor.execute(EXISTING, (orjson.dumps(list(keys)).decode(),)).fetchall()
        return {(name, row_key): content for name, row_key, content in found}

    def insert(self, rows: Sequence[StoreRow]) -> None:
        if rows:
            self._cursor.execute(INSERT, (orjson.dumps([values_of(row) for row in rows]).decode(),))


def nothing_scrubbed() -> bool:
    """False: deleted rows are out of every query at once, their bytes go with vacuum, WAL and backups."""
    return False
