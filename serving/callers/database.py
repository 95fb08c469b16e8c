"""The transactions in which the tables of callers are read and written: those of the online store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recsys.errors import UsageError
from serving.callers.audit import AuditError, Transactions
from serving.store.opening import check_url, open_engine
from serving.store.seam import StoreError


def transactions_of(url: str) -> Transactions:
    """A factory of transactions on the store of a URL, its tables made or upgraded.

    UsageError when the URL is none or cannot be opened.
    """
    engine = _engine(url)
    return lambda: _transaction(engine, reads=False)


def readings_of(url: str) -> Transactions:
    """The same for those who only look: they never wait for a writer, and no writer for them.

    The store is opened by the first that can; StoreError from each before. UsageError when it is no URL.
    """
    check_url(url)
    engine = cache(partial(open_engine, url))  # what was raised is not kept
    return lambda: _transaction(engine(), reads=True)


def _engine(url: str) -> Engine:
    try:
        return open_engine(url)
    except StoreError as error:
        raise UsageError(f"the store cannot be opened: {error}") from None


@contextmanager
def _transaction(engine: Engine, *, reads: bool) -> Iterator[Connection]:
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(sharepicks_reads=reads)
            with connection.begin():
                yield connection
    except SQLAlchemyError as error:
        # a driver's message may quote the row it could not write
        raise AuditError(f"the store refused ({type(error).__name__}); nothing was done") from None
