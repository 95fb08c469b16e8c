"""The row check and the table check say the same of every cell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contract import TABLES, Column, Table
from features.dataset import Dataset
from features.row_check import RowError, check_row
from features.rules import column_rules, raw_name, value_name
from features.tables import Source, typed_column

DATASET = Dataset(Path(), {})
TRICKY = (
    "", "0", "1", "-1", "+5", "1.5", "1e3", "1e999", ".5", "5.", "007", "9223372036854775807",
    "9223372036854775808",
    "nan", "inf", "true", "FALSE", "1 ", "2024-05-01T08:30:00+08:00",
    "2024-05-01T08:30:00", "2024-02-30T00:00:00Z",
    "2024-05-01t08:30:00.123456789z", "2024-05-01 24:00:00Z", "2024-05-01T08:30:60Z",
    "2024-05-01T08:30:00.5-23:59",
    "a@b.cn", "a@b", "@", "13812345678", "+86 138 1234 5678", "8613812345678", "(555) 123-4567",
    "555-123-4567",
    "x13812345678", "12345678901", "+1 2345678", "a\0b", "a\u00a0b", "a\u200bb", "a\nb", "面条", "a\u0378b",
    " ",
    "x" * 128, "x" * 129, "面" * 128, "面" * 129, "CNY", "cny", "XTS", "XXX", "view", "VIEW", "g", "friend",
)  # fmt: skip
CELLS = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.from_regex(r"[+(]?[0-9][0-9 ().-]{0,18}[0-9]", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{0,20}[.]?[0-9]{0,5}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    # years from 1, which is where Python's begin
    st.from_regex(
        r"(0001|19[0-9]{2}|20[0-9]{2}|9999)-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
        r"([.][0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])?",
        fullmatch=True,
    ),
)
KINDS = [
    (table, column)
    for table in TABLES
    for column in table.columns
    if (table.name, column.name)
    in {
        ("orders", "order_id"), ("orders", "member_id"), ("orders", "owner_id"), ("orders", "order_time"),
        ("orders", "quantity"), ("orders", "price_minor"), ("orders", "status"), ("offers", "currency"),
        ("offers", "commission_rate"), ("products", "unit_quantity"), ("products", "title"),
        ("products", "unit_measure"), ("reviews", "has_photo"), ("reviews", "rating"),
        ("impressions", "propensity"),
    }
]  # fmt: skip


def table_check(table: Table, column: Column, cells: list[str]) -> list[tuple[Any, str | None]]:
    """What the table check says of each cell of a CSV: the typed value, and the sentence or None."""
    source = Source(table, Path("cells.csv"), "cells", {column.name: ("c0", "VARCHAR")}, None)
    (rules,) = column_rules(DATASET, source)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE cells (place INTEGER, c0 VARCHAR)")
        connection.executemany("INSERT INTO cells VALUES (?, nullif(?, ''))", list(enumerate(cells)))
        typed = typed_column(source, column)
        shown = f"epoch_us({typed})" if column.kind == "time" else typed
        rows = connection.execute(
            f"SELECT {shown}, verdict FROM (SELECT *, {rules.verdict} AS verdict FROM (SELECT place, c0, "
            f"c0 AS {raw_name(column)}, {typed} AS {value_name(column)} FROM cells)) ORDER BY place"
        ).fetchall()
    return [(value, None if place is None else rules.rules[place].text) for value, place in rows]


def filled(table: Table) -> dict[str, Any]:
    """A good row of the table's required columns."""
    by_kind: dict[str, Any] = {
        "id": "x", "text": "x", "time": "2024-05-01T00:00:00Z", "money": 1, "count": 1, "currency": "CNY",
    }  # fmt: skip
    return {c.name: c.choices[0] if c.choices else by_kind[c.kind] for c in table.columns if c.required}


@pytest.mark.parametrize(("table", "column"), KINDS, ids=lambda value: value.name)
@settings(max_examples=5, deadline=None)
@given(cells=st.lists(CELLS, min_size=40, max_size=80))
def test_row_check_and_table_check_agree_on_every_cell(
    table: Table, column: Column, cells: list[str]
) -> None:
    cells = [*TRICKY, *cells]
    for cell, (value, sentence) in zip(cells, table_check(table, column, cells), strict=True):
        found = check_row(table.name, filled(table) | {column.name: cell})
        if sentence is None:
            assert not isinstance(found, RowError), (cell, found)
            assert found.get(column.name) == value, cell
        else:
            assert found == RowError(column.name, sentence), cell


def test_numbers_and_flags_of_json_count_as_they_stand() -> None:
    found = check_row("orders", filled(next(t for t in TABLES if t.name == "orders")) | {"order_id": 17})
    assert not isinstance(found, RowError)
    assert found["order_id"] == "17" and found["quantity"] == 1


@pytest.mark.parametrize("cell", [1.5, True, [], {}, 1 << 70])
def test_money_takes_whole_numbers_only(cell: object) -> None:
    orders = next(t for t in TABLES if t.name == "orders")
    found = check_row("orders", filled(orders) | {"price_minor": cell})
    assert found == RowError("price_minor", "must be an integer in minor units (cents, fen)")


def test_a_delivery_is_not_before_its_order() -> None:
    orders = next(t for t in TABLES if t.name == "orders")
    found = check_row("orders", filled(orders) | {"delivered_time": "2024-04-30T00:00:00Z"})
    assert str(found) == "delivered_time must not be before order_time"


def test_an_unknown_column_is_named_by_the_rule_and_not_repeated() -> None:
    found = check_row("suppliers", {"supplier_id": "s", "canary": 1})
    assert isinstance(found, RowError) and "canary" not in str(found) and "supplier_type" in str(found)


def test_ten_thousand_rows_are_checked_in_a_second() -> None:
    row = {
        "order_id": "o-1", "order_time": "2024-05-01T08:30:00+08:00", "member_id": "m-1", "product_id": "p-1",
        "quantity": 2, "price_minor": 1990, "owner_id": "w-1", "share_id": "s-1", "status": "paid",
    }  # fmt: skip
    start = time.process_time()
    for _ in range(10_000):
        check_row("orders", row)
    assert time.process_time() - start < 1
