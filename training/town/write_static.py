"""The tables that stand before the first day: goods, offers, stock, owners and circles."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.contract import RELATIONS
from training.town import names
from training.town.catalogue import LEAVES
from training.town.columns import Sink, ids, numbers, times, words
from training.town.config import DAY_US
from training.town.draw import Array, stream
from training.town.goods import Suppliers
from training.town.town import Town

CURRENCY = "CNY"
ROWS = 400_000


def write_goods(town: Town, sink: Sink) -> None:
    """products, suppliers and offers."""
    products, suppliers, n = town.products, town.suppliers, len(town.products)
    brands = [names.brand_name(b) for b in range(names.N_BRANDS)]
    leaves = LEAVES[: len(town.leaves)]
    sink.add("products", {
        "product_id": ids("products", np.arange(n), n),
        "title": pa.array(names.titles(products.leaf, products.style, products.unit_quantity)),
        "category": words(products.leaf, [leaf.path for leaf in leaves]),
        "supplier_id": ids("suppliers", products.supplier, len(suppliers)),
        "brand": words(products.brand, brands),
        "unit_measure": words(products.leaf, [leaf.unit for leaf in leaves]),
        "unit_quantity": numbers(products.unit_quantity),
        "available_time": times(_midnight(town, products.available_day)),
        "trial_media_count": numbers(products.trial_media_count),
        "return_days": numbers(products.return_days),
    })  # fmt: skip
    sink.add("suppliers", {
        "supplier_id": ids("suppliers", np.arange(len(suppliers)), len(suppliers)),
        "name": pa.array(_supplier_names(suppliers)),
        "region": words(suppliers.region, names.REGIONS),
        "supplier_type": words(suppliers.kind, [kind[2] for kind in names.KINDS]),
    })  # fmt: skip
    _write_offers(town, sink)
    _write_stock(town, sink)


def _supplier_names(suppliers: Suppliers) -> list[str]:
    columns = (suppliers.brand.tolist(), suppliers.place.tolist(), suppliers.kind.tolist())
    return [names.supplier_name(*row) for row in zip(*columns, strict=True)]


def _write_offers(town: Town, sink: Sink) -> None:
    prices, n = town.prices, len(town.products)
    for begin in range(0, len(prices.product), ROWS):
        rows = slice(begin, begin + ROWS)
        product, grouped, ends = prices.product[rows], prices.group_size[rows] > 0, prices.end_day[rows] >= 0
        sink.add("offers", {
            "product_id": ids("products", product, n),
            "effective_time": times(_midnight(town, prices.day[rows])),
            "price_minor": numbers(prices.price_minor[rows]),
            "currency": words(np.zeros(len(product)), [CURRENCY]),
            "shipping_minor": numbers(prices.shipping_minor[rows]),
            "coupon_minor": numbers(prices.coupon_minor[rows], prices.coupon_minor[rows] == 0),
            "group_price_minor": numbers(prices.group_price_minor[rows], ~grouped),
            "group_size": numbers(prices.group_size[rows], ~grouped),
            "commission_rate": numbers(town.products.commission_rate[product]),
            "public_price_minor": numbers(prices.public_price_minor[rows]),
            "list_price_minor": numbers(prices.list_price_minor[rows]),
            "expire_time": times(_midnight(town, prices.end_day[rows]), ~ends),
        })  # fmt: skip


def _write_stock(town: Town, sink: Sink) -> None:
    """A count when each product is listed, one at the start, and those around its being out of stock."""
    products, config, n = town.products, town.config, len(town.products)
    rng = stream(config.seed, "stock")
    every = np.arange(n)
    out = np.flatnonzero((products.out_from < config.n_days) & (products.out_from > products.available_day))
    back = out[products.out_until[out] < config.n_days]
    product = np.concatenate([every, out, back])
    day = np.concatenate(
        [np.maximum(products.available_day, -1), products.out_from[out], products.out_until[back]]
    )
    quantity = np.rint(np.exp(rng.normal(6, 1, len(product)))).astype(np.int64) + 1
    quantity[n : n + len(out)] = 0
    order = np.lexsort((product, day))
    sink.add("stock", {
        "product_id": ids("products", product[order], n),
        "stock_time": times(_midnight(town, day[order])),
        "available_quantity": numbers(quantity[order]),
    })  # fmt: skip


def write_owners(town: Town, sink: Sink) -> None:
    """owners and circle."""
    owners, n, n_members = town.owners, len(town.owners), len(town.members)
    rng = stream(town.config.seed, "owner rows")
    paths = [f"{leaf.top} > {leaf.middle}" for leaf in LEAVES]
    pairs = zip(owners.first_leaf.tolist(), owners.second_leaf.tolist(), strict=True)
    interests = ["; ".join(dict.fromkeys((paths[a], paths[b]))) for a, b in pairs]
    shops = zip(owners.brand.tolist(), owners.first_leaf.tolist(), owners.ending.tolist(), strict=True)
    sink.add("owners", {
        "owner_id": ids("owners", np.arange(n), n),
        "member_id": ids("members", owners.member, n_members),
        "shop_name": pa.array([names.shop_name(*row) for row in shops]),
        "upline_owner_id": ids("owners", owners.upline, n),
        "region": words(owners.region, names.REGIONS),
        "joined_time": times(_midnight(town, owners.joined_day)),
        "interests": pa.array(interests),
    })  # fmt: skip
    circle = town.circle
    for begin in range(0, len(circle), ROWS):
        rows = slice(begin, begin + ROWS)
        midnight = _midnight(town, circle.since_day[rows].astype(np.int64))
        seconds = rng.integers(86_400, size=len(midnight))
        sink.add("circle", {
            "owner_id": ids("owners", circle.owner[rows], n),
            "member_id": ids("members", circle.member[rows], n_members),
            "relation": words(circle.relation[rows], RELATIONS),
            "since_time": times(midnight + seconds * 1_000_000),
        })  # fmt: skip


def _midnight(town: Town, day: Array) -> Array:
    return np.asarray(town.config.start_us + day * DAY_US)
