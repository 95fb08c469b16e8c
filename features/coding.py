"""Ids to rows: each table of a dataset with int32 rows in place of strings, as of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

import ibis
import numpy as np
import pyarrow as pa

from features.arrays import NO_ROW, Array, read_only
from features.categories import CategoryTree, build_category_tree
from features.contract import MAX_TEST_PRICE_MINOR, TABLE_BY_NAME
from features.dataset import Dataset
from features.engine import Engine
from features.known import known_at
from features.reading import read_table
from recsys.errors import DataError

KINDS = ("products", "members", "owners", "suppliers")
ID_COLUMNS: Mapping[str, tuple[str, str]] = {
    # id column: whose rows, the column that takes its place
    "product_id": ("products", "product_row"),
    "member_id": ("members", "member_row"),
    "recipient_id": ("members", "recipient_member_row"),
    "owner_id": ("owners", "owner_row"),
    "upline_owner_id": ("owners", "upline_owner_row"),
    "supplier_id": ("suppliers", "supplier_row"),
}
ID_SOURCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "products": (("products", "product_id"),),
    "members": (
        ("orders", "member_id"), ("circle", "member_id"), ("share_events", "member_id"),
        ("group_buy_joins", "member_id"), ("owners", "member_id"), ("shares", "recipient_id"),
    ),
    "owners": (
        ("owners", "owner_id"), ("circle", "owner_id"), ("shares", "owner_id"), ("orders", "owner_id"),
        ("share_events", "owner_id"),
    ),
    "suppliers": (("suppliers", "supplier_id"), ("products", "supplier_id")),
}  # fmt: skip


class Coder:
    """The tables of one dataset at one moment, and the rows that ids became."""

    def __init__(
        self, dataset: Dataset, engine: Engine, moment: datetime | None, columns: Mapping[str, frozenset[str]]
    ) -> None:
        if "products" not in dataset.tables:
            raise DataError(
                f"{dataset.path}: there is no table products; a dataset needs products and orders"
            )
        self._dataset = dataset
        self._engine = engine
        self._moment = moment
        self._columns = columns
        self._known: dict[str, ibis.Table] = {}
        self._coded: dict[str, ibis.Table] = {}
        self._rows = {kind: engine.keep(self._numbered(kind)) for kind in KINDS}
        self.ids: dict[str, Array] = {
            kind: read_only(engine.fetch_strings(rows, "id", "row")) for kind, rows in self._rows.items()
        }
        if engine.count(self.coded("products")) != len(self.ids["products"]):
            raise DataError(
                f"{dataset.path}: products has two different rows of one product_id; keep one of them"
            )

    def coded(self, name: str) -> ibis.Table:
        """The known rows of a table with rows in place of ids; computed once."""
        if name not in self._coded:
            rows = self._with_rows(self.known(name), name)
            special = {"products": self._products, "orders": self._orders, "share_events": self._share_events}
            rows = special[name](rows) if name in special else rows
            self._coded[name] = self._engine.keep(rows)
        return self._coded[name]

    def known(self, name: str) -> ibis.Table:
        """The rows of a table known at the moment, ids as they are; none when the table is absent."""
        if name not in self._known:
            rows = read_table(self._engine, self._dataset, name)
            file = self._dataset.tables.get(name)
            if file is not None and file.suffix != ".parquet":
                rows = self._engine.keep(rows)  # a text file is parsed once
            self._known[name] = known_at(rows, TABLE_BY_NAME[name], self._moment)
        return self._known[name]

    @cached_property
    def categories(self) -> CategoryTree:
        """The tree of the categories of the products known."""
        return build_category_tree(self._category_texts)

    @cached_property
    def own_members(self) -> ibis.Table:
        """(owner_row, member_row) of each owner who is a member herself."""
        owners, members = self._rows["owners"], self._rows["members"]
        named = members.select(member_id="id", same_row="row")
        same_id = owners.join(named, owners.id == named.member_id)
        same_id = same_id.select(owner_row="row", same_row="same_row")
        told = self.coded("owners").group_by("owner_row").agg(told_row=lambda t: t.member_row.max())
        told = told.select(told_owner="owner_row", told_row="told_row")
        both = same_id.outer_join(told, same_id.owner_row == told.told_owner)
        both = both.select(
            owner_row=ibis.coalesce(both.told_owner, both.owner_row),
            member_row=ibis.coalesce(both.told_row, both.same_row),
        )
        return self._engine.keep(both.filter(both.member_row.notnull()))

    @cached_property
    def _category_texts(self) -> list[str]:
        texts = self.known("products").select("category").distinct().filter(lambda t: t.category.notnull())
        return [str(text) for text in self._engine.fetch_strings(texts, "category", "category")]

    def _numbered(self, kind: str) -> ibis.Table:
        """(id, row) of every id of a kind that the known rows mention, numbered in the order of the bytes."""
        sources = ID_SOURCES[kind]
        if kind == "owners" and not any(self._has(table, column) for table, column in sources):
            sources = (("orders", "member_id"),)  # nobody is said to own a shop: every buyer might
        mentioned = [
            self.known(table).select(id=column) for table, column in sources if self._has(table, column)
        ]
        if not mentioned:
            mentioned = [self.known(sources[0][0]).select(id=sources[0][1])]
        every = mentioned[0].distinct()
        for more in mentioned[1:]:
            every = every.union(more.distinct())
        every = every.filter(every.id.notnull()).distinct()
        return every.mutate(row=ibis.row_number().over(order_by=every.id).cast("int32"))

    def _has(self, table: str, column: str) -> bool:
        return column in self._columns.get(table, ())

    @cached_property
    def _order_codes(self) -> ibis.Table:
        orders = self.known("orders").select(known_order_id="order_id").distinct()
        number = ibis.row_number().over(order_by=orders.known_order_id)
        return self._engine.keep(orders.mutate(order_code=number.cast("int64")))

    def _with_rows(self, rows: ibis.Table, name: str) -> ibis.Table:
        table = TABLE_BY_NAME[name]
        if name == "reviews":  # a reviewer nobody knows is somebody else than the buyer all the same
            rows = rows.mutate(names_member=rows.member_id.notnull())
        for column in table.columns:
            if column.name in ID_COLUMNS:
                kind, row_name = ID_COLUMNS[column.name]
                lookup = self._rows[kind].select(looked_up="id", **{row_name: "row"})
                # a row of the table's own product, owner or member has one by construction; only a
                # product can be unknown, when its catalogue row is missing or from later
                how = "inner" if column.required else "left"
                rows = rows.join(lookup, rows[column.name] == lookup.looked_up, how=how)
                rows = rows.drop(column.name, "looked_up")
        if "order_id" in rows.columns:
            codes = self._order_codes
            how = "inner" if name == "orders" else "left"
            rows = rows.join(codes, rows.order_id == codes.known_order_id, how=how)
            rows = rows.drop("order_id", "known_order_id")
        return rows

    def _products(self, rows: ibis.Table) -> ibis.Table:
        tree, texts = self.categories, self._category_texts
        nodes = np.array([tree.row(text) for text in texts], dtype=np.int32)
        lookup = self._engine.upload(pa.table({"text": pa.array(texts, pa.string()), "category_row": nodes}))
        rows = rows.left_join(lookup, rows.category == lookup.text).drop("text")
        return rows.mutate(category_row=rows.category_row.fill_null(NO_ROW))

    def _orders(self, rows: ibis.Table) -> ibis.Table:
        rows = self._filled_from_share(rows, "orders", ("owner_row",))
        own = self.own_members.select(own_owner="owner_row", own_member="member_row")
        rows = rows.left_join(own, rows.owner_row == own.own_owner)
        low = (rows.price_minor <= MAX_TEST_PRICE_MINOR).fill_null(False)
        return rows.mutate(
            is_test=ibis.literal(False) if self._dataset.priceless else low,
            is_self=(rows.own_member == rows.member_row).fill_null(False),
        ).drop("own_owner", "own_member")

    def _share_events(self, rows: ibis.Table) -> ibis.Table:
        return self._filled_from_share(rows, "share_events", ("owner_row", "product_row"))

    def _filled_from_share(self, rows: ibis.Table, name: str, fields: tuple[str, ...]) -> ibis.Table:
        """What the row leaves open, taken from the share it names, when that share is known."""
        if not (self._has(name, "share_id") and self._has("shares", "share_id")):
            return rows
        shares = self.coded("shares").group_by(from_share_id="share_id")
        shares = shares.agg(**{f"share_{field}": getattr(ibis._, field).min() for field in fields})
        rows = rows.left_join(shares, rows.share_id == shares.from_share_id)
        filled = {field: ibis.coalesce(rows[field], rows[f"share_{field}"]) for field in fields}
        return rows.mutate(**filled).drop("from_share_id", *(f"share_{field}" for field in fields))
