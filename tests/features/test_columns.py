"""Product, owner and circle columns and interactions, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import ibis
import pytest

from features.arrays import NO_TIME
from features.categories import build_category_tree
from features.columns.circle import circle, circle_columns, two_leading_digits
from features.columns.owners import owner_columns
from features.columns.products import product_columns
from features.dataset import DatasetWriter, open_dataset
from features.interactions import member_product
from features.window import Window, open_window

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def _ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    path = tmp_path_factory.mktemp("columns") / "shop"
    with DatasetWriter(path) as writer:
        writer.append("products", {
            "product_id": ["a", "b", "c"], "title": ["A", "B", "C"],
            "category": ["Home > Tea", "Home > Cups", ""], "supplier_id": ["f", None, None],
            "return_days": [7, None, None],
        })  # fmt: skip
        writer.append("offers", {
            "product_id": ["a", "a", "b"], "effective_time": [_ago(9), _ago(2), _ago(9)],
            "price_minor": [900, 800, 700], "currency": ["CNY"] * 3, "expire_time": [None, None, _ago(1)],
        })  # fmt: skip
        writer.append("stock", {
            "product_id": ["a", "a"], "stock_time": [_ago(3), _ago(1)], "available_quantity": [5, 0],
        })  # fmt: skip
        writer.append("owners", {"owner_id": ["w1", "w2"], "member_id": ["m1", None],
                                 "upline_owner_id": [None, "w1"]})  # fmt: skip
        writer.append("circle", {"owner_id": ["w1", "w1", "w1"], "member_id": ["m1", "m2", "m3"]})
        writer.append("orders", {
            "order_id": ["1", "2", "3", "4", "5"],
            "order_time": [_ago(40), _ago(20), _ago(3), _ago(3), _ago(0)],
            "member_id": ["m2", "m2", "m3", "m3", "m1"], "product_id": ["a", "a", "a", "b", "a"],
            "quantity": [1] * 5, "price_minor": [1299, 1000, 1100, 650, 990],
            "owner_id": ["w1", None, None, None, "w1"],
            "delivered_time": [_ago(38), _ago(6), None, _ago(1), None],
        })  # fmt: skip
        writer.append("returns", {
            "return_id": ["r"], "order_id": ["1"], "product_id": ["a"], "request_time": [_ago(30)],
        })  # fmt: skip
    with open_window(open_dataset(path), NOW, memory_limit_mb=500) as window:
        yield window


def test_product_columns_by_hand(shop: Window) -> None:
    found = product_columns(shop, half_life_days=20.0)
    assert found.n_orders.tolist() == [4, 1, 0]
    assert found.n_members.tolist() == [3, 1, 0]
    assert found.n_recent_orders_7.tolist() == [2, 1, 0]
    assert found.n_recent_orders_30.tolist() == [3, 1, 0]
    assert found.n_returns.tolist() == [1, 0, 0]
    assert found.n_mature.tolist() == [1, 0, 0]  # 38 days ago is over 7; 6 days ago is not
    assert found.popularity[0] == pytest.approx(0.25 + 0.5 + 2 ** (-3 / 20) + 1, rel=1e-8)
    assert found.first_time.tolist()[2] == NO_TIME
    assert found.price_minor.tolist() == [800, 650, -1]  # the offer of b has ended: the price paid
    assert found.price_source.tolist() == [1, 2, 0]
    assert found.currency == ("CNY", "CNY", "")
    assert found.stock_quantity.tolist() == [0, -1, -1]
    assert [shop.categories.paths[row] if row >= 0 else None for row in found.category_row] == [
        "Home > Tea", "Home > Cups", None,
    ]  # fmt: skip
    assert found.supplier_row.tolist() == [0, -1, -1]


def test_owner_columns_by_hand(shop: Window) -> None:
    found = owner_columns(shop)
    assert found.n_orders.tolist() == [1, 0]  # her own order through her own link is not credited
    assert found.n_returns.tolist() == [1, 0]
    assert found.n_circle.tolist() == [2, 0]
    assert found.n_own_orders.tolist() == [1, 0]
    assert found.member_row.tolist() == [0, -1]
    assert found.upline_row.tolist() == [-1, 0]
    assert found.last_time.tolist() == [int(NOW.timestamp() * 1_000_000), NO_TIME]


def test_circle_by_hand(shop: Window) -> None:
    known = circle(shop)
    assert known.start.tolist() == [0, 2, 2]
    assert known.member_row.tolist() == [1, 2]  # herself is not in it
    assert known.tie.tolist() == [1.0, 1.0]  # the one order between them came back
    found = circle_columns(shop)
    # the circle paid 650, 1000, 1100 and 1299 (to two digits 1200)
    assert found.price_band.tolist() == [[650, 650, 1000, 1100, 1200], [-1] * 5]
    paths = [shop.categories.paths[row] for row in found.category_row]
    assert list(zip(paths, found.n_members.tolist(), strict=True)) == [
        ("Home", 2), ("Home > Tea", 2), ("Home > Cups", 1),
    ]  # fmt: skip
    assert found.category_start.tolist() == [0, 3, 3]


def test_interactions_are_sorted_and_decay(shop: Window) -> None:
    plain, decayed = member_product(shop), member_product(shop, half_life_days=20.0)
    assert list(zip(plain.member_row.tolist(), plain.product_row.tolist(), strict=True)) == [
        (0, 0), (1, 0), (2, 0), (2, 1),
    ]  # fmt: skip
    assert plain.n.tolist() == plain.weight.tolist() == [1, 2, 1, 1]
    assert decayed.weight[1] == 0.75
    assert plain.last_time is not None and plain.last_time[1] == int(_ago(20).timestamp() * 1_000_000)


def test_two_leading_digits_in_integers() -> None:
    prices = [0, 7, 99, 100, 1299, 123_456, 10**12 + 1]
    found = [two_leading_digits(ibis.literal(price, type="int64")).to_pyarrow().as_py() for price in prices]
    assert found == [0, 7, 99, 100, 1200, 120_000, 10**12]


def test_category_tree_holds_every_node_and_its_parent() -> None:
    tree = build_category_tree(["B > C > D", "A", "", "B>C", " > "])
    assert tree.paths == ("A", "B", "B > C", "B > C > D")
    assert tree.parent_row.tolist() == [-1, -1, 1, 2]
    assert tree.depth.tolist() == [1, 1, 2, 3]
    assert (tree.row(" B >C"), tree.row("Z"), tree.row("")) == (2, -1, -1)
    node, above = tree.ancestors()
    assert list(zip(node.tolist(), above.tolist(), strict=True)) == [
        (0, 0), (1, 1), (2, 2), (2, 1), (3, 3), (3, 2), (3, 1),
    ]  # fmt: skip
