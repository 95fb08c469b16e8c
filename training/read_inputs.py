"""Reads everything a model is assembled from out of a window: the one meeting of tables and arrays."""

from __future__ import annotations

import numpy as np

from features.arrays import NO_ROW
from features.columns.circle import CircleColumns, circle, circle_columns
from features.columns.products import product_columns
from features.graphs.co_purchase import co_purchase
from features.graphs.shares import ShareValues, owner_product
from features.interactions import member_product
from features.share_outcomes import share_outcomes
from features.window import Window
from training.config import Graphs
from training.inputs import Catalogue, Edges, Inputs, Purchases, Shares
from training.read_movement import read_movement

NO_CATEGORY = "uncategorised"


def read_inputs(window: Window, graphs: Graphs) -> Inputs:
    """The inputs of one model, as the window's moment knew them."""
    weigh = bool(graphs.weigh_orders)
    found = member_product(window, half_life_days=graphs.order_half_life_days, weigh=weigh)
    profiles = None if window.timeless else circle_columns(window)
    return Inputs(
        catalogue=_catalogue(window),
        owner_ids=window.ids["owners"],
        member_ids=window.ids["members"],
        owner_member=window.owner_member,
        purchases=Purchases(found.member_row, found.product_row, found.weight, found.n, found.last_time),
        shares=_shares(window, weigh),
        circle=_circle(window),
        circle_categories=_circle_categories(window, profiles),
        co_purchase=_co_purchase(window, graphs),
        as_of_us=window.as_of_us,
        movement=None if profiles is None else read_movement(window, profiles, weigh),
        shared=share_outcomes(window),
    )


def _catalogue(window: Window) -> Catalogue:
    columns = product_columns(window)
    titles = window.engine.fetch_strings(window.table("products"), "title", "product_row")
    paths = window.categories.paths
    category_row = columns.category_row
    if (category_row == NO_ROW).any():
        first = sorted({*paths, NO_CATEGORY})
        place = np.array([first.index(path) for path in paths] + [first.index(NO_CATEGORY)], dtype=np.int32)
        paths, category_row = tuple(first), place[category_row]  # -1 takes the last place
    currencies = tuple(sorted(set(columns.currency) - {""}))
    row_of = {currency: row for row, currency in enumerate(currencies)} | {"": NO_ROW}
    return Catalogue(
        product_ids=window.ids["products"], titles=titles, category_paths=paths,
        category_row=category_row, supplier_ids=window.ids["suppliers"],
        supplier_row=columns.supplier_row, price_minor=columns.price_minor, currencies=currencies,
        currency_row=np.array([row_of[c] for c in columns.currency], dtype=np.int32),
        stock=columns.stock_quantity,
    )  # fmt: skip


def _shares(window: Window, weigh: bool) -> Shares:
    """What owners themselves shared; products that only came back to them through orders are no shares."""
    found = owner_product(window, ShareValues(weigh=weigh))
    shared = found.n_shares + found.n_clicks > 0
    times = None if found.last_time is None else found.last_time[shared]
    return Shares(
        found.owner_row[shared], found.product_row[shared], found.weight[shared],
        found.n_shares[shared], found.n_orders[shared], times,
    )  # fmt: skip


def _circle(window: Window) -> Edges:
    found = circle(window)
    owner_row = np.repeat(np.arange(window.count("owners"), dtype=np.int32), np.diff(found.start))
    return Edges(owner_row, found.member_row, found.tie, {})


def _circle_categories(window: Window, found: CircleColumns | None) -> Edges:
    if found is None or not window.categories.paths:
        nothing = np.zeros(0, dtype=np.int32)
        return Edges(nothing, nothing, nothing.astype(np.float32), {})
    owner_row = np.repeat(np.arange(window.count("owners"), dtype=np.int32), np.diff(found.category_start))
    return Edges(owner_row, found.category_row, found.n_members.astype(np.float32), {})


def _co_purchase(window: Window, graphs: Graphs) -> Edges:
    found = co_purchase(
        window, half_life_days=graphs.co_purchase_half_life_days, member_cap=graphs.co_purchase_member_cap,
        hub_damping=graphs.co_purchase_hub_damping, top_k=graphs.co_purchase_top_k,
        min_members=graphs.co_purchase_min_members, weigh=bool(graphs.weigh_orders),
    )  # fmt: skip
    return Edges(found.product_row, found.other_row, found.weight, {"n_members": found.n_members})
