"""The transactions in which the tables of callers are read and written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from recsys.errors import UsageError
from serving.callers.audit import AuditError, Transactions
from serving.callers.schema import metadata

BUSY_WITHIN_S = 5


def transactions_of(url: str) -> Transactions:
    """A factory of transactions on the store of a URL, its tables made where they are missing.

    UsageError when the URL is none or cannot be opened.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ImportError):
        raise UsageError("a store is sqlite:///PATH or postgresql://HOST/NAME") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    try:
        metadata.create_all(engine)
    except SQLAlchemyError as error:
        raise UsageError(f"the store cannot be opened ({type(error).__name__})") from None
    return lambda: _transaction(engine)


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        # a driver's message may quote the row it could not write
        raise AuditError(f"the store refused ({type(error).__name__}); nothing was done") from None


def _set_up_sqlite(connection: object, record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_WITHIN_S * 1000}")
    cursor.close()
