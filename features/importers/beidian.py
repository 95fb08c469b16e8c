"""Beidian: purchases and product shares of a Chinese social-commerce platform of shopkeepers.

Source: ziruizhu/SHGCN (ICDE 2022). `data.train` has lines `user,item`, `social.share` lines
`user,user,item`; neither has times or prices. `data.val` and `data.test` are held out and never read.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.dataset import DatasetWriter
from features.importers.source_rows import find_file, read_text_rows, refuse_blank, sorted_ids
from recsys.errors import DataError

PURCHASE_COLUMNS = ("member_id", "product_id")
SHARE_COLUMNS = ("owner_id", "recipient_id", "product_id")


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write purchases as orders and shares as shares and circle; everybody is both owner and member."""
    if source.is_file():
        raise DataError(f"{source}: beidian needs the folder with data.train and social.share, not one file")
    purchases = _read(find_file(source, ["data.train"]), PURCHASE_COLUMNS)
    shares = _read(find_file(source, ["social.share"]), SHARE_COLUMNS)
    products = sorted_ids(purchases["product_id"], shares["product_id"])
    people = sorted_ids(purchases["member_id"], shares["owner_id"], shares["recipient_id"])
    pairs = shares.loc[shares["owner_id"] != shares["recipient_id"], ["owner_id", "recipient_id"]]
    pairs = pairs.drop_duplicates()

    writer.append(
        "products", {"product_id": products, "title": products, "category": ["unknown"] * len(products)}
    )
    writer.append("owners", {"owner_id": people, "member_id": people})
    writer.append("orders", {
        "order_id": [f"order-{n}" for n in range(1, len(purchases) + 1)],
        "member_id": purchases["member_id"],
        "product_id": purchases["product_id"],
        "quantity": [1] * len(purchases),
    })  # fmt: skip
    writer.append("shares", {
        "share_id": [f"share-{n}" for n in range(1, len(shares) + 1)],
        "owner_id": shares["owner_id"],
        "product_id": shares["product_id"],
        "recipient_id": shares["recipient_id"],
    })  # fmt: skip
    writer.append("circle", {
        "owner_id": pairs["owner_id"],
        "member_id": pairs["recipient_id"],
        "relation": ["friend"] * len(pairs),
    })  # fmt: skip

    writer.note("No times and no prices are in the source: the dataset is timeless and priceless.")
    writer.note(
        "Titles and categories are not in the source: a title is the id, every category is 'unknown'."
    )
    writer.note("Order ids and share ids are made here, one per source line; every quantity is 1.")
    writer.note("Each share stands in both directions in the source, so who shared with whom is lost.")
    writer.note("Products seen neither in data.train nor in social.share are not known to the dataset.")


def _read(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    rows = read_text_rows(file, columns, header=False)
    refuse_blank(rows, file, columns, header=False)
    return rows
