"""Nothing after the moment is read, the order of the rows does not matter, and duplicates count once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from window_worlds import (
    AS_OF,
    World,
    differences,
    fingerprint,
    make_world,
    tables_fingerprint,
    with_future,
    write_world,
)

from features import coding
from features.window import Window, open_window

SEEDS = st.integers(0, 2**32 - 1)
SLOW = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SEED = 7


def _past(seed: int) -> World:
    return make_world(np.random.default_rng(seed), AS_OF - timedelta(days=120), AS_OF)


def _future(seed: int) -> World:
    return with_future(_past(seed), np.random.default_rng(seed + 1))


def _shuffled(seed: int) -> World:
    """The past with its rows in another order and three of each table twice."""
    rng, shuffled = np.random.default_rng(seed), {}
    for name, rows in _past(seed).items():
        n_rows = len(next(iter(rows.values())))
        order = rng.permutation(np.concatenate([np.arange(n_rows), rng.integers(0, n_rows, 3)]))
        shuffled[name] = {column: [values[row] for row in order] for column, values in rows.items()}
    return shuffled


def _seen(
    world: World, look: Callable[[Window], dict[str, Any]] = fingerprint, *, threads: int = 2
) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        dataset = write_world(Path(folder) / "world", world)
        with open_window(dataset, AS_OF, memory_limit_mb=500, threads=threads) as window:
            return look(window)


@cache
def _seen_past() -> dict[str, Any]:
    return _seen(_past(SEED))


def test_rows_from_the_future_change_no_graph_and_no_column() -> None:
    assert differences(_seen_past(), _seen(_future(SEED))) == []


def test_red_control_without_the_filter_the_future_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    past = _seen_past()
    monkeypatch.setattr(coding, "known_at", lambda rows, table, moment: rows)
    names = {name.split(".")[0] for name in differences(past, _seen(_future(SEED)))}
    expected = {
        "ids products", "ids members", "ids owners", "categories", "co_purchase", "interactions",
        "owner_product", "owner_member", "triple", "products", "owners", "circle", "circle_columns",
        "momentum", "rebuy_gaps", "group_buys",
    }  # fmt: skip
    assert expected <= names


def test_row_order_threads_and_exact_duplicates_change_nothing() -> None:
    assert differences(_seen_past(), _seen(_shuffled(SEED), threads=1)) == []


@settings(SLOW, max_examples=2)
@given(SEEDS)
def test_rows_from_the_future_change_no_table(seed: int) -> None:
    past, future = (_seen(world, tables_fingerprint) for world in (_past(seed), _future(seed)))
    assert differences(past, future) == []


@pytest.mark.long
@settings(SLOW, max_examples=40)
@given(SEEDS)
def test_many_worlds_hold_to_their_past(seed: int) -> None:
    past = _seen(_past(seed))
    assert differences(past, _seen(_future(seed))) == []
    assert differences(past, _seen(_shuffled(seed), threads=1)) == []
