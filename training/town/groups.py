"""Group buys: a share in a group chat opens one, friends join until it fills or its day is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.town.config import DAY_US
from training.town.draw import Array
from training.town.lines import Buys, Lines, make_lines
from training.town.sharing import SECOND_US, Shares
from training.town.state import State
from training.town.town import Town

FAILED, OPEN, SUCCEEDED = 0, 1, 2
STATUS_WORDS = ("failed", "open", "succeeded")


@dataclass(frozen=True, slots=True)
class Groups:
    """A day's group buys; `share` is the row in the day's Shares."""

    number: NDArray[np.int64]
    share: NDArray[np.int64]
    required: NDArray[np.int64]
    price_minor: NDArray[np.int64]
    status: NDArray[np.int64]
    expire_us: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Joins:
    """Who joined; `order` is -1 where the group did not fill."""

    group: NDArray[np.int64]
    member: NDArray[np.int64]
    join_us: NDArray[np.int64]
    order: NDArray[np.int64]


def settle_groups(
    town: Town, state: State, shares: Shares, buys: Buys, day: int
) -> tuple[Groups, Joins, Lines]:
    """Open a group for each share that wants one, let its buyers join, and order where it fills."""
    opened = np.flatnonzero(shares.opens_group)
    offer = town.prices.rows_at(shares.product[opened], day)
    required, price = town.prices.group_size[offer], town.prices.group_price_minor[offer]
    expire_us = shares.time_us[opened] + DAY_US
    number = state.take_numbers("groups", len(opened))

    group = np.searchsorted(opened, buys.share)
    in_time = buys.order_us <= expire_us[group] if len(opened) else np.zeros(0, dtype=bool)
    order_of = np.lexsort((buys.order_us[in_time], group[in_time]))
    rows = np.flatnonzero(in_time)[order_of]
    group, join_us = group[rows], buys.order_us[rows]
    n_joined = np.bincount(group, minlength=len(opened))
    filled = n_joined >= required
    first = np.searchsorted(group, np.arange(len(opened)))
    fill_us = np.zeros(len(opened), dtype=np.int64)
    fill_us[filled] = join_us[first[filled] + required[filled] - 1]
    still_open = ~filled & (expire_us >= town.config.end_us)
    status = np.where(filled, SUCCEEDED, np.where(still_open, OPEN, FAILED))

    orders = np.full(len(rows), -1, dtype=np.int64)
    buying = filled[group]
    orders[buying] = state.take_numbers("orders", int(buying.sum()))
    time_us = np.minimum(np.maximum(join_us, fill_us[group]) + SECOND_US, town.config.end_us - 1)
    lines = _group_lines(town, shares, buys, opened, group, rows, orders, time_us, price, number)
    groups = Groups(number, opened, required, price, status, expire_us)
    return groups, Joins(number[group], buys.member[rows], join_us, orders), lines


def _group_lines(
    town: Town, shares: Shares, buys: Buys, opened: Array, group: Array, rows: Array, orders: Array,
    time_us: Array, price: Array, number: Array,
) -> Lines:  # fmt: skip
    kept = np.flatnonzero(orders >= 0)
    group, rows = group[kept], rows[kept]
    share = opened[group]
    return make_lines(
        orders[kept], time_us[kept], buys.member[rows], shares.product[share],
        np.ones(len(kept), dtype=np.int64), price[group], shares.owner[share], shares.number[share],
        number[group], buys.circle_row[rows],
    )  # fmt: skip
