"""How much an order line counts as evidence: hand-worked, and what must not change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from window_worlds import AS_OF, make_world, write_world

from features.dataset import Dataset, DatasetWriter, open_dataset
from features.graphs.co_purchase import co_purchase
from features.graphs.shares import ShareValues, owner_product
from features.interactions import member_product
from features.order_weights import WHOLE, orders_with_weights
from features.window import open_window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Line = tuple[str, float, str, str, str | None]  # order, days ago, member, product, owner


def dataset(path: Path, lines: Sequence[Line], *, timeless: bool = False) -> Dataset:
    products = sorted({product for *_, product, _ in lines})
    with DatasetWriter(path, timeless=timeless) as writer:
        writer.append("products", {
            "product_id": products, "title": products, "category": ["A"] * len(products),
        })  # fmt: skip
        shops = sorted({owner for *_, owner in lines if owner} | {"shop-1", "shop-2", "shop-3"})
        writer.append("owners", {"owner_id": shops, "member_id": [f"keeper-of-{shop}" for shop in shops]})
        orders = {
            "order_id": [o for o, *_ in lines],
            "order_time": [NOW - timedelta(days=d) for _, d, *_ in lines],
            "member_id": [m for _, _, m, *_ in lines], "product_id": [p for *_, p, _ in lines],
            "owner_id": [o for *_, o in lines], "quantity": [1] * len(lines),
            "price_minor": [500] * len(lines),
        }  # fmt: skip
        if timeless:
            del orders["order_time"]
        writer.append("orders", orders)
    return open_dataset(path)


def weights(found: Dataset, weigh: bool = True) -> list[int]:
    with open_window(found, None if found.timeless else NOW) as window:
        rows = orders_with_weights(window, weigh).select("order_code", "product_row", "line_weight")
        return [int(w) for w in window.engine.fetch(rows, ("order_code",))["line_weight"]]


REPEATED = [
    ("o1", 5.0, "ann", "tea", None), ("o2", 4.0, "ann", "tea", None), ("o3", 3.0, "ann", "tea", None),
    ("o4", 3.0, "bea", "tea", None), ("o5", 3.0, "ann", "pan", None), ("o6", 60.0, "ann", "tea", None),
]  # fmt: skip


def test_the_second_line_of_a_member_and_product_counts_half_the_third_a_third(tmp_path: Path) -> None:
    assert weights(dataset(tmp_path / "d", REPEATED)) == [WHOLE, WHOLE // 2, WHOLE // 3, *[WHOLE] * 3]


def test_red_control_switched_off_every_line_counts_in_full(tmp_path: Path) -> None:
    assert weights(dataset(tmp_path / "d", REPEATED), weigh=False) == [WHOLE] * 6


def test_without_times_every_line_counts_in_full(tmp_path: Path) -> None:
    assert weights(dataset(tmp_path / "d", REPEATED, timeless=True)) == [WHOLE] * 6


def ring(n_between: int, n_others: int) -> list[Line]:
    """A pan that keepers buy from each other, a strainer that others buy through their links."""
    keepers, shops = (
        [f"{prefix}shop-{1 + n % 3}" for n in range(n_between + 1)] for prefix in ("keeper-of-", "")
    )
    lines: list[Line] = [(f"a{n:02}", 20.0, keepers[n], "pan", shops[n + 1]) for n in range(n_between)]
    lines += [(f"b{n:02}", 20.0, f"m{n}", "pan", "shop-1") for n in range(n_others)]
    return lines + [(f"c{n:02}", 20.0, f"m{n}", "strainer", "shop-1") for n in range(40)]


def test_what_owners_buy_from_each_other_counts_as_much_as_the_others_orders(tmp_path: Path) -> None:
    found = weights(dataset(tmp_path / "d", ring(3 * 3, 2)))
    # nine lines among owners, two others and one to begin with: 3/9 each, and the repeats of a keeper less
    room = 3 * WHOLE // 9
    assert sorted(found[:9], reverse=True) == [room] * 3 + [room // 2] * 3 + [room // 3] * 3
    assert found[9:] == [WHOLE] * 42


def test_a_few_orders_between_owners_count_in_full(tmp_path: Path) -> None:
    assert weights(dataset(tmp_path / "d", ring(2, 5))) == [WHOLE] * 47


def test_where_everybody_keeps_a_shop_nothing_is_taken_away(tmp_path: Path) -> None:
    lines = [line for line in ring(3, 0) if line[3] == "pan"]
    assert weights(dataset(tmp_path / "d", lines)) == [WHOLE] * 3


def test_the_weights_reach_purchases_shares_and_co_purchase(tmp_path: Path) -> None:
    lines = ring(9, 2)
    lines += [(f"d{n}", 20.0, f"keeper-of-shop-{n}", "strainer", None) for n in (1, 2, 3)]
    with open_window(dataset(tmp_path / "d", lines), NOW) as window:
        plain, weighed = (member_product(window, weigh=weigh) for weigh in (False, True))
        pan = plain.product_row == 0
        assert weighed.weight[pan].sum() < plain.weight[pan].sum()
        assert (weighed.weight[~pan] == plain.weight[~pan]).all()
        assert (weighed.n == plain.n).all()
        shared = [owner_product(window, ShareValues(weigh=weigh)).weight for weigh in (False, True)]
        assert shared[1].sum() < shared[0].sum()
        assert (shared[1] <= shared[0]).all()
        edges = [co_purchase(window, weigh=weigh) for weigh in (False, True)]
        assert edges[1].weight.sum() < edges[0].weight.sum()


def test_rows_in_another_order_weigh_the_same(tmp_path: Path) -> None:
    world = make_world(np.random.default_rng(2), AS_OF - timedelta(days=90), AS_OF)
    turned = {name: {c: values[::-1] for c, values in rows.items()} for name, rows in world.items()}
    found = []
    for name, rows in (("one", world), ("other", turned)):
        with open_window(write_world(tmp_path / name, rows), AS_OF) as window:
            weighed = orders_with_weights(window, True).select("order_code", "product_row", "line_weight")
            found.append(window.engine.fetch(weighed, ("order_code", "product_row")))
    assert (found[0]["line_weight"] == found[1]["line_weight"]).all()
    assert found[0]["line_weight"].min() < WHOLE
