"""Online Retail: sales, cancellations and the real dirt between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from import_cases import do_import, has_note, real_source, records, table

from features.importers import online_retail
from recsys.errors import DataError

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def line(
    invoice: str,
    code: str = "85123A",
    *,
    quantity: str = "6.0",
    time: str = "2010-12-01 08:26:00",
    price: str = "2.55",
    customer: str = "17850.0",
    title: str = "WHITE LANTERN",
    country: str = "United Kingdom",
) -> str:
    return f"{invoice},{code},{title},{quantity},{time},{price},{customer},{country}\n"


def write_source(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "online_retail.csv").write_text(HEADER + "".join(lines))
    return folder


def test_a_sale_becomes_an_order_at_the_price_of_one_piece_in_pence(tmp_path: Path) -> None:
    summary = do_import("online-retail", write_source(tmp_path / "src", line("536365")), tmp_path)
    columns = ("order_id", "member_id", "product_id", "quantity", "price_minor")
    assert records(summary, "orders", *columns) == [("536365", "17850", "85123A", 6, 255)]
    assert records(summary, "owners", "owner_id", "member_id", "region") == [
        ("17850", "17850", "United Kingdom")
    ]


def test_british_local_time_is_kept_as_utc_in_winter_and_in_summer(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", line("1"), line("2", time="2011-07-01 08:26:00"))
    assert list(table(do_import("online-retail", source, tmp_path), "orders").order_time) == [
        pd.Timestamp("2010-12-01T08:26:00Z"),
        pd.Timestamp("2011-07-01T07:26:00Z"),
    ]


def test_repeated_lines_of_an_invoice_stay_lines(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src", line("1"), line("1", quantity="2.0"), line("1", "20000"), line("1")
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "orders", "order_id", "product_id", "quantity") == [
        ("1", "85123A", 6),
        ("1#2", "85123A", 2),
        ("1", "20000", 6),
        ("1#3", "85123A", 6),
    ]
    assert has_note(summary, "2 lines repeat a product within their invoice")


def test_the_title_is_the_most_frequent_description_with_clean_spaces(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        line("1", title="  RED   BOX "),
        line("2", title="RED BOX"),
        line("3", title="box red"),
        line("4", "20000", title=""),
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "products", "product_id", "title", "category") == [
        ("20000", "20000", "unknown"),
        ("85123A", "RED BOX", "unknown"),
    ]


def test_a_cancellation_returns_the_latest_purchase_with_enough_left(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        line("1", time="2010-12-01 08:00:00", quantity="10.0"),
        line("2", time="2010-12-02 08:00:00", quantity="3.0"),
        line("3", time="2010-12-03 08:00:00", quantity="10.0", customer="99999.0"),
        line("C4", time="2010-12-04 08:00:00", quantity="-2.0"),
        line("C5", time="2010-12-05 08:00:00", quantity="-2.0"),
        line("6", time="2010-12-06 08:00:00", quantity="10.0"),
    )
    summary = do_import("online-retail", source, tmp_path)
    columns = ("return_id", "order_id", "product_id", "quantity", "refund_minor", "reason_code", "fault")
    assert records(summary, "returns", *columns) == [
        ("C4-85123A", "2", "85123A", 2, 510, "other", "unknown"),  # 3 were bought last, 1 is left of them
        ("C5-85123A", "1", "85123A", 2, 510, "other", "unknown"),  # so 2 more are of the purchase before
    ]
    assert table(summary, "returns").request_time[0] == pd.Timestamp("2010-12-04T08:00:00Z")


def test_two_cancellation_lines_of_one_invoice_are_two_returns(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src", line("1"), line("1"), line("C2", quantity="-6.0"), line("C2", quantity="-6.0")
    )
    assert records(do_import("online-retail", source, tmp_path), "returns", "return_id", "order_id") == [
        ("C2-85123A", "1#2"),
        ("C2#2-85123A", "1"),
    ]


def test_more_cancelled_than_one_line_holds_returns_what_the_fullest_line_holds(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src", line("1", quantity="5.0"), line("2", quantity="3.0"), line("C3", quantity="-7.0")
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "returns", "order_id", "quantity", "refund_minor") == [("1", 5, 1275)]
    assert has_note(summary, "1 cancellations name more pieces")


@pytest.mark.parametrize(
    "cancelled",
    [
        line("C2", quantity="-6.0", time="2010-11-30 08:26:00"),
        line("C2", quantity="-6.0", customer="1.0"),
        line("C2", "20000", quantity="-6.0"),
    ],
    ids=["before the purchase", "another customer", "another product"],
)
def test_a_cancellation_without_its_purchase_goes_to_quarantine(tmp_path: Path, cancelled: str) -> None:
    summary = do_import("online-retail", write_source(tmp_path / "src", line("1"), cancelled), tmp_path)
    assert "returns" not in summary.n_rows
    left_out = pd.read_csv(summary.path / "quarantine" / "online_retail.csv")
    assert list(left_out.InvoiceNo) == ["C2"]
    assert list(left_out.reason) == [online_retail.NO_PURCHASE]
    assert has_note(summary, "1 cancellations in quarantine follow no purchase")


def test_a_purchase_is_not_returned_twice(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src", line("1"), line("C2", quantity="-6.0"), line("C3", quantity="-6.0")
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "returns", "return_id") == [("C2-85123A",)]
    assert summary.n_quarantined == {"online_retail": 1}


def test_dirt_goes_to_quarantine_whole_and_with_its_reason(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        line("1"),
        line("2", "POST"),
        line("3", "M"),
        line("A4", "B", price="-11062.06", customer=""),
        line("5", price="-1.0"),
        line("6", price="0.0"),
        line("7", quantity="-3.0"),
        line("C8", quantity="3.0"),
    )
    summary = do_import("online-retail", source, tmp_path)
    assert summary.n_rows["orders"] == 1
    left_out = pd.read_csv(summary.path / "quarantine" / "online_retail.csv", dtype=str)
    assert list(left_out.columns) == [*HEADER.strip().split(","), "reason"]
    assert dict(zip(left_out.InvoiceNo, left_out.reason, strict=True)) == {
        "2": online_retail.NOT_A_PRODUCT,
        "3": online_retail.NOT_A_PRODUCT,
        "A4": online_retail.NOT_A_PRODUCT,
        "5": online_retail.NEGATIVE_PRICE,
        "6": online_retail.ZERO_PRICE,
        "7": online_retail.WRONG_SIGN,
        "C8": online_retail.WRONG_SIGN,
    }
    assert set(table(summary, "products").product_id) == {"85123A"}


def test_lines_without_a_customer_are_left_out_and_counted(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src", line("1"), line("2", "20000", customer=""), line("3", customer="NaN")
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "orders", "order_id") == [("1",)]
    assert set(table(summary, "products").product_id) == {"20000", "85123A"}  # it is on sale all the same
    assert has_note(summary, "2 lines have no CustomerID")


def test_an_offer_begins_with_the_first_sale_of_a_days_usual_price(tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "src",
        line("1", time="2010-12-01 08:00:00", price="2.10"),  # one large buyer gets it cheaper
        line("2", time="2010-12-01 09:00:00", price="2.55"),
        line("3", time="2010-12-01 10:00:00", price="2.55"),
        line("4", time="2010-12-02 08:00:00", price="2.55"),
        line("5", time="2010-12-03 08:00:00", price="2.95"),
    )
    summary = do_import("online-retail", source, tmp_path)
    assert records(summary, "offers", "product_id", "effective_time", "price_minor", "currency") == [
        ("85123A", pd.Timestamp("2010-12-01T09:00:00Z"), 255, "GBP"),
        ("85123A", pd.Timestamp("2010-12-03T08:00:00Z"), 295, "GBP"),
    ]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (line("2", quantity="six"), r"row 3: Quantity must be a finite number; got 'six'"),
        (line("2", quantity="1.5"), r"row 3: Quantity must be a whole number; got '1\.5'"),
        (line("2", price=""), r"row 3: UnitPrice must be a finite number; got nothing"),
        (line("2", price="inf"), r"row 3: UnitPrice must be a finite number; got 'inf'"),
        (line("2", time="01/12/2010 08:26"), r"row 3: InvoiceDate must be a time like .* '01/12/2010 08:26'"),
        (line(""), r"row 3: InvoiceNo must not be blank; got nothing"),
        ("2,x\n", r"row 3: a row must have 8 columns .*; got 2 in '2,x'"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, bad: str, sentence: str) -> None:
    with pytest.raises(DataError, match=r"online_retail\.csv " + sentence):
        do_import("online-retail", write_source(tmp_path / "src", line("1"), bad), tmp_path)


def test_a_file_without_a_sale_to_a_customer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one row must be a sale"):
        do_import("online-retail", write_source(tmp_path / "src", line("1", customer="")), tmp_path)


def test_the_real_source_loses_no_line_it_does_not_name(tmp_path: Path) -> None:
    source = real_source("online-retail")
    summary = do_import("online-retail", source, tmp_path)
    n_without_customer = 95238
    assert summary.n_rows["orders"] == 265427  # every sale of a product with price and customer
    assert has_note(summary, f"{n_without_customer:,} lines have no CustomerID")
    assert (
        summary.n_rows["orders"]
        + summary.n_rows["returns"]
        + summary.n_quarantined["online_retail"]
        + n_without_customer
        == 370931
    )
    key = ["order_id", "product_id"]
    orders = table(summary, "orders").set_index(key)
    returns = table(summary, "returns").merge(orders[["order_time"]], left_on=key, right_index=True)
    assert orders.index.is_unique
    assert len(returns) == summary.n_rows["returns"]
    assert returns.return_id.is_unique
    assert (returns.request_time >= returns.order_time).all()
    returned = returns.groupby(key).quantity.sum()
    assert (returned <= orders.quantity.reindex(returned.index)).all()
    assert np.all(table(summary, "offers").price_minor > 0)
