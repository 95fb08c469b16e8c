"""Attacks on a dataset: what somebody would add to its tables to be picked, deterministic by seed.

Each takes the tables as they are and gives them back with so many rows added, all in the 30 days before
`as_of`. The targets are products that hardly sell, or that end badly: nobody has to
push what is good.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.errors import UsageError

DAYS = 30
DAY_S = 86_400
N_TARGETS = 5  # pushed as one: of 3 % of the orders, five reach the top of what is ordered most
N_RING = 25  # owners who buy from each other
LINES_PER_BRUSHER = 100  # fake orders of one account
N_SHILLS = 400  # accounts that click what is popular, then the target
N_HUBS = 12  # popular products that coattails are hung on
RAISED, THEN = 1.6, 1.15  # times the usual price: for three weeks, and after
Tables = Mapping[str, pa.Table]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Attacked:
    """The tables with the attack in them, the products pushed, the owners in it and how many rows it took."""

    tables: Tables
    targets: tuple[str, ...]
    owners: tuple[str, ...]
    n_rows: int


def attack(name: str, tables: Tables, as_of: datetime, part: float = 0.03, seed: int = 0) -> Attacked:
    """The dataset after an attack of `ATTACKS` with that part of its events; UsageError for another name."""
    if name not in ATTACKS:
        raise UsageError(f"attack must be one of {', '.join(ATTACKS)}; got {name!r}")
    return ATTACKS[name](tables, as_of, part, np.random.default_rng([seed, list(ATTACKS).index(name)]))


def read_tables(dataset: Path) -> dict[str, pa.Table]:
    """Every Parquet table of a dataset."""
    return {file.stem: pq.read_table(file) for file in sorted(dataset.glob("*.parquet"))}


def write_attacked(source: Path, target: Path, attacked: Attacked) -> None:
    """A copy of a dataset with the attacked tables in place of its own."""
    shutil.copytree(source, target)
    for name, table in attacked.tables.items():
        pq.write_table(table, target / f"{name}.parquet")


def five_stars(tables: Tables, as_of: datetime, part: float, rng: np.random.Generator) -> Attacked:
    """A flood of 5-star reviews for products that come back: half of none's order, half of others' orders."""
    orders = _known(tables["orders"], "order_time", as_of)
    product, n = _texts(orders, "product_id"), round(part * len(tables["orders"]))
    targets = _worst(tables, product, as_of)
    of = rng.choice(targets, n)
    stolen = rng.random(n) < 0.5
    lines = {t: np.flatnonzero(product == t) for t in targets}
    line = np.array([rng.choice(lines[t]) for t in of])
    order_id = np.where(stolen, _texts(orders, "order_id")[line], None)
    when = np.maximum(_times(as_of, n, rng), orders["order_time"].to_numpy()[line])
    rows = {
        "review_id": _names("fake-review", n), "product_id": of, "review_time": when,
        "rating": np.full(n, 5), "member_id": _names("shill", n), "order_id": order_id,
        "has_photo": np.zeros(n, dtype=bool), "incentivised": np.zeros(n, dtype=bool),
    }  # fmt: skip
    return _with(tables, {"reviews": rows}, targets)


def owner_ring(tables: Tables, as_of: datetime, part: float, rng: np.random.Generator) -> Attacked:
    """Owners who buy from each other, through each other's links, what hardly anybody buys."""
    owners = tables["owners"]
    owners = owners.filter(pa.array(owners["member_id"].is_valid()))
    chosen = rng.choice(len(owners), N_RING, replace=False)
    ring, herself = _texts(owners, "owner_id")[chosen], _texts(owners, "member_id")[chosen]
    n = round(part * len(tables["orders"]))
    seller = rng.integers(0, N_RING, n)
    buyer = (seller + rng.integers(1, N_RING, n)) % N_RING
    targets = _unpopular(tables, as_of)
    rows = _order_rows(tables, rng.choice(targets, n), herself[buyer], as_of, rng)
    return _with(tables, {"orders": rows | {"owner_id": ring[seller]}}, targets, ring)


def brushing(tables: Tables, as_of: datetime, part: float, rng: np.random.Generator) -> Attacked:
    """Many orders by few buyers of what hardly anybody buys."""
    n = round(part * len(tables["orders"]))
    targets = _unpopular(tables, as_of)
    n_buyers = max(2, n // LINES_PER_BRUSHER)
    buyer = _names("brusher", n_buyers)[rng.integers(0, n_buyers, n)]
    return _with(tables, {"orders": _order_rows(tables, rng.choice(targets, n), buyer, as_of, rng)}, targets)


def raise_then_cut(tables: Tables, as_of: datetime, part: float, rng: np.random.Generator) -> Attacked:
    """Prices raised for three weeks and then cut to something above the usual, so that they look reduced."""
    offers = tables["offers"]
    known = _known(offers, "effective_time", as_of)
    raised = as_of - timedelta(days=DAYS - 2)
    usual = known.filter(pc.less(known["effective_time"], pa.scalar(raised)))
    names = np.unique(_texts(usual, "product_id"))
    n = min(max(1, round(part * len(offers) / 2)), len(names))  # two offers each
    chosen = np.sort(rng.choice(names, n, replace=False))
    quiet = offers.filter(
        pc.or_(
            pc.invert(pc.is_in(offers["product_id"], value_set=pa.array(chosen.tolist()))),
            pc.less(offers["effective_time"], pa.scalar(raised)),
        )
    )
    price = _usual_price(usual, chosen)
    first = np.searchsorted(_texts(usual, "product_id"), chosen, sorter=(order := _by_product(usual)))
    again = usual.take(pa.array(np.r_[order[first], order[first]]))
    rows = {name: again[name] for name in again.column_names}
    rows |= {
        "effective_time": pa.array([raised] * n + [raised + timedelta(days=21)] * n),
        "price_minor": np.rint(np.r_[price * RAISED, price * THEN]).astype(np.int64),
        "list_price_minor": np.rint(np.r_[price * RAISED, price * RAISED]).astype(np.int64),
        "coupon_minor": None, "group_price_minor": None, "group_size": None, "expire_time": None,
        "public_price_minor": None,
    }  # fmt: skip
    return _with({**tables, "offers": quiet}, {"offers": rows}, chosen)


def coattails(tables: Tables, as_of: datetime, part: float, rng: np.random.Generator) -> Attacked:
    """Accounts that click what is popular and then the target, so that the two look related."""
    n = round(part * (len(tables["orders"]) + len(tables["share_events"]))) // 2
    shares = _known(tables["shares"], "share_time", as_of)
    product, owner = _texts(shares, "product_id"), _texts(shares, "owner_id")
    names, counts = np.unique(product, return_counts=True)
    hubs, targets = names[np.argsort(-counts, kind="stable")[:N_HUBS]], _unpopular(tables, as_of)
    who = _names("shill", N_SHILLS)[rng.integers(0, N_SHILLS, n)]
    one, other = rng.choice(hubs, n), rng.choice(targets, n)
    clicked, when = np.r_[one, other], _times(as_of, n, rng)
    rows = {
        "event_id": _names("fake-event", 2 * n), "event_time": np.r_[when, when],
        "event_type": np.full(2 * n, "click"), "owner_id": rng.choice(owner, 2 * n), "product_id": clicked,
        "member_id": np.r_[who, who],
    }  # fmt: skip
    return _with(tables, {"share_events": rows}, targets)


ATTACKS: Mapping[str, Callable[[Tables, datetime, float, np.random.Generator], Attacked]] = {
    "five_stars": five_stars, "owner_ring": owner_ring, "brushing": brushing,
    "raise_then_cut": raise_then_cut, "coattails": coattails,
}  # fmt: skip


def clicks_as_orders(attacked: Attacked, before: Tables) -> Attacked:
    """The same attack on a system that takes a click for an order: the fake clicks as order lines besides."""
    events = attacked.tables["share_events"].slice(len(before["share_events"]))
    n, orders = len(events), before["orders"]
    rows = {
        "order_id": _names("fake-click", n), "order_time": events["event_time"],
        "member_id": events["member_id"], "product_id": events["product_id"],
        "quantity": np.ones(n, np.int64),
        "price_minor": np.full(n, 1000),
    }  # fmt: skip
    tables = {**attacked.tables, "orders": _appended(orders, rows)}
    return Attacked(tables, attacked.targets, attacked.owners, attacked.n_rows)


def _order_rows(
    tables: Tables, product: Array, member: Array, as_of: datetime, rng: np.random.Generator
) -> dict[str, Any]:
    n, when = len(product), _times(as_of, len(product), rng)
    names, first = np.unique(_texts(tables["offers"], "product_id"), return_index=True)
    price = tables["offers"]["price_minor"].to_numpy()[first]
    arrives = when + np.timedelta64(2 * DAY_S, "s")
    return {
        "order_id": _names("fake-order", n), "order_time": when, "member_id": member, "product_id": product,
        "quantity": np.ones(n, np.int64), "price_minor": price[np.searchsorted(names, product)],
        "delivered_time": arrives, "status": np.full(n, "delivered"),
    }  # fmt: skip


def _unpopular(tables: Tables, as_of: datetime) -> Array:
    """The products of the lower half by orders, one in so many of them."""
    orders = _known(tables["orders"], "order_time", as_of)
    names, counts = np.unique(_texts(orders, "product_id"), return_counts=True)
    low = names[np.argsort(counts, kind="stable")[: max(N_TARGETS, len(names) // 2)]]
    return low[:: max(1, len(low) // N_TARGETS)][:N_TARGETS]


def _worst(tables: Tables, product: Array, as_of: datetime) -> Array:
    """The products with 20 orders or more that came back the most."""
    returns = _known(tables["returns"], "request_time", as_of)
    names, counts = np.unique(product, return_counts=True)
    back = np.zeros(len(names))
    sent, n_back = np.unique(_texts(returns, "product_id"), return_counts=True)
    back[np.searchsorted(names, sent)] = n_back
    rate = np.where(counts >= min(20, counts.max()), back / counts, -1.0)
    return names[np.argsort(-rate, kind="stable")[:N_TARGETS]]


def _usual_price(offers: pa.Table, product: Array) -> Array:
    names, price = _texts(offers, "product_id"), offers["price_minor"].to_numpy().astype(np.float64)
    return np.array([np.median(price[names == p]) if (names == p).any() else 1000.0 for p in product])


def _by_product(table: pa.Table) -> Array:
    return np.argsort(_texts(table, "product_id"), kind="stable")


def _known(table: pa.Table, time: str | None, as_of: datetime) -> pa.Table:
    return table if time is None else table.filter(pc.less_equal(table[time], pa.scalar(as_of)))


def _texts(table: pa.Table, column: str) -> Array:
    return np.asarray(table[column].to_numpy(), dtype=object).astype(str)


def _names(prefix: str, n: int) -> Array:
    return np.array([f"{prefix}-{row:07}" for row in range(n)])


def _times(as_of: datetime, n: int, rng: np.random.Generator) -> Array:
    end = np.datetime64(as_of.replace(tzinfo=None), "us")
    back = (rng.uniform(0.5, DAYS, n) * DAY_S).astype(np.int64)
    return np.sort(end - back.astype("timedelta64[s]"))


def _with(tables: Tables, more: Mapping[str, Any], targets: Array, owners: Array | None = None) -> Attacked:
    changed = {**tables, **{name: _appended(tables[name], rows) for name, rows in more.items()}}
    n_rows = sum(len(changed[name]) - len(tables[name]) for name in more)
    named = () if owners is None else tuple(map(str, owners))
    return Attacked(changed, tuple(map(str, targets)), named, n_rows)


def _appended(table: pa.Table, rows: Mapping[str, Any]) -> pa.Table:
    n = len(next(iter(rows.values())))
    columns = []
    for field in table.schema:
        values = rows.get(field.name)
        if values is None:
            columns.append(pa.nulls(n, field.type))
        elif isinstance(values, pa.ChunkedArray):
            columns.append(values.combine_chunks().cast(field.type))
        else:
            columns.append(pa.array(values).cast(field.type))
    return pa.concat_tables([table, pa.table(columns, schema=table.schema)])
