"""SQLite: one file, a write-ahead log, and a commit that has reached the disk when it returns."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from serving.store.erased import ErasedIds
from serving.store.seam import Outcome, StoreError, StoreRow, failed

BUSY_WITHIN_S = 4.0
# secure_delete on every connection: what is deleted, or moved to another page, is overwritten with zeros.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-32000")

INSERT = """
INSERT INTO contract_rows (table_name, row_key, owner_id, member_id, order_id, content, received_time)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (table_name, row_key) DO NOTHING
"""
EXISTING = "SELECT content FROM contract_rows WHERE table_name = ? AND row_key = ?"
ERASED_AFTER = "SELECT seq, id_hash FROM erased_ids WHERE seq > ? ORDER BY seq"


def set_up(connection: sqlite3.Connection) -> None:
    """Make a fresh connection durable, erasing and patient."""
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(BUSY_WITHIN_S * 1000)}")
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def sqlite_engine(file: Path) -> Engine:
    """An engine for all but the hot path; its transactions take the write lock when they begin."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: object) -> None:
        set_up(connection)

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        reads = connection.get_execution_options().get("sharepicks_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


class SqliteWriter:
    """Writes rows over a connection of its own."""

    def __init__(self, file: Path, salt: bytes) -> None:
        self._erased = ErasedIds(salt)
        if not file.exists():  # sqlite3 would make an empty one, and every row before it were gone
            raise StoreError("the store's file is gone; nothing is written until it is back")
        try:
            self._connection = sqlite3.connect(file, timeout=BUSY_WITHIN_S, check_same_thread=False)
            set_up(self._connection)
        except sqlite3.Error as error:
            raise failed(error) from error

    def write(self, rows: Sequence[StoreRow]) -> list[Outcome]:
        """See `RowWriter`."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            self._erased.refresh(lambda seq: cursor.execute(ERASED_AFTER, (seq,)).fetchall())
            outcomes: list[Outcome] = []
            while len(outcomes) < len(rows):
                row = rows[len(outcomes)]
                if row.n_together == 1:
                    outcomes.append(self._write_one(cursor, row))
                else:
                    event = rows[len(outcomes) : len(outcomes) + row.n_together]
                    outcomes += self._write_event(cursor, event)
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            raise failed(error) from error
        finally:
            cursor.close()
        return outcomes

    def _write_event(self, cursor: sqlite3.Cursor, rows: Sequence[StoreRow]) -> list[Outcome]:
        """All rows of an event, or none of them."""
        cursor.execute("SAVEPOINT event")
        outcomes = [self._write_one(cursor, row) for row in rows]
        if "conflict" in outcomes or "erased" in outcomes:
            cursor.execute("ROLLBACK TO event")
            outcomes = ["left_out" if outcome == "stored" else outcome for outcome in outcomes]
        cursor.execute("RELEASE event")
        return outcomes

    def _write_one(self, cursor: sqlite3.Cursor, row: StoreRow) -> Outcome:
        if self._erased.names_one(row):
            return "erased"
        cursor.execute(
            INSERT,
            (row.table_name, row.row_key, row.owner_id, row.member_id, row.order_id, row.content,
             row.received_time),
        )  # fmt: skip
        if cursor.rowcount == 1:
            return "stored"
        (content,) = cursor.execute(EXISTING, (row.table_name, row.row_key)).fetchone()
        return "duplicate" if content == row.content else "conflict"

    def close(self) -> None:
        """See `RowWriter`."""
        self._connection.close()


def truncate_log(engine: Engine) -> bool:
    """Whether the log could be emptied into the file: no byte of what was deleted is left anywhere then."""
    raw = engine.raw_connection()  # past the engine, which would begin a transaction
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = cursor.fetchone()
        cursor.close()
    except sqlite3.Error as error:
        raise failed(error) from error
    finally:
        raw.close()
    return row is not None and row[0] == 0
