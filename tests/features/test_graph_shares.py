"""The share graph, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.dataset import DatasetWriter, open_dataset
from features.graphs.shares import ShareValues, owner_member, owner_product, triple
from features.window import Window, open_window

NOW = datetime(2024, 6, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=90)
VALUES = ShareValues(share=1.0, event=2.0, order=4.0, half_life_days=90.0)
PRODUCTS = {"product_id": ["a", "b"], "title": ["A", "B"], "category": ["X", "X"]}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Window]:
    with DatasetWriter(tmp_path / "town") as writer:
        writer.append("products", PRODUCTS)
        writer.append("owners", {"owner_id": ["w1", "w2"], "member_id": ["m1", "m2"]})
        writer.append("shares", {
            "share_id": ["s1", "s2", "s3"], "share_time": [BEFORE, NOW, NOW],
            "owner_id": ["w1", "w1", "w2"], "product_id": ["a", "a", "b"], "recipient_id": ["m2", None, "m1"],
        })  # fmt: skip
        writer.append("share_events", {  # the third is her own click, the fourth says no
            "event_id": ["e1", "e2", "e3", "e4"], "event_time": [NOW] * 4,
            "event_type": ["click", "reply", "click", "mute"], "share_id": ["s1", "s2", "s2", "s1"],
            "member_id": ["m2", None, "m1", "m2"],
        })  # fmt: skip
        writer.append("orders", {  # o2 came back, o3 is through her own link, o4 is a test
            "order_id": ["o1", "o2", "o3", "o4"], "order_time": [NOW, BEFORE, NOW, NOW],
            "member_id": ["m2", "m3", "m1", "m2"], "product_id": ["a", "a", "a", "b"], "quantity": [1] * 4,
            "price_minor": [500, 500, 500, 1], "owner_id": [None, "w1", "w1", "w1"],
            "share_id": ["s1", None, None, None],
        })  # fmt: skip
        writer.append("returns", {
            "return_id": ["r1"], "order_id": ["o2"], "product_id": ["a"], "request_time": [NOW],
        })  # fmt: skip
    with open_window(open_dataset(tmp_path / "town"), NOW, memory_limit_mb=500) as window:
        yield window


def test_owner_and_product_count_success_without_her_own_clicks_and_orders(town: Window) -> None:
    graph = owner_product(town, VALUES)
    assert list(zip(graph.owner_row.tolist(), graph.product_row.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert graph.n_shares.tolist() == [2, 1]
    assert graph.n_clicks.tolist() == [1, 0]
    assert graph.n_orders.tolist() == [2, 0]
    assert graph.n_kept.tolist() == [1, 0]
    # ½ + 1 for the shares, 2 for the click, 2 for the reply, 4 for the order that was kept
    assert graph.weight.tolist() == [9.5, 1.0]
    assert graph.last_time is not None and graph.last_time[0] == int(NOW.timestamp() * 1_000_000)


def test_owner_and_member_know_who_reached_back(town: Window) -> None:
    graph = owner_member(town, VALUES)
    pairs = list(zip(graph.owner_row.tolist(), graph.member_row.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 0)]
    assert graph.n_shares.tolist() == [1, 0, 1]
    assert graph.n_events.tolist() == [1, 0, 0]
    assert graph.n_orders.tolist() == [1, 1, 0]
    assert graph.weight.tolist() == [6.5, 0.0, 1.0]
    assert graph.is_reciprocal.tolist() == [True, False, True]


def test_triple_keeps_the_product_between_two_people(town: Window) -> None:
    graph = triple(town, VALUES)
    columns = (graph.owner_row, graph.member_row, graph.product_row, graph.n, graph.weight)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == [(0, 1, 0, 3, 6.5), (0, 2, 0, 1, 0.0), (1, 0, 1, 1, 1.0)]


def test_shares_without_times_weigh_alike(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set", timeless=True, priceless=True) as writer:
        writer.append("products", PRODUCTS)
        writer.append("shares", {
            "share_id": ["1", "2"], "owner_id": ["u1", "u1"], "product_id": ["a", "a"],
            "recipient_id": ["u2", "u2"],
        })  # fmt: skip
    with open_window(open_dataset(tmp_path / "set"), memory_limit_mb=500) as window:
        graph = owner_member(window)
        assert (graph.weight.tolist(), graph.last_time) == ([2.0], None)
        assert owner_product(window).weight.tolist() == [2.0]
        assert triple(window).n.tolist() == [2]
