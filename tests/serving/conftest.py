from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from asgi_caller import Caller
from fake_snapshots import make_app, make_registry
from fastapi import FastAPI
from postgres_server import Databases, NoServerError, databases


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry folder with the fake snapshots `one` and `two`, `one` promoted."""
    return make_registry(tmp_path)


@pytest.fixture
def app(registry: Path) -> FastAPI:
    """An app over the fakes, its first snapshot already serving; the watcher does not run."""
    return make_app(registry)


@pytest.fixture
def caller(app: FastAPI) -> Caller:
    """Sends requests to the app."""
    return Caller(app)


def told_loudly(error: NoServerError) -> None:
    """Skip with the reason; fail where a skipped test would be taken for a passed one."""
    sentence = f"NOT RUN ON POSTGRESQL: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """Makes databases on a real PostgreSQL server, one server for each test worker."""
    try:
        with databases() as made:
            yield made
    except NoServerError as error:
        told_loudly(error)


@pytest.fixture
def postgres(postgres_databases: Databases) -> Iterator[Databases]:
    """Makes databases that are dropped when the test is over."""
    yield postgres_databases
    postgres_databases.drop_all()


@pytest.fixture
def postgres_url(postgres: Databases) -> str:
    """The address of an empty database on PostgreSQL."""
    return postgres.make()
