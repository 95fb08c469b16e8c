"""SQLite: one file, a write-ahead log, and a commit that has reached the disk when it returns."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from serving.store.erased import ErasedIds
from serving.store.seam import Outcome, StoreError, StoreRow, failed
from serving.store.writing import COLUMNS, Key, values_of, write_rows

BUSY_WITHIN_S = 4.0
# secure_delete on every connection: what is deleted, or moved to another page, is overwritten with zeros.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-32000")

INSERT = f"INSERT INTO contract_rows ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)"
EXISTING = "SELECT content FROM contract_rows WHERE table_name = ? AND row_key = ?"
GONE = "the store's file or its log is not the one that was opened; put it back"
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
            self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # now there is a log
            self._file, self._files = file, _files_of(file)
        except (sqlite3.Error, OSError) as error:
            raise failed(error) from error

    def write(self, rows: Sequence[StoreRow]) -> list[Outcome]:
        """See `RowWriter`."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            outcomes = write_rows(_Rows(cursor), rows, self._erased)
            cursor.execute("COMMIT")
            if _files_of(self._file) != self._files:
                raise StoreError(GONE)
        except (sqlite3.Error, OSError) as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            raise failed(error) from error
        finally:
            cursor.close()
        return outcomes

    def close(self) -> None:
        """See `RowWriter`."""
        self._connection.close()


def _files_of(file: Path) -> tuple[tuple[int, int], ...]:
    """Which files stand under the names of the store and its log; OSError where one is missing.

    SQLite writes on into files that were removed, and nobody would find what it wrote.
    """
    found = file.stat(), file.with_name(f"{file.name}-wal").stat()
    return tuple((one.st_dev, one.st_ino) for one in found)


class _Rows:
    """See `RowTable`."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def erased_after(self, seq: int) -> list[tuple[int, str]]:
        return self._cursor.execute(ERASED_AFTER, (seq,)).fetchall()

    def contents(self, keys: Collection[Key]) -> dict[Key, str]:
        found = {key: self._cursor.execute(EXISTING, key).fetchone() for key in keys}
        return {key: row[0] for key, row in found.items() if row is not None}

    def insert(self, rows: Sequence[StoreRow]) -> None:
        self._cursor.executemany(INSERT, map(values_of, rows))


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
