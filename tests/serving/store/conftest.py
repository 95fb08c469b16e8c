from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_server import Databases

from serving.store.opening import open_store
from serving.store.store import Store

KINDS = ("sqlite", "postgresql")
NewUrl = Callable[[], str]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    return str(request.param)


@pytest.fixture
def new_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes addresses of empty stores of one kind, each kind in turn."""
    if kind == "sqlite":
        numbers = itertools.count()
        return lambda: f"sqlite:///{tmp_path}/store-{next(numbers)}.db"
    made: Databases = request.getfixturevalue("postgres")
    return made.make


@pytest.fixture
def url(new_url: NewUrl) -> str:
    """The address of an empty store, of each kind in turn."""
    return new_url()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store, of each kind in turn."""
    with open_store(url) as opened:
        yield opened
