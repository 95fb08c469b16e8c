"""What a model is assembled from: everything that was read from a dataset as of a moment, as arrays.

Reading tables is the work of `features`; nothing below this file knows where the arrays came from, so a
past moment, a held-out fold and the present are assembled by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from features.columns.groups import GroupBuys
from features.columns.momentum import Momentum
from features.columns.rebuy import RebuyGaps
from features.share_outcomes import ShareOutcomes

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """Who ordered what, one entry per member and product, sorted by both.

    weight float32 (order lines, older ones counting less); n int32 (order lines); last_time int64 µs or None.
    """

    member_row: Rows
    product_row: Rows
    weight: npt.NDArray[np.float32]
    n: npt.NDArray[np.int32]
    last_time: npt.NDArray[np.int64] | None

    def where(self, kept: npt.NDArray[np.bool_]) -> Purchases:
        """The entries where `kept` is true."""
        times = None if self.last_time is None else self.last_time[kept]
        return Purchases(
            self.member_row[kept], self.product_row[kept], self.weight[kept], self.n[kept], times
        )

    def __len__(self) -> int:
        return len(self.member_row)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Who shared what, one entry per owner and product; n_orders: orders that her shares of it led to."""

    owner_row: Rows
    product_row: Rows
    weight: npt.NDArray[np.float32]
    n_shares: npt.NDArray[np.int32]
    n_orders: npt.NDArray[np.int32]
    last_time: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Weighted edges row → column with more columns per edge, sorted by row."""

    row: Rows
    column: Rows
    weight: npt.NDArray[np.float32]
    extra: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The products: ids sorted by their bytes, and one value of each column per product."""

    product_ids: Array
    titles: Array
    category_paths: tuple[str, ...]  # every node of the tree, sorted
    category_row: Rows
    supplier_ids: Array
    supplier_row: Rows
    price_minor: npt.NDArray[np.int64]
    currencies: tuple[str, ...]
    currency_row: Rows
    stock: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """What only a world with times knows; None where the table or column for it is absent."""

    momentum: Momentum
    gaps: RebuyGaps
    has_suppliers: bool
    has_shares: bool
    brands: Array | None  # str per product, "" for none
    price_band: npt.NDArray[np.int64] | None  # (n_owners, 5) quantiles, see features/columns/circle.py
    upline_row: Rows | None  # per owner, -1 none
    region_row: Rows | None  # per owner, -1 none
    groups: GroupBuys | None


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Everything one model is assembled from."""

    catalogue: Catalogue
    owner_ids: Array
    member_ids: Array
    owner_member: Rows
    purchases: Purchases
    shares: Shares
    circle: Edges  # owner → member
    circle_categories: Edges  # owner → category; weight: members who bought there in 30 days
    co_purchase: Edges  # product → product
    as_of_us: int | None
    movement: Movement | None = None
    shared: ShareOutcomes | None = None  # what came of each share; None where the dataset cannot tell

    def without(self, held_out: npt.NDArray[np.bool_]) -> Inputs:
        """The same world where those purchases did not happen."""
        return replace(self, purchases=self.purchases.where(~held_out))

    @property
    def n_products(self) -> int:
        """Products in the catalogue."""
        return len(self.catalogue.product_ids)
