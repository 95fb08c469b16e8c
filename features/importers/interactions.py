"""Interactions: lines `person product product…`, the format of LightGCN's and UltraGCN's research sets."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from features.dataset import DatasetWriter
from features.importers.source_rows import read_lines, sorted_ids
from recsys.errors import DataError


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write one order per person and product; everybody is both owner and member."""
    lines = [line.split() for line in read_lines(source)]
    lines = [line for line in lines if line]
    if not any(len(line) > 1 for line in lines):
        raise DataError(
            f"{source.name}: a line must be a person followed by product ids, separated by spaces; "
            f"none of its {len(lines)} lines is"
        )
    persons = pd.Series([line[0] for line in lines])
    listed = pd.DataFrame({
        "member_id": np.repeat(persons.to_numpy(dtype=object), [len(line) - 1 for line in lines]),
        "product_id": list(chain.from_iterable(line[1:] for line in lines)),
    })  # fmt: skip
    orders = listed.drop_duplicates()
    products, people = sorted_ids(orders["product_id"]), sorted_ids(persons)

    writer.append(
        "products", {"product_id": products, "title": products, "category": ["unknown"] * len(products)}
    )
    writer.append("owners", {"owner_id": people, "member_id": people})
    writer.append("orders", {
        "order_id": [f"order-{n}" for n in range(1, len(orders) + 1)],
        "member_id": orders["member_id"],
        "product_id": orders["product_id"],
        "quantity": [1] * len(orders),
    })  # fmt: skip

    writer.note("No times and no prices are in the source: the dataset is timeless and priceless.")
    writer.note(
        "Titles and categories are not in the source: a title is the id, every category is 'unknown'."
    )
    writer.note("Order ids are made here, one per person and product; every quantity is 1.")
    if len(listed) > len(orders):
        writer.note(f"{len(listed) - len(orders):,} products are listed twice for a person and count once.")
    n_empty = len(people) - orders["member_id"].nunique()
    if n_empty:
        writer.note(f"{n_empty:,} people have no product; they are owners and members without an order.")
