"""One day of sharing: what owners put before their circles, and what their friends do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.town import behaviour
from training.town.config import DAY_US, MAX_SHARES_PER_OWNER_DAY
from training.town.draw import Array, by_row, gumbel
from training.town.state import State, days_since
from training.town.town import Town

SECOND_US = 1_000_000
SLOT_HOURS = np.array([0.0, 4.0, 12.0])  # UTC; 8, 12 and 20 o'clock in China
PAIRS_PER_CHUNK = 1_500_000
COPY_PART = 0.08  # of shares that pass on the upline's last one
GROUP_PART = 0.5  # of group-channel shares with a group price that open a group buy
MUTE_RATE = 0.004


@dataclass(frozen=True, slots=True)
class Shares:
    """A day's shares, one row each, in the order of time; numbers are positions in the whole history."""

    number: NDArray[np.int64]
    owner: NDArray[np.int64]
    product: NDArray[np.int64]
    channel: NDArray[np.int64]
    scene: NDArray[np.int64]
    time_us: NDArray[np.int64]
    rank_in_day: NDArray[np.int64]
    recipient_row: NDArray[np.int64]  # circle row of a private share; -1: everybody
    parent: NDArray[np.int64]  # -1: none
    opens_group: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True)
class Responses:
    """Friends who saw a share, one row each; `share` is the row in the day's Shares."""

    share: NDArray[np.int64]
    circle_row: NDArray[np.int64]
    member: NDArray[np.int64]
    see_us: NDArray[np.int64]
    click_us: NDArray[np.int64]
    cart_us: NDArray[np.int64]
    order_us: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    carted: NDArray[np.bool_]
    bought: NDArray[np.bool_]
    muted: NDArray[np.bool_]


def plan_shares(town: Town, state: State, day: int, n_wanted: float, rng: np.random.Generator) -> Shares:
    """About `n_wanted` shares of owners who have joined and know somebody."""
    owners, config = town.owners, town.config
    ready = (owners.joined_day < day) & (np.diff(state.circle_starts) > 0)
    weights = np.where(ready, owners.activity, 0.0)
    rate = n_wanted * weights / max(weights.sum(), 1e-9)
    counts = np.minimum(rng.poisson(rate), MAX_SHARES_PER_OWNER_DAY)
    owner = np.repeat(np.arange(len(owners)), counts)
    slot = rng.choice(3, size=len(owner), p=[0.3, 0.25, 0.45])
    seconds = SLOT_HOURS[slot] * 3600 + np.clip(rng.normal(1800, 1500, len(owner)), 0, 7000)
    time_us = config.start_us + day * DAY_US + (seconds * SECOND_US).astype(np.int64)
    scene = behaviour.scene_of(config.day_of_year(day), (config.start.weekday() + day) % 7, slot)
    product = _choose_products(town, state, day, owner, scene, rng)
    product, parent = _copy_uplines(town, state, day, owner, product, rng)
    keep = np.flatnonzero(product >= 0)
    keep = keep[np.argsort(time_us[keep], kind="stable")]
    owner, product, scene, time_us, parent = (a[keep] for a in (owner, product, scene, time_us, parent))
    channel = rng.choice(len(behaviour.CHANNEL_PART), size=len(owner), p=behaviour.CHANNEL_PART)
    has_group = town.prices.group_size[town.prices.rows_at(product, day)] > 1
    shares = Shares(
        number=state.take_numbers("shares", len(owner)),
        owner=owner,
        product=product,
        channel=channel,
        scene=scene,
        time_us=time_us,
        rank_in_day=_rank_within(owner),
        recipient_row=_choose_recipients(town, state, owner, product, channel, rng),
        parent=parent,
        opens_group=has_group & (channel == behaviour.GROUP) & (rng.random(len(owner)) < GROUP_PART),
    )
    state.last_share[owner], state.last_shared[owner] = shares.number, product
    state.last_shared_day[owner] = day
    return shares


def _choose_products(
    town: Town, state: State, day: int, owner: Array, scene: Array, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A product per share: by her style and the scene, and by commission where she is greedy; -1: none."""
    leaves, products = town.leaves, town.products
    taste = town.owners.taste[owner]
    liking = behaviour.LEAF_TASTE * (taste @ leaves.vector.T) + leaves.popularity.astype(np.float32)
    liking += 0.5 * town.scene_logit[scene][:, leaves.top]
    leaf = by_row(np.exp(liking) * town.seasonal(day).astype(np.float32), rng)
    choices = state.by_popularity.draw(leaf, rng, n_each=12)
    affinity = np.einsum("nk,nck->nc", taste, products.vector[choices])
    greed = town.owners.greed[owner][:, None] * 6 * products.commission_rate[choices]
    appeal = behaviour.PRODUCT_TASTE * affinity + greed + 1.2 * gumbel(choices.shape, rng)
    appeal = np.where(products.sellable(choices, day), appeal, -np.inf)
    best = appeal.argmax(axis=1)
    rows = np.arange(len(owner))
    return np.where(np.isfinite(appeal[rows, best]), choices[rows, best], -1)


def _copy_uplines(
    town: Town, state: State, day: int, owner: Array, product: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some shares pass on what the owner's upline shared within a week."""
    upline = town.owners.upline[owner]
    recent = day - state.last_shared_day[upline].astype(np.int64) <= 7
    copied = state.last_shared[upline].astype(np.int64)
    copies = (upline >= 0) & recent & (rng.random(len(owner)) < COPY_PART)
    copies &= town.products.sellable(copied, day)
    return np.where(copies, copied, product), np.where(copies, state.last_share[upline], -1)


def _rank_within(owner: Array) -> NDArray[np.int64]:
    """How many earlier rows have the same owner."""
    order = np.argsort(owner, kind="stable")
    ordered = owner[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.empty(len(owner), dtype=np.int64)
    rank[order] = np.arange(len(owner)) - first
    return rank


def _choose_recipients(
    town: Town, state: State, owner: Array, product: Array, channel: Array, rng: np.random.Generator
) -> NDArray[np.int64]:
    """For private shares, the friend she thinks it suits best among four who come to her mind."""
    recipient = np.full(len(owner), -1, dtype=np.int64)
    private = np.flatnonzero(channel == behaviour.PRIVATE)
    first, last = state.circle_starts[owner[private]], state.circle_starts[owner[private] + 1]
    rows = first[:, None] + (rng.random((len(private), 4)) * (last - first)[:, None]).astype(np.int64)
    affinity = np.einsum(
        "nk,nck->nc", town.products.vector[product[private]], town.members.taste[town.circle.member[rows]]
    )
    suits = 3 * affinity + 2 * state.tie[rows] + gumbel(rows.shape, rng)
    recipient[private] = rows[np.arange(len(private)), suits.argmax(axis=1)]
    return recipient


def respond(
    town: Town, state: State, shares: Shares, day: int, rng: np.random.Generator
) -> Iterator[Responses]:
    """What the circles do with the shares, in chunks of bounded size."""
    first = np.where(shares.recipient_row >= 0, shares.recipient_row, state.circle_starts[shares.owner])
    last = np.where(
        shares.recipient_row >= 0, shares.recipient_row + 1, state.circle_starts[shares.owner + 1]
    )
    n_pairs = np.concatenate([[0], np.cumsum(last - first)])
    begin = 0
    log_ratio, seasonal = town.log_price_ratio(day), town.seasonal(day).astype(np.float32)
    while begin < len(shares):
        end = int(np.searchsorted(n_pairs, n_pairs[begin] + PAIRS_PER_CHUNK, side="right")) - 1
        end = min(max(end, begin + 1), len(shares))
        counts = (last - first)[begin:end]
        share = np.repeat(np.arange(begin, end), counts)
        circle_row = np.arange(len(share)) + np.repeat(
            first[begin:end] - (n_pairs[begin:end] - n_pairs[begin]), counts
        )
        yield _respond_chunk(town, state, shares, day, share, circle_row, log_ratio, seasonal, rng)
        begin = end


def _respond_chunk(
    town: Town, state: State, shares: Shares, day: int, share: Array, circle_row: Array, log_ratio: Array,
    seasonal: Array, rng: np.random.Generator,
) -> Responses:  # fmt: skip
    tie = np.where(town.circle.since_day[circle_row] < day, state.tie[circle_row], 0)
    reach = behaviour.REACH[shares.channel[share]]
    see = behaviour.p_see(tie, reach, shares.rank_in_day[share])
    seen = np.flatnonzero(rng.random(len(share), dtype=np.float32) < see)
    share, circle_row, tie = share[seen], circle_row[seen], tie[seen]
    member = town.circle.member[circle_row].astype(np.int64)
    product, owner = shares.product[share], shares.owner[share]
    leaf = town.products.leaf[product]
    affinity = np.einsum("nk,nk->n", town.members.taste[member], town.products.vector[product])
    grouped = shares.opens_group[share]
    ratio = log_ratio[product] - np.where(grouped, np.float32(0.15), np.float32(0))
    response = behaviour.share_response(
        affinity=affinity,
        tie=tie,
        influence=town.owners.influence[owner, town.leaves.top[leaf]],
        fit=behaviour.price_fit(ratio, town.members.budget[member], town.members.price_sensitivity[member]),
        needed=behaviour.need(
            days_since(state.last_day[member, leaf], day),
            town.leaves.interval_days[leaf],
            town.leaves.consumable[leaf],
        ),
        seasonal=seasonal[leaf],
        appeal=town.products.popularity[product],
        scene=town.scene_logit[shares.scene[share], town.leaves.top[leaf]] + behaviour.GROUP_PULL * grouped,
    )
    n = len(share)
    chance = rng.random((4, n), dtype=np.float32)
    clicked = chance[0] < response.click
    bought = clicked & (chance[1] < response.buy)
    see_us = shares.time_us[share] + _seconds(rng.exponential(9000, n) + 1)
    click_us = see_us + _seconds(rng.uniform(2, 90, n))
    cart_us = click_us + _seconds(rng.uniform(5, 600, n))
    return Responses(
        share=share,
        circle_row=circle_row,
        member=member,
        see_us=see_us,
        click_us=click_us,
        cart_us=cart_us,
        order_us=cart_us + _seconds(rng.exponential(600, n) + 5),
        clicked=clicked,
        carted=clicked & (chance[2] < np.where(bought, 0.8, 0.12)),
        bought=bought,
        muted=~clicked & (chance[3] < MUTE_RATE * np.exp(-3 * affinity)),
    )


def _seconds(seconds: Array) -> NDArray[np.int64]:
    return (seconds * SECOND_US).astype(np.int64)
