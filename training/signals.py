"""What moves as of a moment: rising, due again, new from proven suppliers, sold by similar owners."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features.arrays import NO_TIME, US_PER_DAY
from features.columns.groups import GroupBuys
from recsys.signals import NO_SIGNALS, Signals
from recsys.sparse import Csr, CsrView
from training.content import content_vectors
from training.groups import group_odds, one_short
from training.influence import influence
from training.inputs import Inputs, Movement
from training.rebuy import rebuy_chances
from training.sparse_rows import as_view, largest, largest_with_counts, ones_like

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

MIN_RECENT_MEMBERS = 3  # kept it in the last week: fewer may be one family
NEW_DAYS = 30
HISTORY_DAYS = 14  # what was seen in the first days of the data may be older than the data
PROVEN_LINES = 20  # order lines of a supplier before her record says anything
PRIOR_LINES = 20.0
PRIOR_PRODUCTS = 3.0
MAX_CIRCLES = 300  # a member of more circles says nothing about their owners
N_PEERS = 30
TOP_PRODUCTS = 60  # kept for each owner
REGION_PRODUCTS = 400


def signals_of(inputs: Inputs, orders: Csr, circle: Csr, circle_orders: CsrView, seed: int) -> Signals:
    """Every signal that the data allow; none in a world without times.

    orders float32 CSR (n_members, n_products); circle float32 CSR (n_owners, n_members).
    """
    moved = inputs.movement
    if moved is None or inputs.as_of_us is None:
        return NO_SIGNALS
    found: dict[str, Any] = {
        "rising": rising(moved.momentum.n_recent, moved.momentum.n_before),
        "rising_recent": moved.momentum.n_recent,
        "rising_before": moved.momentum.n_before,
        "content": content_vectors(inputs.catalogue, moved.brands, seed),
    }
    found |= _rebuy(inputs, moved, circle)
    if moved.has_suppliers:
        found |= _new_proven(inputs, moved)
    if moved.has_shares:
        found["peers"] = peers(inputs, circle)
    if moved.price_band is not None:
        found |= _price_band(moved.price_band)
    if moved.upline_row is not None:
        found["upline_row"] = moved.upline_row
    if moved.region_row is not None:
        found["region_row"] = moved.region_row
        found["regions"] = _regions(moved.region_row, circle_orders)
    if moved.groups is not None:
        found |= _groups(inputs, moved.groups)
    if inputs.shared is not None:
        found |= influence(inputs, inputs.shared)
    return Signals(**found)


def _groups(inputs: Inputs, groups: GroupBuys) -> dict[str, Any]:
    n_owners, catalogue = len(inputs.owner_ids), inputs.catalogue
    odds = group_odds(groups, catalogue.category_row, len(catalogue.category_paths), n_owners)
    return {
        "group_sizes": odds.sizes, "group_rate": odds.rate, "group_shift": odds.shift,
        "one_short": one_short(groups, n_owners, inputs.n_products),
    }  # fmt: skip


def rising(n_recent: npt.NDArray[Any], n_before: npt.NDArray[Any]) -> Floats:
    """How far the members of the last week exceed what the weeks before let expect, in deviations.

    float32 (n_products,): (recent - expected) / √(expected + 1) where the shop's own growth is expected of
    every product; 0 where it is not above that, or fewer than 3 members kept it lately.
    """
    growth = n_recent.sum() / max(1, int(n_before.sum()))
    expected = n_before * growth
    above = (n_recent - expected) / np.sqrt(expected + 1.0)
    return np.where((n_recent >= MIN_RECENT_MEMBERS) & (above > 0), above, 0).astype(np.float32)


def _new_proven(inputs: Inputs, moved: Movement) -> dict[str, Any]:
    """New products by the record of their supplier: kept share × log orders of each of her products."""
    momentum, supplier = moved.momentum, inputs.catalogue.supplier_row
    n_suppliers = len(inputs.catalogue.supplier_ids)
    known = supplier >= 0
    sums = {
        name: np.bincount(supplier[known], values[known], minlength=n_suppliers)
        for name, values in (("lines", momentum.n_lines), ("kept", momentum.n_kept))
    }
    n_products = np.bincount(supplier[known], minlength=n_suppliers)
    share = momentum.n_kept.sum() / max(1, int(momentum.n_lines.sum()))
    usual = momentum.n_kept.sum() / max(1, len(supplier))
    kept_share = (sums["kept"] + PRIOR_LINES * share) / (sums["lines"] + PRIOR_LINES)
    each = (sums["kept"] + PRIOR_PRODUCTS * usual) / (n_products + PRIOR_PRODUCTS)
    record = np.where(sums["lines"] >= PROVEN_LINES, kept_share * np.log1p(each), 0.0)
    assert inputs.as_of_us is not None
    first, start = momentum.first_time, momentum.start_time
    is_new = (first != NO_TIME) & (first > inputs.as_of_us - NEW_DAYS * US_PER_DAY)
    if start != NO_TIME:
        is_new &= first > start + HISTORY_DAYS * US_PER_DAY
    of_product = {name: np.zeros(len(supplier), dtype=np.int32) for name in sums}
    for name, values in sums.items():
        of_product[name][known] = values[supplier[known]]
    score = np.zeros(len(supplier), dtype=np.float32)
    chosen = known & is_new
    score[chosen] = record[supplier[chosen]]
    return {
        "new_proven": score, "supplier_kept": of_product["kept"], "supplier_lines": of_product["lines"],
    }  # fmt: skip


def _rebuy(inputs: Inputs, moved: Movement, circle: Csr) -> dict[str, Any]:
    chances = rebuy_chances(inputs, moved.gaps)
    due, ties = ones_like(chances), ones_like(circle)
    return {
        "rebuy_members": as_view(chances),
        "rebuy_circle": largest_with_counts(
            circle.shape[0],
            lambda part: (circle[part] @ chances, ties[part] @ due),
            TOP_PRODUCTS,
            "n_members",
        ),
    }


def peers(inputs: Inputs, circle: Csr) -> CsrView:
    """What similar owners shared with success: owners × products; extra n_owners of them.

    Owners are alike by what they share and by whom they know (cosine over both); success is the logarithm
    of the orders that an owner's shares of a product led to.
    """
    n_owners, shares = circle.shape[0], inputs.shares
    shape = (n_owners, inputs.n_products)
    ones = np.ones(len(shares.owner_row), dtype=np.float32)
    shared = sparse.csr_array((ones, (shares.owner_row, shares.product_row)), shape=shape)
    known = _unit_rows(sparse.csr_array(sparse.hstack([_unit_rows(shared), _unit_rows(_told(circle))])))
    won = shares.n_orders > 0
    success = sparse.csr_array(
        (np.log1p(shares.n_orders[won]).astype(np.float32), (shares.owner_row[won], shares.product_row[won])),
        shape=shape,
    )
    sold = ones_like(success)
    others = known.T.tocsr()

    def block(part: slice) -> tuple[Csr, Csr]:
        alike = _nearest(sparse.csr_array(known[part] @ others), part.start)
        return alike @ success, ones_like(alike) @ sold

    return largest_with_counts(n_owners, block, TOP_PRODUCTS, "n_owners", n_owners)


def _told(circle: Csr) -> Csr:
    """The circle without members whom so many owners know that they tell nothing."""
    n_circles = np.bincount(circle.indices, minlength=circle.shape[1])
    kept = circle.copy()
    kept.data = np.where(n_circles[circle.indices] <= MAX_CIRCLES, 1.0, 0.0).astype(np.float32)
    kept.eliminate_zeros()
    return kept


def _unit_rows(matrix: Csr) -> Csr:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    length = np.sqrt(np.bincount(rows, weights=matrix.data**2, minlength=matrix.shape[0]))
    data = (matrix.data / np.maximum(length, 1e-12)[rows]).astype(np.float32)
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _nearest(alike: Csr, first_row: int) -> Csr:
    """The N_PEERS most alike others of each row; the owner herself is none."""
    rows = np.repeat(np.arange(alike.shape[0]), np.diff(alike.indptr))
    alike.data[alike.indices == rows + first_row] = 0
    alike.eliminate_zeros()
    return largest(alike, N_PEERS)


def _price_band(price_band: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The quarter points of what each circle paid, as logarithms; -1 where it bought nothing."""
    low, high = price_band[:, 1], price_band[:, 3]
    known = (low >= 0) & (high >= 0)
    return {
        "price_low": np.where(known, np.log1p(np.maximum(low, 0)), -1).astype(np.float32),
        "price_high": np.where(known, np.log1p(np.maximum(high, 0)), -1).astype(np.float32),
    }


def _regions(region_row: Rows, circle_orders: CsrView) -> CsrView:
    """What the circles of a region order, the most ordered products of each."""
    n_regions = int(region_row.max(initial=-1)) + 1
    of_owner = np.flatnonzero(region_row >= 0)
    ones = np.ones(len(of_owner), dtype=np.float32)
    where = sparse.csr_array((ones, (region_row[of_owner], of_owner)), shape=(n_regions, len(region_row)))
    summed = sparse.csr_array(where @ circle_orders.to_scipy())
    return as_view(largest(summed, REGION_PRODUCTS))
