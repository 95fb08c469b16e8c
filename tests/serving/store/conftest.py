from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.store.opening import open_store
from serving.store.store import Store

KINDS = ("sqlite",)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, of each kind in turn."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store, of each kind in turn."""
    with open_store(url) as opened:
        yield opened
