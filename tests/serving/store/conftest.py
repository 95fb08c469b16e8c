from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving.store.opening import open_store
from serving.store.store import Store


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store, of each kind in turn."""
    with open_store(url) as opened:
        yield opened
