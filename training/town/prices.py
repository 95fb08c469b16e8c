"""Price histories: slow drift, promotions, coupons, prices raised before they are cut, group prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.town.config import TownConfig
from training.town.draw import Array
from training.town.goods import Products

SLOT_DAYS = 30  # each product has at most one promotion in a slot
FIRST_DAY = -30  # histories begin before the town does, so that a 30-day low exists on its first day
_FAR = 1 << 20


@dataclass(frozen=True, slots=True)
class Prices:
    """Offers, one row each, sorted by product and day; -1 stands for "none" in group columns and end_day."""

    product: NDArray[np.int64]
    day: NDArray[np.int64]
    price_minor: NDArray[np.int64]
    coupon_minor: NDArray[np.int64]
    shipping_minor: NDArray[np.int64]
    group_price_minor: NDArray[np.int64]
    group_size: NDArray[np.int64]
    public_price_minor: NDArray[np.int64]
    list_price_minor: NDArray[np.int64]
    end_day: NDArray[np.int64]

    def rows_at(self, product_rows: Array, days: Array | int) -> NDArray[np.int64]:
        """The offer that holds for each product on each day (its first offer before that one began)."""
        keys = self.product * _FAR + self.day - FIRST_DAY
        wanted = product_rows * _FAR + np.asarray(days) - FIRST_DAY
        rows = np.searchsorted(keys, wanted, side="right") - 1
        first = np.searchsorted(self.product, product_rows)
        return np.asarray(np.maximum(rows, first))

    def paid_at(self, product_rows: Array, days: Array | int) -> NDArray[np.int64]:
        """What one piece costs after the coupon, without shipping, minor units."""
        rows = self.rows_at(product_rows, days)
        return self.price_minor[rows] - self.coupon_minor[rows]


def draw_prices(config: TownConfig, products: Products, rng: np.random.Generator) -> Prices:
    """Every product's offers from 30 days before the town begins to its last day."""
    n, n_slots = len(products), -(-(config.n_days - FIRST_DAY) // SLOT_DAYS)
    shape = (n, n_slots)
    drift = np.where(rng.random(shape) < 0.3, rng.normal(0, 0.06, shape), 0.0)
    drift[:, 0] = 0.0
    level = products.base_price_minor[:, None] * np.exp(np.cumsum(drift, axis=1))
    slot_start = FIRST_DAY + SLOT_DAYS * np.arange(n_slots)[None, :] + np.zeros(shape, dtype=np.int64)

    promoted = rng.random(shape) < 0.5
    tricky = promoted & (rng.random(n) < 0.12)[:, None]  # raises first, so that the cut looks large
    start = slot_start + rng.integers(8, 21, shape)
    end = start + rng.integers(3, 9, shape)
    depth = rng.uniform(0.08, 0.3, shape)
    depth = np.where(tricky, 0.02, depth)
    by_coupon = promoted & ~tricky & (rng.random(shape) < 0.35)

    usual = (np.arange(n_slots)[None, :] == 0) | (drift != 0)
    parts = [  # day, price factor, coupon part, end, which
        (slot_start, 1.0 + 0 * depth, 0 * depth, -1, usual),
        (start - 7, 1.25 + 0 * depth, 0 * depth, -1, tricky),
        (start, np.where(by_coupon, 1.0, 1 - depth), np.where(by_coupon, depth, 0.0), end, promoted),
        (end, 1.0 + 0 * depth, 0 * depth, -1, promoted),
    ]
    grid = np.zeros(shape, dtype=np.int64) + np.arange(n)[:, None]
    columns = [
        (grid[which], day[which], (level * factor)[which], (level * coupon)[which],
         np.broadcast_to(np.asarray(until), shape)[which])
        for day, factor, coupon, until, which in parts
    ]  # fmt: skip
    product, day, price, coupon, until = (np.concatenate(part) for part in zip(*columns, strict=True))
    return _finish(config, products, product, day, price, coupon, until, rng)


def _finish(
    config: TownConfig, products: Products, product: Array, day: Array, price: Array, coupon: Array,
    until: Array, rng: np.random.Generator,
) -> Prices:  # fmt: skip
    """Sort, let a product's first offer begin when it is listed, and add what holds for all its offers."""
    begins = np.maximum(products.available_day, FIRST_DAY)[product]
    order = np.lexsort((day, product))
    day = np.maximum(day, begins)[order]
    product, price, coupon, until = product[order], price[order], coupon[order], until[order]
    last = np.ones(len(product), dtype=bool)
    last[:-1] = (product[1:] != product[:-1]) | (day[1:] != day[:-1])
    keep = last & (day < config.n_days)
    product, day, price, coupon, until = (a[keep] for a in (product, day, price, coupon, until))

    n = len(products)
    shipping = np.where(rng.random(n) < 0.7, 0, rng.choice(np.array([500, 800, 1000, 1200]), n))
    grouped = rng.random(n) < 0.4
    group_part = rng.uniform(0.78, 0.92, n)
    size = rng.choice(np.array([2, 2, 3, 5]), n)
    public = np.exp(rng.normal(0.06, 0.05, n))
    listed = rng.uniform(1.2, 3.0, n)
    price_minor = _round(price)
    base = products.base_price_minor[product]
    return Prices(
        product=product,
        day=day,
        price_minor=price_minor,
        coupon_minor=np.where(coupon > 0, np.minimum(_round(coupon), price_minor // 2), 0),
        shipping_minor=shipping[product].astype(np.int64),
        group_price_minor=np.where(grouped[product], _round(price * group_part[product]), -1),
        group_size=np.where(grouped[product], size[product], -1),
        public_price_minor=_round(base * public[product]),
        list_price_minor=_round(base * listed[product]),
        end_day=until.astype(np.int64),
    )


def _round(price: Array) -> NDArray[np.int64]:
    return np.asarray(np.maximum(np.rint(price / 10) * 10, 10), dtype=np.int64)
