"""Reads what only a world with times knows out of a window."""

from __future__ import annotations

import numpy as np

from features.arrays import Array
from features.columns.circle import CircleColumns
from features.columns.groups import group_buys
from features.columns.momentum import momentum
from features.columns.owners import upline_rows
from features.columns.rebuy import rebuy_gaps
from features.window import Window
from training.inputs import Movement


def read_movement(window: Window, circle: CircleColumns, weigh: bool = False) -> Movement:
    """The movement of products and the places of owners, as the window's moment knew them.

    What is there depends on the tables that the dataset has, never on what happened by the moment: a past
    has the features of the present.
    """
    has_circles = window.has("circle") or window.has("shares") or window.has("share_events")
    return Movement(
        momentum=momentum(window, weigh),
        gaps=rebuy_gaps(window),
        has_suppliers=window.has("products", "supplier_id"),
        has_shares=window.has("shares") and window.has("orders", "owner_id"),
        brands=_brands(window) if window.has("products", "brand") else None,
        price_band=circle.price_band if has_circles and not window.priceless else None,
        upline_row=upline_rows(window) if window.has("owners", "upline_owner_id") else None,
        region_row=_regions(window) if window.has("owners", "region") else None,
        groups=group_buys(window) if window.has("group_buys") else None,
    )


def _brands(window: Window) -> Array:
    products = window.table("products")
    named = products.select("product_row", brand=products.brand.fill_null(""))
    return window.engine.fetch_strings(named, "brand", "product_row")


def _regions(window: Window) -> Array:
    """Each owner's region as a number in the order of the names, int32; -1 where none is told."""
    owners = window.table("owners")
    told = owners.filter(owners.region.notnull()).group_by("owner_row").agg(region=owners.region.min())
    names = window.engine.fetch_strings(told, "region", "owner_row")
    rows = window.engine.fetch(told.select("owner_row"), ("owner_row",))["owner_row"]
    found = np.full(window.count("owners"), -1, dtype=np.int32)
    found[rows] = np.unique(names.astype(str), return_inverse=True)[1]
    return found
