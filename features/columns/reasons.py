"""Why orders came back, counted per supplier: how many lines, and how many different members said so."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import Array
from features.contract import REASON_CODES
from features.interactions import real_orders
from features.window import Window

NOT_SAID = "not_said"
ANY = "any"  # all of them together
REASONS = (*REASON_CODES, NOT_SAID, ANY)


@dataclass(frozen=True, slots=True, eq=False)
class SupplierReasons:
    """Rows are suppliers. int32: `n_lines` order lines, `n_members` distinct buyers, and per reason of
    `REASONS` `came_back` (lines) and `members` (distinct, who said so), both (n_suppliers, n_reasons).
    float64 `expected` (n_suppliers, n_reasons): lines that would have come back at the categories' rates.
    """

    n_lines: Array
    n_members: Array
    came_back: Array
    members: Array
    expected: Array


def supplier_reasons(window: Window, category_row: Array) -> SupplierReasons:
    """The reasons of every supplier up to the window's moment; category_row: of each product."""
    n_suppliers, n_reasons = window.count("suppliers"), len(REASONS)
    products = window.table("products").select(of_row="product_row", supplier_row="supplier_row")
    orders = real_orders(window).select("order_code", "product_row", "member_row")
    orders = orders.join(products, orders.product_row == products.of_row).drop("of_row")
    returns = window.table("returns")
    first = returns.group_by(back_code="order_code", back_row="product_row").agg(
        reason=returns.reason_code.fill_null(NOT_SAID).min()
    )
    back = orders.join(first, [orders.order_code == first.back_code, orders.product_row == first.back_row])
    of_suppliers = orders.filter(orders.supplier_row.notnull())
    counted = of_suppliers.group_by("supplier_row").agg(
        n_lines=of_suppliers.count(), n_members=of_suppliers.member_row.nunique()
    )
    sold = window.engine.fetch(counted, ("supplier_row",))
    place = ibis.cases(*[(back.reason == name, at) for at, name in enumerate(REASONS)], else_=n_reasons - 2)
    back = back.mutate(reason_at=place.cast("int32"))
    sent = back.filter(back.supplier_row.notnull())
    said = sent.group_by("supplier_row", "reason_at").agg(n=sent.count(), n_members=sent.member_row.nunique())
    told = window.engine.fetch(said, ("supplier_row", "reason_at"))
    whole = sent.group_by("supplier_row").agg(n=sent.count(), n_members=sent.member_row.nunique())
    every = window.engine.fetch(whole, ("supplier_row",))
    lines = window.engine.fetch(orders.group_by("product_row").agg(n=orders.count()), ("product_row",))
    by_product = window.engine.fetch(
        back.group_by("product_row", "reason_at").agg(n=back.count()), ("product_row", "reason_at")
    )
    supplier_row = window.engine.fetch(
        products.order_by("of_row").select("supplier_row", "of_row"), ("of_row",)
    )
    found = SupplierReasons(
        n_lines=np.zeros(n_suppliers, dtype=np.int32), n_members=np.zeros(n_suppliers, dtype=np.int32),
        came_back=np.zeros((n_suppliers, n_reasons), dtype=np.int32),
        members=np.zeros((n_suppliers, n_reasons), dtype=np.int32),
        expected=_expected(
            supplier_row["supplier_row"], category_row, lines, by_product, (n_suppliers, n_reasons)
        ),
    )  # fmt: skip
    found.n_lines[sold["supplier_row"]], found.n_members[sold["supplier_row"]] = (
        sold["n_lines"],
        sold["n_members"],
    )
    found.came_back[told["supplier_row"], told["reason_at"]] = told["n"]
    found.members[told["supplier_row"], told["reason_at"]] = told["n_members"]
    found.came_back[every["supplier_row"], -1] = every["n"]
    found.members[every["supplier_row"], -1] = every["n_members"]
    return found


def _expected(
    supplier_row: Array, category_row: Array, lines: dict[str, Array], back: dict[str, Array],
    shape: tuple[int, int],
) -> Array:  # fmt: skip
    """Each supplier's lines at the rates of the categories they lie in."""
    n_suppliers, n_reasons = shape
    n_categories = int(category_row.max(initial=-1)) + 1
    in_category = np.zeros(n_categories)
    np.add.at(in_category, category_row[lines["product_row"]], lines["n"])
    rates = np.zeros((n_categories, n_reasons))
    np.add.at(rates, (category_row[back["product_row"]], back["reason_at"]), back["n"])
    rates /= np.maximum(in_category, 1)[:, None]
    sold = np.zeros((n_suppliers, n_categories))
    rows, n = lines["product_row"], lines["n"]
    known = supplier_row[rows] >= 0
    np.add.at(sold, (supplier_row[rows[known]], category_row[rows[known]]), n[known])
    rates[:, -1] = rates.sum(axis=1)
    return np.asarray(sold @ rates)
