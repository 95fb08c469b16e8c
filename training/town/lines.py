"""Order lines of a day: through shares, through groups, and what members buy on their own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.town import behaviour
from training.town.config import DAY_US
from training.town.draw import Array, by_row, gumbel
from training.town.sharing import SECOND_US, Responses, Shares
from training.town.state import State, days_since
from training.town.town import Town

BASKETS_PER_CHUNK = 40_000
LOYAL_PART = 0.6  # of consumables bought again from the same product when the last one ended well
PARTNER_PART, SECOND_PART = 0.3, 0.12  # of baskets: the partner product too; something else too
SHARED_PARTNER_PART = 0.15  # the partner product beside a shared one
SHOP_PART = 0.25  # of own baskets made in the shop of an owner she knows
SELF_PART = 0.004  # of shares that the owner buys through herself
TEST_PART = 0.0002  # of lines that are test orders of 1 minor unit


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines; -1 stands for "none"; `circle_row` is the tie that a shared line came through."""

    order: NDArray[np.int64]
    time_us: NDArray[np.int64]
    member: NDArray[np.int64]
    product: NDArray[np.int64]
    quantity: NDArray[np.int64]
    price_minor: NDArray[np.int64]  # of one piece
    owner: NDArray[np.int64]
    share: NDArray[np.int64]  # its number
    group: NDArray[np.int64]
    circle_row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def where(self, rows: Array) -> Lines:
        """These rows only."""
        return Lines(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


class Buys(NamedTuple):
    """Friends who bought from a share; `share` is the row in the day's Shares."""

    share: NDArray[np.int64]
    circle_row: NDArray[np.int64]
    member: NDArray[np.int64]
    order_us: NDArray[np.int64]


def join(parts: list[Lines]) -> Lines:
    """The lines of all parts, one after the other (at least one part)."""
    return Lines(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Lines)})


def make_lines(
    order: Array, time_us: Array, member: Array, product: Array, quantity: Array, price_minor: Array,
    owner: Array | int = -1, share: Array | int = -1, group: Array | int = -1, circle_row: Array | int = -1,
) -> Lines:  # fmt: skip
    """Lines from columns; single numbers hold for all rows."""
    n = len(order)
    columns = (order, time_us, member, product, quantity, price_minor, owner, share, group, circle_row)
    full = [np.broadcast_to(np.asarray(c), n).astype(np.int64) for c in columns]
    return Lines(*full)


def buys_of(town: Town, shares: Shares, responses: Responses) -> Buys:
    """Who bought, where the product could be had at that moment and the town had not ended."""
    bought = np.flatnonzero(responses.bought & (responses.order_us < town.config.end_us))
    share, time_us = responses.share[bought], responses.order_us[bought]
    kept = town.products.sellable(shares.product[share], day_of(town, time_us))
    rows = bought[kept]
    return Buys(responses.share[rows], responses.circle_row[rows], responses.member[rows], time_us[kept])


def day_of(town: Town, time_us: Array) -> NDArray[np.int64]:
    """The town's day of each instant."""
    return np.asarray((time_us - town.config.start_us) // DAY_US)


def shared_lines(town: Town, state: State, shares: Shares, buys: Buys, rng: np.random.Generator) -> Lines:
    """Lines of shares that opened no group, with a partner product beside some, and owners' own purchases."""
    product, order = shares.product[buys.share], state.take_numbers("orders", len(buys.share))
    owner = shares.owner[buys.share]
    price = town.prices.paid_at(product, day_of(town, buys.order_us))
    first = make_lines(
        order, buys.order_us, buys.member, product, _quantities(town, product, rng), price, owner,
        shares.number[buys.share], circle_row=buys.circle_row,
    )  # fmt: skip
    beside = first.where(np.flatnonzero(rng.random(len(first)) < SHARED_PARTNER_PART))
    return join([first, _partners_of(town, beside, rng), _own_purchases(town, state, shares, rng)])


def _partners_of(town: Town, lines: Lines, rng: np.random.Generator) -> Lines:
    """The partner product in the same order, where there is one to be had; it came through no share."""
    partner = town.products.partner[lines.product]
    days = day_of(town, lines.time_us)
    rows = np.flatnonzero((partner >= 0) & town.products.sellable(partner, days))
    partner = partner[rows]
    return make_lines(
        lines.order[rows], lines.time_us[rows], lines.member[rows], partner, _quantities(town, partner, rng),
        town.prices.paid_at(partner, days[rows]), lines.owner[rows],
    )  # fmt: skip


def _own_purchases(town: Town, state: State, shares: Shares, rng: np.random.Generator) -> Lines:
    """Some owners buy through their own link."""
    member = town.owners.member[shares.owner]
    time_us = shares.time_us + (rng.exponential(1800, len(shares)) * SECOND_US).astype(np.int64) + SECOND_US
    chosen = (rng.random(len(shares)) < SELF_PART) & (member >= 0) & (time_us < town.config.end_us)
    chosen &= town.products.sellable(shares.product, day_of(town, time_us))
    rows = np.flatnonzero(chosen)
    product, time_us = shares.product[rows], time_us[rows]
    return make_lines(
        state.take_numbers("orders", len(rows)), time_us, member[rows], product,
        _quantities(town, product, rng), town.prices.paid_at(product, day_of(town, time_us)),
        shares.owner[rows], shares.number[rows],
    )  # fmt: skip


def _quantities(town: Town, product: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    several = town.leaves.consumable[town.products.leaf[product]] & (rng.random(len(product)) < 0.2)
    return np.where(several, rng.integers(2, 4, len(product)), 1)


def own_lines(town: Town, state: State, day: int, n_baskets: int, rng: np.random.Generator) -> Lines:
    """What members buy on their own: by need, season and taste, again what was good, and what goes along."""
    cumulative = np.cumsum(town.members.activity)
    everyday = np.searchsorted(cumulative, rng.random(n_baskets) * cumulative[-1]).astype(np.int64)
    everyday = np.minimum(everyday, len(town.members) - 1)
    log_ratio = town.log_price_ratio(day)
    parts = [
        _own_chunk(town, state, day, everyday[begin : begin + BASKETS_PER_CHUNK], log_ratio, rng)
        for begin in range(0, max(n_baskets, 1), BASKETS_PER_CHUNK)
    ]
    return join(parts)


def _own_chunk(
    town: Town, state: State, day: int, member: Array, log_ratio: Array, rng: np.random.Generator
) -> Lines:
    leaves, taste = town.leaves, town.members.taste[member]
    liking = np.exp(behaviour.LEAF_TASTE * (taste @ leaves.vector.T) + leaves.popularity.astype(np.float32))
    since = days_since(state.last_day[member], day)
    needed = behaviour.need(since, leaves.interval_days.astype(np.float32), leaves.consumable)
    wanted = liking * needed**behaviour.OWN_NEED * town.seasonal(day)
    leaf = by_row(wanted, rng)
    product = _choose_products(town, state, day, member, leaf, log_ratio, rng)
    slot = rng.choice(3, size=len(member), p=[0.25, 0.3, 0.45])
    seconds = np.clip(np.array([1.0, 5.0, 12.5])[slot] * 3600 + rng.normal(0, 5000, len(member)), 0, 86_399)
    time_us = town.config.start_us + day * DAY_US + (seconds * SECOND_US).astype(np.int64)
    found = np.flatnonzero(product >= 0)
    order = state.take_numbers("orders", len(found))
    member, product, time_us = member[found], product[found], time_us[found]
    owner = _shops(town, state, day, member, rng)
    first = make_lines(
        order, time_us, member, product, _quantities(town, product, rng),
        town.prices.paid_at(product, day), owner,
    )  # fmt: skip
    beside = first.where(np.flatnonzero(rng.random(len(first)) < PARTNER_PART))
    rows = np.flatnonzero(rng.random(len(first)) < SECOND_PART)
    other_leaf = by_row(wanted[found[rows]], rng)
    other = _choose_products(town, state, day, member[rows], other_leaf, log_ratio, rng)
    rows, other = rows[other >= 0], other[other >= 0]
    second = make_lines(
        order[rows], time_us[rows], member[rows], other, _quantities(town, other, rng),
        town.prices.paid_at(other, day), owner[rows],
    )  # fmt: skip
    return join([first, _partners_of(town, beside, rng), second])


def _choose_products(
    town: Town, state: State, day: int, member: Array, leaf: Array, log_ratio: Array, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Of each member's leaf: the one that was good last time or the best of eight; -1: none."""
    products = town.products
    choices = state.by_popularity.draw(leaf, rng, n_each=8)
    affinity = np.einsum("nk,nck->nc", town.members.taste[member], products.vector[choices])
    fit = behaviour.price_fit(
        log_ratio[choices],
        town.members.budget[member][:, None],
        town.members.price_sensitivity[member][:, None],
    )
    appeal = behaviour.PRODUCT_TASTE * affinity + fit + gumbel(choices.shape, rng)
    appeal = np.where(products.sellable(choices, day), appeal, -np.inf)
    best, rows = appeal.argmax(axis=1), np.arange(len(member))
    chosen = np.where(np.isfinite(appeal[rows, best]), choices[rows, best], -1)
    last = state.last_product[member, leaf].astype(np.int64)
    again = (last >= 0) & town.leaves.consumable[leaf] & (rng.random(len(member)) < LOYAL_PART)
    again &= products.sellable(last, day)
    return np.where(again, last, chosen)


def _shops(town: Town, state: State, day: int, member: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """The owner in whose shop each basket is made, -1 for most."""
    first, last = state.member_starts[member], state.member_starts[member + 1]
    place = first + (rng.random(len(member)) * (last - first)).astype(np.int64)
    known = (last > first) & (rng.random(len(member)) < SHOP_PART)
    owner = np.full(len(member), -1, dtype=np.int64)
    rows = state.rows_by_member[place[known]]
    begun = town.circle.since_day[rows] < day
    owner[known] = np.where(begun, town.circle.owner[rows], -1)
    return owner


def till_trials(town: Town, state: State, day: int, n_lines: int, rng: np.random.Generator) -> Lines:
    """Now and then somebody tries the till with an order of 1 minor unit; at least once in the middle."""
    n = int(rng.poisson(TEST_PART * n_lines)) + int(day == town.config.n_days // 2)
    product = rng.integers(len(town.products), size=n)
    product = product[town.products.available_day[product] <= day]
    n = len(product)
    time_us = town.config.start_us + day * DAY_US + rng.integers(DAY_US // SECOND_US, size=n) * SECOND_US
    member = rng.integers(len(town.members), size=n)
    ones = np.ones(n, dtype=np.int64)
    return make_lines(state.take_numbers("orders", n), time_us, member, product, ones, ones)
