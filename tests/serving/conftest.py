from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgi_caller import Caller
from fake_snapshots import make_app, make_registry
from fastapi import FastAPI
from postgres_server import Databases, NoServerError, OwnServer, databases, not_run, own_server

KINDS_OF_STORE = ("sqlite", "postgresql")


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


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """Makes databases on a real PostgreSQL server, one server for each test worker."""
    try:
        with databases() as made:
            yield made
    except NoServerError as error:
        not_run(error)


@pytest.fixture
def postgres(postgres_databases: Databases) -> Iterator[Databases]:
    """Makes databases that are dropped when the test is over."""
    yield postgres_databases
    postgres_databases.drop_all()


@pytest.fixture
def postgres_url(postgres: Databases) -> str:
    """The address of an empty database on PostgreSQL."""
    return postgres.make()


@pytest.fixture
def own_postgres() -> Iterator[OwnServer]:
    """A PostgreSQL server that the test may crash."""
    try:
        with own_server() as server:
            yield server
    except NoServerError as error:
        not_run(error)


@pytest.fixture(params=KINDS_OF_STORE)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes addresses of empty stores of one kind, each kind in turn."""
    if request.param == "postgresql":
        made: Databases = request.getfixturevalue("postgres")
        return made.make
    numbers = itertools.count()
    return lambda: f"sqlite:///{tmp_path}/store-{next(numbers)}.db"


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The address of an empty store, of each kind in turn."""
    return new_url()
