"""The circuit breaker: what blocks, what does not, and what a block says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_model import AS_OF_US, DAY_US, small_model, town

from recsys.circuit_breaker import NEVER, PLAN, Bursts, blocked, limit_of, posterior
from recsys.domain import Query
from recsys.explain_blocks import blocks
from recsys.model import Model
from recsys.model_files import model_of, write_model
from recsys.recommend import recommend
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter


def bursts_of(model: Model, **bad: int) -> Bursts:
    """Ten lines of each product, and so many bad endings of those named."""
    n = model.n_products
    n_bad = np.zeros(n, dtype=np.int32)
    first = np.full(n, NEVER, dtype=np.int64)
    for product, count in bad.items():
        n_bad[model.products.ids.row(product)] = count
        first[model.products.ids.row(product)] = AS_OF_US - 2 * DAY_US
    nothing = np.zeros(n, dtype=np.int32)
    return Bursts(
        n_bad=n_bad, exposure=np.full(n, 8.0), usual=np.full(n, 0.03), n_lines=np.full(n, 10, dtype=np.int32),
        n_returns=n_bad, n_complaints=nothing, n_low_ratings=nothing, first_us=first,
    )  # fmt: skip


def snapshot_of(folder: Path, **bad: int) -> Snapshot:
    world = replace(town(), shares=[("o-kitchen", "n1", 20, 0), ("o-noodles", "n1", 17, 3)])
    model = small_model(world)
    with SnapshotWriter(folder) as writer:
        write_model(writer, replace(model, bursts=bursts_of(model, **bad)), ["s0"])
        writer.commit()
    return open_snapshot(folder)


def picked(snapshot: Snapshot) -> set[str]:
    return {pick.product_id for pick in recommend(snapshot, Query("o-noodles", n=100)).picks}


def test_the_posterior_is_the_prior_and_what_was_counted() -> None:
    found = posterior(3, 10, 0.04)  # Gamma(5 · 0.04 + 3, 5 + 10)
    assert found.mean == pytest.approx(3.2 / 15)
    # P(Gamma(1, 5) > 0.2) is e^-1
    assert posterior(1, 0, 0.0).chance_over(0.2) == pytest.approx(np.exp(-1))


def test_a_burst_blocks_the_product_for_everybody_and_says_why(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path / "s", n1=6)
    assert "n1" not in picked(snapshot)
    (block,) = blocks(model_of(snapshot))
    assert block["product_id"] == "n1"
    assert (block["n_lines"], block["n_bad"], block["n_returns"]) == (10, 6, 6)
    assert block["limit"] == PLAN.least_limit  # two and a half times 0.03 is less
    assert block["p_over_limit"] >= PLAN.threshold
    assert (AS_OF_US - block["since"].timestamp() * 1e6) == 2 * DAY_US
    assert [owner["owner_id"] for owner in block["owners"]] == ["o-noodles", "o-kitchen"]


def test_red_control_without_the_evidence_it_is_picked(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path / "s")
    assert "n1" in picked(snapshot)
    assert blocks(model_of(snapshot)) == []


def test_one_more_event_blocks_and_is_enough(tmp_path: Path) -> None:
    model = small_model(town())
    row = model.products.ids.row("n1")
    evidence, counts = bursts_of(model), []
    while not evidence.blocked[row]:
        counts.append(int(evidence.n_bad[row]))
        evidence = evidence.with_bad(row)
    assert evidence.n_bad[row] == len(counts) >= PLAN.least_bad
    assert evidence.blocked.sum() == 1


@given(st.integers(0, 60), st.floats(0, 500), st.floats(0.001, 0.4), st.integers(1, 9), st.floats(0.1, 50))
def test_bad_endings_never_release_and_good_lines_never_block(
    n_bad: int, exposure: float, usual: float, more_bad: int, more_lines: float
) -> None:
    if blocked(n_bad, exposure, usual):
        assert blocked(n_bad + more_bad, exposure, usual)
    else:
        assert not blocked(n_bad, exposure + more_lines, usual)


def test_what_is_usual_in_the_category_never_blocks() -> None:
    lines = np.arange(1, 400, dtype=np.float64)
    for usual in (0.01, 0.05, 0.2):
        assert not blocked(np.round(usual * lines), lines, usual).any()
        assert not blocked(np.round(limit_of(usual) * lines), lines, usual).any()


def test_fewer_than_three_members_block_nothing() -> None:
    assert not blocked(PLAN.least_bad - 1, 0.0, 0.0)


def test_a_snapshot_without_the_evidence_blocks_nothing(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path / "s") as writer:
        write_model(writer, small_model(town()), ["s0"])
        writer.commit()
    model = model_of(open_snapshot(tmp_path / "s"))
    assert model.bursts is None
    assert model.blocked is None
    assert blocks(model) == []
