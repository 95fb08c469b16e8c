"""Nothing after the moment is read, the order of the rows does not matter, and duplicates count once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from window_worlds import AS_OF, World, differences, fingerprint, make_world, with_future, write_world

from features import coding
from features.window import open_window

SEEDS = st.integers(0, 2**32 - 1)
SLOW = settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def _past(seed: int) -> World:
    return make_world(np.random.default_rng(seed), AS_OF - timedelta(days=120), AS_OF)


def _seen(world: World, *, threads: int = 2) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        dataset = write_world(Path(folder) / "world", world)
        with open_window(dataset, AS_OF, memory_limit_mb=500, threads=threads) as window:
            return fingerprint(window)


@SLOW
@given(SEEDS)
def test_rows_from_the_future_change_nothing(seed: int) -> None:
    world = _past(seed)
    future = with_future(world, np.random.default_rng(seed + 1))
    assert differences(_seen(world), _seen(future)) == []


def test_red_control_without_the_filter_the_future_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _past(7)
    future = with_future(world, np.random.default_rng(8))
    monkeypatch.setattr(coding, "known_at", lambda rows, table, moment: rows)
    seen, leaked = _seen(world), _seen(future)
    names = {name.split(".")[0] for name in differences(seen, leaked)}
    expected = {
        "ids products", "ids members", "ids owners", "categories", "co_purchase", "interactions",
        "owner_product", "owner_member", "triple", "products", "owners", "circle", "circle_columns",
    }  # fmt: skip
    assert expected <= names


@pytest.mark.long
@settings(SLOW, max_examples=40)
@given(SEEDS)
def test_rows_from_the_future_change_nothing_in_many_worlds(seed: int) -> None:
    world = _past(seed)
    future = with_future(world, np.random.default_rng(seed + 1))
    assert differences(_seen(world), _seen(future)) == []


@SLOW
@given(SEEDS)
def test_row_order_and_exact_duplicates_change_nothing(seed: int) -> None:
    world, rng = _past(seed), np.random.default_rng(seed)
    shuffled = {}
    for name, rows in world.items():
        n_rows = len(next(iter(rows.values())))
        order = rng.permutation(np.concatenate([np.arange(n_rows), rng.integers(0, n_rows, 3)]))
        shuffled[name] = {column: [values[row] for row in order] for column, values in rows.items()}
    assert differences(_seen(world), _seen(shuffled, threads=1)) == []
