"""A store from its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from recsys.errors import UsageError
from serving.store.migrate import is_made, migrate
from serving.store.seam import RowWriter, failed
from serving.store.store import Store

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
KNOWN = "a store is sqlite:///PATH or postgresql://NAME@HOST/DATABASE"
NO_STORE = "there is no store at this address; is it right?"

# The engine, how its writer is opened given the salt, and how deleted bytes are scrubbed.
Parts = tuple[Engine, Callable[[bytes], RowWriter], Callable[[], bool]]


def open_store(url: str, *, must_exist: bool = False) -> Store:
    """The store at an address, its tables made or upgraded.

    `must_exist`: a store that is not there is not made.
    UsageError when it is no address of a store; StoreError when the store cannot be opened now.
    """
    with _told():
        return Store(*_parts(url, must_exist=must_exist))


def open_engine(url: str) -> Engine:
    """What administrative transactions run on, every table made or upgraded; errors as of `open_store`."""
    with _told():
        return _parts(url)[0]


def check_url(url: str) -> None:
    """UsageError when it is no address of a store; nothing is opened."""
    if url.startswith(POSTGRES):
        try:
            from serving.store.postgres import check_address
        except ImportError:
            raise UsageError(
                "a store on PostgreSQL needs psycopg: pip install 'sharepicks[postgres]'"
            ) from None
        check_address(url)
    elif not url.startswith(SQLITE) or url == SQLITE:
        raise UsageError(f"{KNOWN}; got another beginning")


def _parts(url: str, *, must_exist: bool = False) -> Parts:
    check_url(url)
    if url.startswith(SQLITE):
        return _sqlite_parts(Path(url.removeprefix(SQLITE)), must_exist=must_exist)
    return _postgres_parts(url, must_exist=must_exist)


def _sqlite_parts(file: Path, *, must_exist: bool) -> Parts:
    from serving.store.sqlite import SqliteWriter, sqlite_engine, truncate_log

    if must_exist and not file.is_file():
        raise UsageError(NO_STORE)
    if not file.parent.is_dir():
        raise UsageError("the folder of the store's file is not there; make it first")
    engine = sqlite_engine(file)
    with _let_go_of(engine):
        migrate(engine)
    return engine, partial(SqliteWriter, file), partial(truncate_log, engine)


def _postgres_parts(url: str, *, must_exist: bool) -> Parts:
    from serving.store.postgres import PostgresWriter, nothing_scrubbed, postgres_engine, refuse_unsafe

    engine = postgres_engine(url)
    with _let_go_of(engine):
        refuse_unsafe(engine)
        if must_exist and not is_made(engine):
            raise UsageError(NO_STORE)
        migrate(engine)
    return engine, partial(PostgresWriter, url), nothing_scrubbed


@contextmanager
def _let_go_of(engine: Engine) -> Iterator[None]:
    """Close every connection of an engine that nobody will use: opening is tried again and again."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise failed(getattr(error, "orig", None) or error) from error
