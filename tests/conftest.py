"""What tests of every room may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from training.town.config import TownConfig
from training.town.simulate import simulate

SMALL_TOWN = TownConfig(n_owners=30, n_members=300, n_products=100, n_days=40, seed=7, n_orders=3_000)

settings.register_profile("untimed", deadline=None)  # a loaded machine breaks no law
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def small_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of about 3,000 order lines in 40 days; never to be written to; its truth is beside it."""
    path = tmp_path_factory.mktemp("small_town") / "town"
    simulate(SMALL_TOWN, path)
    return path
