"""Online Retail: a British web shop for gifts, with prices, customers, cancellations and real dirt.

Source: UCI 352 (Dr Daqing Chen), CC BY 4.0, as CSV: `InvoiceNo, StockCode, Description, Quantity,
InvoiceDate, UnitPrice, CustomerID, Country`. Times have no offset and are read as British local time; the
currency is GBP. `price_minor` is the price of one piece in pence.

A product is a stock code that begins with five digits; the others (POST, M, D, B, AMAZONFEE, vouchers …) are
services, fees and corrections. An invoice that begins with C is a cancellation: it becomes one return of the
latest purchase line of the same customer and product that still has the quantity unreturned. Where no
single line has it, the return takes what the line with the most left still has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.dataset import DatasetWriter
from features.importers.order_lines import begin_prices, number_repeated_lines
from features.importers.source_rows import (
    find_file,
    parse_local_times,
    parse_numbers,
    read_text_rows,
    refuse_blank,
    refuse_where,
    sorted_ids,
)
from recsys.errors import DataError

COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
)  # fmt: skip
CURRENCY = "GBP"
LOCAL_TIME = "Europe/London"
PRODUCT_CODE = r"\d{5}"

NOT_A_PRODUCT = "StockCode must begin with five digits to be a product; this is a service, fee or correction"
NEGATIVE_PRICE = "UnitPrice must be > 0; it is negative"
ZERO_PRICE = "UnitPrice must be > 0; it is 0"
WRONG_SIGN = "Quantity must be > 0 in a sale and < 0 in a cancellation"
NO_PURCHASE = (
    "a cancellation must follow a purchase of this product by this customer; no unreturned one is known"
)


@dataclass(slots=True)
class _PurchaseLine:
    """A purchase line that cancellations draw from."""

    order_id: str
    order_time: pd.Timestamp
    n_unreturned: int


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write sales as orders, cancellations as returns, prices that began as offers, customers as owners."""
    file = find_file(source, ["online_retail.csv.gz", "online_retail.csv"])
    rows = _read(file)
    reason = _refuse(rows)
    sound = rows[reason == ""]
    sales = sound[~sound["is_cancellation"]]
    known = sound[sound["member_id"].notna()]
    orders = known[~known["is_cancellation"]].copy()
    if orders.empty:
        raise DataError(f"{file.name}: at least one row must be a sale of a product to a customer; none is")
    orders["order_id"] = number_repeated_lines(orders["InvoiceNo"], orders["StockCode"])
    cancellations = known[known["is_cancellation"]].copy()
    numbered = number_repeated_lines(cancellations["InvoiceNo"], cancellations["StockCode"])
    cancellations["return_id"] = numbered + "-" + cancellations["StockCode"]
    returns, n_in_part = match_cancellations(cancellations, orders)
    unmatched = cancellations.index.difference(pd.Index(returns["row"]))
    reason[unmatched] = NO_PURCHASE

    _write_products(sales, writer)
    _write_orders(orders, writer)
    _write_owners(orders, writer)
    _write_offers(orders, writer)
    if len(returns):
        writer.append("returns", returns.drop(columns="row").to_dict("series"))
    _write_quarantine(rows, reason, writer)
    _write_notes(rows, reason, sound, orders, writer)
    if n_in_part:
        writer.note(
            f"{n_in_part:,} cancellations name more pieces than any one earlier line still had; each is one "
            "return of what the line with the most left still had."
        )


def match_cancellations(cancellations: pd.DataFrame, orders: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """One return per cancellation that follows a purchase, and how many of them match in part only.

    Both frames have member_id, StockCode, order_time, n_pieces (> 0), price_minor; orders an order_id,
    cancellations a return_id. Column `row` of the returns is the index of the cancellation.
    """
    pairs = pd.MultiIndex.from_frame(cancellations[["member_id", "StockCode"]])
    candidates = orders[pd.MultiIndex.from_frame(orders[["member_id", "StockCode"]]).isin(pairs)]
    bought: dict[tuple[str, str], list[_PurchaseLine]] = defaultdict(list)
    for line in _in_time_order(candidates):
        bought[line.member_id, line.StockCode].append(
            _PurchaseLine(line.order_id, line.order_time, line.n_pieces)
        )
    matched: list[tuple[Any, ...]] = []
    n_in_part = 0
    for line in _in_time_order(cancellations):
        earlier = [
            b
            for b in bought.get((line.member_id, line.StockCode), ())
            if b.order_time <= line.order_time and b.n_unreturned > 0
        ]
        if not earlier:
            continue
        whole = [b for b in earlier if b.n_unreturned >= line.n_pieces]
        purchase = whole[-1] if whole else max(earlier, key=lambda b: b.n_unreturned)
        n_pieces = min(line.n_pieces, purchase.n_unreturned)
        n_in_part += not whole
        purchase.n_unreturned -= n_pieces
        matched.append((
            line.Index, line.return_id, purchase.order_id, line.StockCode, line.order_time, n_pieces,
            "other", "unknown", n_pieces * line.price_minor,
        ))  # fmt: skip
    columns = [
        "row", "return_id", "order_id", "product_id", "request_time", "quantity",
        "reason_code", "fault", "refund_minor",
    ]  # fmt: skip
    returns = pd.DataFrame(matched, columns=columns)
    returns["request_time"] = pd.to_datetime(returns["request_time"], utc=True)
    return returns, n_in_part


def _in_time_order(lines: pd.DataFrame) -> Iterable[Any]:
    return lines.sort_values("order_time", kind="stable").itertuples()


def _read(file: Path) -> pd.DataFrame:
    rows = read_text_rows(file, COLUMNS, header=True)
    refuse_blank(rows, file, ["InvoiceNo", "StockCode"])
    quantity = parse_numbers(rows["Quantity"], file)
    refuse_where(quantity % 1 != 0, file, rows["Quantity"], "be a whole number")
    local_time = parse_local_times(rows["InvoiceDate"], file)
    # the shop is closed when the clocks change, so neither rule below ever decides in this source
    zoned = local_time.dt.tz_localize(
        LOCAL_TIME, ambiguous=np.ones(len(rows), dtype=bool), nonexistent="shift_forward"
    )
    price = parse_numbers(rows["UnitPrice"], file)
    return rows.assign(
        order_time=zoned.dt.tz_convert("UTC"),
        quantity=quantity.astype("int64"),
        n_pieces=quantity.abs().astype("int64"),
        price=price,
        price_minor=np.rint(price * 100).astype("int64"),
        # the source went through a float column: 17850.0 is customer 17850
        member_id=rows["CustomerID"].str.replace(r"\.0$", "", regex=True),
        is_cancellation=rows["InvoiceNo"].str.startswith("C"),
    )


def _refuse(rows: pd.DataFrame) -> pd.Series:
    """Why a row is left out, the first reason that holds; empty where none does."""
    wrong_sign = rows["quantity"].where(~rows["is_cancellation"], -rows["quantity"]) <= 0
    reason = np.select(
        [~rows["StockCode"].str.match(PRODUCT_CODE), rows["price"] < 0, rows["price"] == 0, wrong_sign],
        [NOT_A_PRODUCT, NEGATIVE_PRICE, ZERO_PRICE, WRONG_SIGN],
        default="",
    )
    return pd.Series(reason, index=rows.index, dtype="object")


def _most_frequent(lines: pd.DataFrame, of: str, by: str) -> pd.Series:
    """The value of `of` that most lines of each `by` have; of equals the first in the alphabet."""
    counts = lines.groupby([by, of], sort=False).size().rename("n_lines").reset_index()
    counts = counts.sort_values([by, "n_lines", of], ascending=[True, False, True])
    return counts.drop_duplicates(by).set_index(by)[of]


def _write_products(sales: pd.DataFrame, writer: DatasetWriter) -> None:
    products = pd.Series(sorted_ids(sales["StockCode"]), dtype="object")
    described = sales[sales["Description"].notna()]
    cleaned = {text: " ".join(text.split()) for text in described["Description"].unique()}
    titles = _most_frequent(
        described.assign(title=described["Description"].map(cleaned)), "title", "StockCode"
    )
    writer.append("products", {
        "product_id": products,
        "title": products.map(titles).fillna(products),
        "category": ["unknown"] * len(products),
    })  # fmt: skip


def _write_orders(orders: pd.DataFrame, writer: DatasetWriter) -> None:
    writer.append("orders", {
        "order_id": orders["order_id"],
        "order_time": orders["order_time"],
        "member_id": orders["member_id"],
        "product_id": orders["StockCode"],
        "quantity": orders["n_pieces"],
        "price_minor": orders["price_minor"],
    })  # fmt: skip


def _write_owners(orders: pd.DataFrame, writer: DatasetWriter) -> None:
    people = pd.Series(sorted_ids(orders["member_id"]), dtype="object")
    regions = _most_frequent(orders, "Country", "member_id")
    writer.append("owners", {"owner_id": people, "member_id": people, "region": people.map(regions)})


def _write_offers(orders: pd.DataFrame, writer: DatasetWriter) -> None:
    paid = orders.rename(columns={"StockCode": "product_id"})
    offers = begin_prices(paid[paid["price_minor"] > 0], ["price_minor"])
    writer.append("offers", {**offers.to_dict("series"), "currency": [CURRENCY] * len(offers)})


def _write_quarantine(rows: pd.DataFrame, reason: pd.Series, writer: DatasetWriter) -> None:
    left_out = rows.loc[reason != "", list(COLUMNS)].assign(reason=reason[reason != ""])
    if len(left_out):
        writer.quarantine("online_retail", pa.Table.from_pandas(left_out, preserve_index=False))


def _write_notes(
    rows: pd.DataFrame, reason: pd.Series, sound: pd.DataFrame, orders: pd.DataFrame, writer: DatasetWriter
) -> None:
    counts = reason.value_counts()
    n_unknown = sound["member_id"].isna().sum()
    codes = rows.loc[reason == NOT_A_PRODUCT, "StockCode"].value_counts()
    cases = pd.Series(sorted_ids(sound["StockCode"]), dtype="object").str.upper()
    writer.note("Times have no offset in the source; they are read as British local time and kept as UTC.")
    writer.note("The source names no currency; the shop is British, so prices are GBP, one piece in pence.")
    writer.note("Categories are not in the source: every category is 'unknown'.")
    writer.note(
        "An offer is a price that began: the price most lines of a product's day had. Prices fall with the "
        "quantity bought in this shop, which offers cannot say."
    )
    writer.note("No reason for a cancellation is in the source: reason_code other, fault unknown.")
    _note_count(writer, n_unknown, "lines have no CustomerID and are left out: an order needs a member.")
    _note_count(
        writer,
        orders["order_id"].ne(orders["InvoiceNo"]).sum(),
        "lines repeat a product within their invoice; each stays a line, under InvoiceNo#2, #3 …",
    )
    if NOT_A_PRODUCT in counts:
        most = ", ".join(f"{code} {n:,}" for code, n in codes.head(8).items())
        writer.note(f"{counts[NOT_A_PRODUCT]:,} lines in quarantine are not products ({most} …).")
    _note_count(writer, counts.get(NEGATIVE_PRICE, 0), "lines in quarantine have a negative price.")
    _note_count(
        writer, counts.get(ZERO_PRICE, 0), "lines in quarantine have price 0 (stock corrections, gifts)."
    )
    _note_count(writer, counts.get(WRONG_SIGN, 0), "lines in quarantine have a quantity of the wrong sign.")
    _note_count(
        writer, counts.get(NO_PURCHASE, 0),
        "cancellations in quarantine follow no purchase that is known (most were bought before the data "
        "begins): return rates come out lower by as much.",
    )  # fmt: skip
    _note_count(
        writer, int(cases.duplicated().sum()),
        "product ids differ from another only in upper and lower case; ids stay as they are.",
    )  # fmt: skip


def _note_count(writer: DatasetWriter, n: int, sentence: str) -> None:
    if n:
        writer.note(f"{n:,} {sentence}")
