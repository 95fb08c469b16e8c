from __future__ import annotations

from pathlib import Path

import pytest
from asgi_caller import Caller
from fake_snapshots import make_app, make_registry
from fastapi import FastAPI


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
