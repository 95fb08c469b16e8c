"""A store from its address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from recsys.errors import UsageError
from serving.store.migrate import migrate
from serving.store.seam import RowWriter, StoreError, failed
from serving.store.store import Store

SQLITE = "sqlite:///"
KNOWN = "a store is sqlite:///PATH; PostgreSQL is not there yet"


def open_store(url: str, *, must_exist: bool = False) -> Store:
    """The store at an address, its tables made or upgraded.

    `must_exist`: a file that is not there is not made.
    UsageError when it is no address of a store; StoreError when the store cannot be opened now.
    """
    try:
        if url.startswith(SQLITE):
            file = Path(url.removeprefix(SQLITE))
            if must_exist and not file.is_file():
                raise UsageError("there is no store at this address; is the path right?")
            return Store(*_sqlite_parts(file))
    except (SQLAlchemyError, OSError) as error:
        raise failed(getattr(error, "orig", None) or error) from error
    raise UsageError(f"{KNOWN}; got another beginning")


def open_engine(url: str) -> Engine:
    """What administrative transactions run on, every table made or upgraded; errors as of `open_store`."""
    check_url(url)
    try:
        return _sqlite_parts(Path(url.removeprefix(SQLITE)))[0]
    except (SQLAlchemyError, OSError) as error:
        raise failed(getattr(error, "orig", None) or error) from error


def check_url(url: str) -> None:
    """UsageError when it is no address of a store; nothing is opened."""
    if not url.startswith(SQLITE) or url == SQLITE:
        raise UsageError(f"{KNOWN}; got another beginning")


def _sqlite_parts(file: Path) -> tuple[Engine, Callable[[bytes], RowWriter], Callable[[], bool]]:
    from serving.store.sqlite import SqliteWriter, sqlite_engine, truncate_log

    if not file.parent.is_dir():
        raise StoreError("the folder of the store's file is not there; make it first")
    engine = sqlite_engine(file)
    migrate(engine)
    return engine, partial(SqliteWriter, file), partial(truncate_log, engine)
