"""Leaf categories, suppliers and products of one town, with the quality that nobody in it can see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.town.catalogue import LEAVES, TOPS
from training.town.config import TownConfig
from training.town.draw import Array, unit_rows
from training.town.names import KINDS, N_BRANDS, N_STYLES, PLACES, REGIONS

N_DIMENSIONS = 16  # of tastes and of products' characters
LATE_SPOILS = 0.5  # part of late deliveries that spoil the order for the member
COMMISSIONS = np.array([0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3])
LONG_AGO = -1000  # day before which everything old was already there
MEAN_QUALITY_LOGIT = 2.6


@dataclass(frozen=True, slots=True)
class Leaves:
    """Leaf categories, one row each; `price_of_quality` is the λ of good value, hidden."""

    vector: NDArray[np.float32]  # (n_leaves, N_DIMENSIONS), unit length
    top: NDArray[np.int64]
    popularity: NDArray[np.float64]  # log
    price_of_quality: NDArray[np.float64]
    complement: NDArray[np.int64]
    interval_days: NDArray[np.float64]
    consumable: NDArray[np.bool_]
    peak_day: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    other_returns: NDArray[np.float64]
    usual_price_minor: NDArray[np.float64]  # of its middle package

    def __len__(self) -> int:
        return len(self.top)


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Suppliers, one row each; `quality_logit` and `late_rate` are hidden."""

    quality_logit: NDArray[np.float64]
    late_rate: NDArray[np.float64]
    first_leaf: NDArray[np.int64]
    second_leaf: NDArray[np.int64]
    brand: NDArray[np.int64]
    place: NDArray[np.int64]
    kind: NDArray[np.int64]
    region: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.brand)


@dataclass(frozen=True, slots=True)
class Products:
    """Products, one row each. Hidden: vector, popularity, defect_rate, quality.

    `quality` = P(an order ends well) = (1 - defect_rate)(1 - LATE_SPOILS · late_rate of its supplier).
    `out_from` to `out_until` (days, exclusive): out of stock. `partner`: what is often bought with it.
    """

    leaf: NDArray[np.int64]
    supplier: NDArray[np.int64]
    vector: NDArray[np.float32]
    popularity: NDArray[np.float64]  # log, mean 0
    defect_rate: NDArray[np.float64]
    quality: NDArray[np.float64]
    base_price_minor: NDArray[np.int64]
    unit_quantity: NDArray[np.float64]
    commission_rate: NDArray[np.float64]
    partner: NDArray[np.int64]
    available_day: NDArray[np.int64]
    out_from: NDArray[np.int64]
    out_until: NDArray[np.int64]
    return_days: NDArray[np.int64]
    style: NDArray[np.int64]
    brand: NDArray[np.int64]  # -1: unbranded
    trial_media_count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.leaf)

    def sellable(self, product_rows: Array, days: Array | int) -> NDArray[np.bool_]:
        """Whether each product was on sale and in stock on each day."""
        listed = self.available_day[product_rows] <= days
        gone = (self.out_from[product_rows] <= days) & (days < self.out_until[product_rows])
        return np.asarray(listed & ~gone)


def draw_leaves(config: TownConfig, rng: np.random.Generator) -> Leaves:
    """The first leaves of the catalogue, as many as the products can fill."""
    n = min(len(LEAVES), max(config.n_products // 25, 6), config.n_products)
    leaves = LEAVES[:n]
    row_of = {leaf.en: row for row, leaf in enumerate(leaves)}
    middles = list(dict.fromkeys((leaf.top, leaf.middle) for leaf in LEAVES))
    top_vectors = rng.normal(size=(len(TOPS), N_DIMENSIONS))
    middle_vectors = rng.normal(size=(len(middles), N_DIMENSIONS))
    own = rng.normal(size=(n, N_DIMENSIONS))
    top = np.array([TOPS.index(leaf.top) for leaf in leaves])
    middle = np.array([middles.index((leaf.top, leaf.middle)) for leaf in leaves])
    complement = [
        next((row_of[name] for name in leaf.goes_with if name in row_of), (row + 1) % n)
        for row, leaf in enumerate(leaves)
    ]
    return Leaves(
        vector=unit_rows(0.5 * top_vectors[top] + 0.5 * middle_vectors[middle] + 0.8 * own),
        top=top,
        popularity=rng.normal(0, 0.4, n),
        price_of_quality=np.exp(rng.normal(np.log(0.45), 0.3, n)),
        complement=np.array(complement),
        interval_days=np.array([float(leaf.interval_days) for leaf in leaves]),
        consumable=np.array([leaf.consumable for leaf in leaves]),
        peak_day=np.array([float(leaf.peak_day) for leaf in leaves]),
        amplitude=np.array([leaf.amplitude for leaf in leaves]),
        other_returns=np.array([leaf.other_returns for leaf in leaves]),
        usual_price_minor=np.array([float(leaf.price_minor) for leaf in leaves]),
    )


def draw_suppliers(config: TownConfig, leaves: Leaves, rng: np.random.Generator) -> Suppliers:
    """Suppliers of clearly different quality, each at home in one or two leaves."""
    n = max(config.n_products // 25, min(12, config.n_products // 4 + 1))
    logit = rng.normal(0, 0.9, n)
    first = np.arange(n) % len(leaves)
    return Suppliers(
        quality_logit=logit,
        late_rate=1 / (1 + np.exp(2.9 + 0.3 * logit + rng.normal(0, 0.5, n))),
        first_leaf=first,
        second_leaf=np.where(rng.random(n) < 0.5, leaves.complement[first], first),
        brand=rng.permutation(np.arange(n) % N_BRANDS),
        place=rng.integers(len(PLACES), size=n),
        kind=rng.integers(len(KINDS), size=n),
        region=rng.integers(len(REGIONS), size=n),
    )


def draw_products(
    config: TownConfig, leaves: Leaves, suppliers: Suppliers, rng: np.random.Generator
) -> Products:
    """Products whose price follows their size, partly their quality, and mostly neither."""
    n = config.n_products
    leaf = rng.permutation(np.arange(n) % len(leaves))
    supplier = _suppliers_of(leaf, suppliers, rng)
    logit = (
        MEAN_QUALITY_LOGIT
        + suppliers.quality_logit[supplier]
        + rng.normal(0, 0.3, len(leaves))[leaf]
        + rng.normal(0, 0.5, n)
    )
    defect_rate = 1 / (1 + np.exp(logit))
    branded = rng.random(n) < 0.75
    quantity, base_price = _sizes_and_prices(leaf, logit, branded, leaves, rng)
    available = np.where(
        rng.random(n) < 0.1, rng.integers(0, max(config.n_days - 3, 1), n), rng.integers(-400, -20, n)
    )
    out_from = np.where(rng.random(n) < 0.04, rng.integers(0, config.n_days, n), config.n_days + 1)
    vector = unit_rows(0.9 * leaves.vector[leaf] + 0.42 * unit_rows(rng.normal(size=(n, N_DIMENSIONS))))
    return Products(
        leaf=leaf,
        supplier=supplier,
        vector=vector,
        popularity=rng.normal(0, 1.1, n),
        defect_rate=defect_rate,
        quality=(1 - defect_rate) * (1 - LATE_SPOILS * suppliers.late_rate[supplier]),
        base_price_minor=base_price,
        unit_quantity=quantity,
        commission_rate=rng.choice(COMMISSIONS, n),
        partner=_partners(leaf, vector, leaves, rng),
        available_day=available,
        out_from=out_from,
        out_until=out_from + rng.integers(2, 12, n),
        return_days=rng.choice(np.array([7, 7, 7, 15, 30]), n),
        style=rng.integers(N_STYLES, size=n),
        brand=np.where(branded, suppliers.brand[supplier], -1),
        trial_media_count=rng.poisson(1.5, n),
    )


def _suppliers_of(leaf: Array, suppliers: Suppliers, rng: np.random.Generator) -> NDArray[np.int64]:
    """A supplier per product: one at home in its leaf nine times in ten."""
    n_suppliers = len(suppliers)
    fits = [
        np.flatnonzero((suppliers.first_leaf == row) | (suppliers.second_leaf == row))
        for row in range(int(leaf.max()) + 1)
    ]
    supplier = rng.integers(n_suppliers, size=len(leaf))
    at_home = rng.random(len(leaf)) < 0.9
    for row, at_leaf in enumerate(fits):
        here = np.flatnonzero((leaf == row) & at_home)
        if len(at_leaf):
            supplier[here] = at_leaf[rng.integers(len(at_leaf), size=len(here))]
    return supplier


def _sizes_and_prices(
    leaf: Array, logit: Array, branded: Array, leaves: Leaves, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    catalogue = LEAVES[: len(leaves)]
    n_sizes = np.array([len(row.sizes) for row in catalogue])
    sizes = np.array([[row.sizes[min(i, len(row.sizes) - 1)] for i in range(3)] for row in catalogue])
    middle_size = sizes[np.arange(len(catalogue)), n_sizes // 2]
    quantity = sizes[leaf, (rng.random(len(leaf)) * n_sizes[leaf]).astype(int)]
    log_price = (
        np.log(leaves.usual_price_minor[leaf])
        + 0.85 * np.log(quantity / middle_size[leaf])  # larger packages are cheaper by the gram
        + 0.6 * leaves.price_of_quality[leaf] * (logit - MEAN_QUALITY_LOGIT)
        + 0.08 * branded
        + rng.normal(0, 0.3, len(leaf))
    )
    return quantity, np.maximum(np.rint(np.exp(log_price) / 10) * 10, 100).astype(np.int64)


def _partners(leaf: Array, vector: Array, leaves: Leaves, rng: np.random.Generator) -> NDArray[np.int64]:
    """For each product, the likest of up to 12 products of its leaf's complement; -1 where there is none."""
    partner = np.full(len(leaf), -1, dtype=np.int64)
    for row in range(len(leaves)):
        mine = np.flatnonzero(leaf == row)
        theirs = np.flatnonzero(leaf == leaves.complement[row])
        if not len(mine) or not len(theirs):
            continue
        choices = theirs[rng.integers(len(theirs), size=(len(mine), 12))]
        likeness = np.einsum("pk,pck->pc", vector[mine], vector[choices])
        best = choices[np.arange(len(mine)), likeness.argmax(axis=1)]
        partner[mine] = np.where(best == mine, -1, best)
    return partner
