"""Good value from a dataset: what moves it, what must not, and what may be read at all."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.good_value import GoodValue, arithmetic, beaten
from recsys.quality import DEFAULT_WEIGHTS
from recsys.value import GOOD_VALUE, MIN_COMPARABLES
from training.config import Graphs
from training.good_value import good_value
from training.read_inputs import read_inputs
from training.town.config import TownConfig
from training.town.simulate import simulate

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
N_PRODUCTS, N_LINES = 12, 40
World = dict[str, dict[str, list[Any]]]
Make = Callable[[World], GoodValue]


def world() -> World:
    """Twelve teas of one supplier: p0 is cheap, p11 comes back often; every order is mature."""
    products = [f"p{row:02}" for row in range(N_PRODUCTS)]
    orders: dict[str, list[Any]] = {
        c: []
        for c in (
            "order_id",
            "order_time",
            "member_id",
            "product_id",
            "quantity",
            "price_minor",
            "delivered_time",
        )
    }
    returns: dict[str, list[Any]] = {
        c: [] for c in ("return_id", "order_id", "product_id", "request_time", "fault")
    }
    for row, product in enumerate(products):
        for line in range(N_LINES):
            when = AS_OF - timedelta(days=40 + line)
            values = (f"o{row}-{line}", when, f"m{(7 * row + line) % 60}", product, 1, 1000 + 50 * row,
                      when + timedelta(days=2))  # fmt: skip
            for name, value in zip(orders, values, strict=True):
                orders[name].append(value)
            if line < (12 if row == 11 else 1):
                back = (f"r{row}-{line}", f"o{row}-{line}", product, when + timedelta(days=5), "supplier")
                for name, value in zip(returns, back, strict=True):
                    returns[name].append(value)
    return {
        "products": {
            "product_id": list(products), "title": list(products), "category": ["Food > Tea"] * N_PRODUCTS,
            "supplier_id": ["s0"] * N_PRODUCTS, "unit_measure": ["g"] * N_PRODUCTS,
            "unit_quantity": [100.0] * N_PRODUCTS,
        },
        "suppliers": {"supplier_id": ["s0"]},
        "offers": {
            "product_id": list(products), "effective_time": [AS_OF - timedelta(days=90)] * N_PRODUCTS,
            "price_minor": [500, *(1000 + 50 * row for row in range(1, N_PRODUCTS))],
            "currency": ["CNY"] * N_PRODUCTS, "list_price_minor": [5000] * N_PRODUCTS,
            "commission_rate": [0.1] * N_PRODUCTS,
        },
        "orders": orders,
        "returns": returns,
    }  # fmt: skip


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    def made(tables: Mapping[str, Mapping[str, list[Any]]]) -> GoodValue:
        folder = tmp_path_factory.mktemp("world") / "dataset"
        with DatasetWriter(folder) as writer:
            for name, rows in tables.items():
                writer.append(name, rows)
        with open_window(open_dataset(folder), AS_OF) as window:
            found = good_value(window, read_inputs(window, Graphs()), 0)
        assert found is not None
        return found

    return made


@pytest.fixture(scope="module")
def before(make: Make) -> GoodValue:
    return make(world())


def changed(name: str, column: str, row: int | slice, value: Any) -> World:
    """The world with another value in one place."""
    found = copy.deepcopy(world())
    found[name][column][row] = value
    return found


def add(tables: World, name: str, **values: Any) -> World:
    for column in tables.setdefault(name, {}) or values:
        tables[name].setdefault(column, []).append(values.get(column))
    return tables


def same(one: GoodValue, other: GoodValue) -> bool:
    """Whether every array has the same bits."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in GoodValue.__dataclass_fields__
        if name not in ("weights", "sets")
    )


def test_the_cheap_product_is_good_value_and_the_one_that_comes_back_is_not(before: GoodValue) -> None:
    assert before.value_score[0] > 0.9
    assert before.badge[0] == GOOD_VALUE
    assert before.value_score[11] < 0.2
    assert before.quality[11] < before.quality[1]
    assert before.return_rate[11] > before.return_rate[1]
    assert (before.n_mature == N_LINES).all()
    assert before.n_comparables.min() >= MIN_COMPARABLES


def test_the_arithmetic_shown_gives_the_score(before: GoodValue) -> None:
    shown = arithmetic(before, 3)
    quality = 1 - sum(part["rate"] * part["weight"] for part in shown["parts"])
    assert quality == pytest.approx(float(before.quality[3]), abs=1e-6)
    assert shown["unit_price_minor"] == pytest.approx(1150 / 100)
    worth = shown["price_of_quality"] * np.log(quality / (1 - quality)) - np.log(shown["unit_price_minor"])
    assert worth == pytest.approx(shown["worth"], abs=1e-4)
    assert beaten(before, 3).mean() == pytest.approx(float(before.value_score[3]), abs=1e-5)


def test_a_higher_price_lowers_the_score(make: Make, before: GoodValue) -> None:
    after = make(changed("offers", "price_minor", 3, 1600))
    assert after.value_score[3] < before.value_score[3]


def test_shipping_counts_and_a_coupon_that_anyone_can_use_too(make: Make, before: GoodValue) -> None:
    tables = world()
    tables["offers"]["shipping_minor"] = [0, 300, *[0] * 10]
    tables["offers"]["coupon_minor"] = [0, 100, *[0] * 10]
    assert make(tables).price[1] == before.price[1] + 200


def test_one_more_bad_outcome_lowers_the_score(make: Make, before: GoodValue) -> None:
    tables = add(
        world(), "returns", return_id="more", order_id="o3-9", product_id="p03", fault="supplier",
        request_time=AS_OF - timedelta(days=40),
    )  # fmt: skip
    after = make(tables)
    assert after.quality[3] < before.quality[3]
    assert after.value_score[3] < before.value_score[3]


def test_a_return_for_the_customers_own_reasons_is_no_bad_outcome(make: Make, before: GoodValue) -> None:
    tables = add(
        world(), "returns", return_id="more", order_id="o3-9", product_id="p03", fault="customer",
        request_time=AS_OF - timedelta(days=40),
    )  # fmt: skip
    assert same(make(tables), before)


def test_list_price_and_commission_change_no_bit(make: Make, before: GoodValue) -> None:
    tables = changed("offers", "list_price_minor", slice(None), list(range(9000, 9000 + N_PRODUCTS)))
    tables["offers"]["commission_rate"] = [row / 100 for row in range(N_PRODUCTS)]
    assert same(make(tables), before)
    red = make(changed("offers", "price_minor", slice(None), list(range(900, 900 + N_PRODUCTS))))
    assert not same(red, before), "the comparison must see a difference where there is one"


def test_the_order_of_the_rows_changes_no_bit(make: Make, before: GoodValue) -> None:
    tables = world()
    rng = np.random.default_rng(1)
    for rows in tables.values():
        order = rng.permutation(len(next(iter(rows.values()))))
        for name, values in rows.items():
            rows[name] = [values[place] for place in order]
    assert same(make(tables), before)


def test_nothing_after_the_moment_is_read(make: Make, before: GoodValue) -> None:
    later = AS_OF + timedelta(days=1)
    tables = add(world(), "returns", return_id="later", order_id="o3-9", product_id="p03",
                 request_time=later, fault="supplier")  # fmt: skip
    add(tables, "orders", order_id="later", order_time=later, member_id="m1", product_id="p03", quantity=1,
        price_minor=1, delivered_time=later)  # fmt: skip
    add(tables, "offers", product_id="p03", effective_time=later, price_minor=1, currency="CNY",
        list_price_minor=1, commission_rate=0.5)  # fmt: skip
    assert same(make(tables), before)


def test_another_currency_unit_scores_alike(make: Make, before: GoodValue) -> None:
    tables = world()
    tables["offers"]["price_minor"] = [100 * price for price in tables["offers"]["price_minor"]]
    tables["orders"]["price_minor"] = [100 * price for price in tables["orders"]["price_minor"]]
    after = make(tables)
    assert after.value_score == pytest.approx(before.value_score, abs=1e-5)
    assert np.array_equal(after.badge, before.badge)


def test_a_two_pack_at_twice_the_price_scores_alike(make: Make, before: GoodValue) -> None:
    tables = changed("products", "unit_quantity", 3, 200.0)
    tables["offers"]["price_minor"][3] *= 2
    after = make(tables)
    assert after.value_score[3] == pytest.approx(before.value_score[3], abs=0.02)
    assert after.price_percentile[3] == before.price_percentile[3]


def test_reviews_without_an_order_change_nothing(make: Make, before: GoodValue) -> None:
    tables = world()
    told = {"review_id": "v0", "product_id": "p03", "review_time": AS_OF - timedelta(days=9), "rating": 1,
            "member_id": "m23", "order_id": "o3-2"}  # fmt: skip
    one = make(copy.deepcopy(tables) | {"reviews": {name: [value] for name, value in told.items()}})
    for number in range(50):
        told |= {"review_id": f"fake{number}", "rating": 5, "order_id": None, "member_id": f"m{number}"}
        add(tables, "reviews", **told)
    for column, value in {"review_id": "v0", "rating": 1, "order_id": "o3-2", "member_id": "m23"}.items():
        tables["reviews"][column].append(value)
    tables["reviews"]["product_id"].append("p03")
    tables["reviews"]["review_time"].append(AS_OF - timedelta(days=9))
    assert same(make(tables), one)
    assert one.quality[3] < before.quality[3], "a verified review must count, or this shows nothing"


def test_a_review_of_somebody_elses_order_changes_nothing(make: Make, before: GoodValue) -> None:
    told = {"review_id": "v0", "product_id": "p03", "review_time": AS_OF - timedelta(days=9), "rating": 1,
            "order_id": "o3-2"}  # fmt: skip
    found = {
        who: make(
            world() | {"reviews": {name: [value] for name, value in (told | {"member_id": who}).items()}}
        )
        for who in ("m23", "m1", "a stranger")
    }
    assert found["m23"].quality[3] < before.quality[3], "the buyer's own counts, or this shows nothing"
    for who in ("m1", "a stranger"):
        assert np.array_equal(found[who].quality, before.quality)


def test_raising_a_price_and_cutting_it_again_gains_nothing(make: Make, before: GoodValue) -> None:
    tables = world()
    for days, price in ((20, 2000), (3, 1150)):  # back to where it was, now with a "discount"
        add(tables, "offers", product_id="p03", effective_time=AS_OF - timedelta(days=days),
            price_minor=price, currency="CNY", list_price_minor=2000, commission_rate=0.1)  # fmt: skip
    after = make(tables)
    assert after.value_score[3] == before.value_score[3]
    assert after.low_30[3] == before.low_30[3]
    assert after.median_30[3] == 2000  # 17 of 30 days: why a discount off it says nothing


def test_a_dataset_that_tells_of_no_outcome_has_no_good_value(tmp_path: Path) -> None:
    tables = world()
    del tables["returns"]
    del tables["orders"]["delivered_time"]
    with DatasetWriter(tmp_path / "dataset") as writer:
        for name, rows in tables.items():
            writer.append(name, rows)
    with open_window(open_dataset(tmp_path / "dataset"), AS_OF) as window:
        assert good_value(window, read_inputs(window, Graphs()), 0) is None


FORBIDDEN = ("list_price", "commission", "sponsor", "discount", "sales", "bid")
READERS = (
    "features/columns/outcomes.py", "features/columns/payable.py", "recsys/quality.py", "recsys/value.py",
    "recsys/return_rate.py", "recsys/good_value.py", "training/good_value.py", "training/fit_quality.py",
    "training/fit_returns.py", "training/fit_value.py",
)  # fmt: skip


def forbidden_names(source: str) -> set[str]:
    """Names, attributes and short texts of a module that must never be an input; prose does not count."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        names = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names.append(node.value)
        for name in names:
            words = name.lower() if isinstance(name, str) else ""
            found |= {w for w in FORBIDDEN if w in words.replace("forbid", "")}
    return found


@pytest.mark.parametrize("file", READERS)
def test_nothing_that_a_seller_can_buy_or_claim_is_read(file: str) -> None:
    root = Path(__file__).parents[2]
    assert forbidden_names((root / file).read_text()) == set()


def test_the_check_of_what_is_read_sees_what_it_forbids() -> None:
    assert forbidden_names("x = offers.list_price_minor") == {"list_price"}
    assert forbidden_names("x = offers['commission_rate']") == {"commission"}


def test_a_history_too_short_to_learn_weights_from_keeps_the_documented_ones(tmp_path: Path) -> None:
    """A month ago nearly nothing was known: rates that hardly differed once took weights in the thousands."""
    town = TownConfig(n_owners=60, n_members=1_500, n_products=300, n_days=33, seed=3, n_orders=12_000)
    simulate(town, tmp_path / "town")
    with open_window(open_dataset(tmp_path / "town")) as window:
        found = good_value(window, read_inputs(window, Graphs()), 0)
    assert found is not None
    assert {name: found.weights[name] for name in ("returns", "complaints")} == {
        name: DEFAULT_WEIGHTS[name] for name in ("returns", "complaints")
    }
    assert 0.8 < found.quality.mean() < 1.0
