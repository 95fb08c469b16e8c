"""The co-purchase weights, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.dataset import DatasetWriter, open_dataset
from features.graphs.co_purchase import CoPurchase, co_purchase
from features.window import Window, open_window

NOW = datetime(2024, 6, 1, tzinfo=UTC)
Line = tuple[str, str, str, int]  # order, member, product, age in days


def _open(path: Path, lines: list[Line], *, timeless: bool = False, price_minor: int = 500) -> Window:
    products = sorted({line[2] for line in lines})
    with DatasetWriter(path / "orders", timeless=timeless) as writer:
        writer.append(
            "products", {"product_id": products, "title": products, "category": ["A"] * len(products)}
        )
        columns = {
            "order_id": [line[0] for line in lines],
            "member_id": [line[1] for line in lines],
            "product_id": [line[2] for line in lines],
            "quantity": [1] * len(lines),
            "price_minor": [price_minor] * len(lines),
        }
        if not timeless:
            columns["order_time"] = [NOW - timedelta(days=line[3]) for line in lines]
        writer.append("orders", columns)
    return open_window(open_dataset(path / "orders"), None if timeless else NOW, memory_limit_mb=500)


def _edge(graph: CoPurchase, product: int, other: int) -> int:
    return int(np.flatnonzero((graph.product_row == product) & (graph.other_row == other))[0])


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Window]:
    # m1 bought a today, b 90 days ago; m2 bought both today in one order; m3 bought a alone
    lines = [("1", "m1", "a", 0), ("2", "m1", "b", 90), ("3", "m2", "a", 0), ("3", "m2", "b", 0),
             ("4", "m3", "a", 0)]  # fmt: skip
    with _open(tmp_path, lines) as window:
        yield window


def test_weight_is_the_decayed_cosine_damped_by_the_other_products_buyers(small: Window) -> None:
    graph = co_purchase(small, half_life_days=90.0, hub_damping=0.5)
    # Σ a·b = 1·½ + 1·1 = 1.5; Σ a² = 3; Σ b² = ¼ + 1 = 1.25; n(a) = 3, n(b) = 2
    cosine = 1.5 / np.sqrt(3 * 1.25)
    assert graph.weight[_edge(graph, 0, 1)] == pytest.approx(cosine / np.sqrt(2), rel=1e-6)
    assert graph.weight[_edge(graph, 1, 0)] == pytest.approx(cosine / np.sqrt(3), rel=1e-6)


def test_counts_are_people_and_orders_and_do_not_decay(small: Window) -> None:
    graph = co_purchase(small)
    assert graph.n_members.tolist() == [2, 2]
    assert graph.n_baskets.tolist() == [1, 1]
    assert (graph.n_members.dtype, graph.weight.dtype, graph.product_row.dtype) == (
        np.dtype("int32"), np.dtype("float32"), np.dtype("int32"),
    )  # fmt: skip


def test_without_times_every_purchase_counts_alike(tmp_path: Path) -> None:
    lines = [("1", "m1", "a", 0), ("2", "m1", "b", 0), ("3", "m2", "a", 0), ("3", "m2", "b", 0),
             ("4", "m3", "a", 0)]  # fmt: skip
    with _open(tmp_path, lines, timeless=True) as window:
        graph = co_purchase(window, hub_damping=0.0)
    assert window.as_of is None
    assert graph.weight.tolist() == pytest.approx([2 / np.sqrt(6)] * 2, rel=1e-6)


def test_pairs_of_too_few_members_are_left_out(small: Window) -> None:
    assert len(co_purchase(small, min_members=3).weight) == 0


def test_test_orders_are_left_out(tmp_path: Path) -> None:
    lines = [("1", member, product, 0) for member in ("m1", "m2") for product in ("a", "b")]
    lines = [(member + order, member, product, age) for order, member, product, age in lines]
    with _open(tmp_path, lines, price_minor=1) as window:
        assert len(co_purchase(window).weight) == 0


@pytest.mark.parametrize("timeless", [False, True])
def test_the_cap_limits_the_weights_but_never_the_counts(tmp_path: Path, timeless: bool) -> None:
    lines = [(f"{m}-{p}", f"m{m}", f"p{p:02}", p) for m in range(4) for p in range(8)]
    with _open(tmp_path, lines, timeless=timeless) as window:
        graph = co_purchase(window, member_cap=3, min_members=1)
        everything = co_purchase(window, member_cap=50, min_members=1)
    assert 0 < len(graph.weight) < len(everything.weight) == 8 * 7
    assert set(graph.n_members.tolist()) == {4}
    if not timeless:  # the three most recent products of everybody
        assert set(graph.product_row.tolist()) == {0, 1, 2}


def test_baskets_of_every_size_are_counted(tmp_path: Path) -> None:
    large = [("big", "m1", f"p{row:03}", 0) for row in range(60)]
    lines = [*large, ("s", "m2", "p000", 0), ("s", "m2", "p001", 0), ("t", "m2", "p000", 0)]
    with _open(tmp_path, lines) as window:
        graph = co_purchase(window, min_members=1, top_k=100)
    assert graph.n_baskets[_edge(graph, 0, 1)] == 2
    assert graph.n_baskets[_edge(graph, 58, 59)] == 1


def test_equal_weights_are_cut_by_the_smaller_row(tmp_path: Path) -> None:
    lines = [("1", f"m{m}", f"p{p}", 0) for m in range(2) for p in range(5)]
    lines = [(member, member, product, 0) for _, member, product, _ in lines]
    with _open(tmp_path, lines) as window:
        graph = co_purchase(window, top_k=2)
    assert graph.other_row.tolist() == [1, 2, 0, 2, 0, 1, 0, 1, 0, 1]
