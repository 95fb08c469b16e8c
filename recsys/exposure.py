"""Caps on exposure: who gives a product up so that no product stands in too many lists, at the least cost.

Each owner brings a pool, longer than the list she is to get, with what each product is worth to her. A cap
says of how many places a group of products (one product, one supplier) may have. Taking from a full product
whoever asks last is costly: she may lose her best pick while another keeps what she hardly wants. So each
group that is asked for too often gets a price, the lowest at which it is asked for no more often than it may
(the dual of the assignment problem; each group's price by the marginal bid, as in Bertsekas's auction). Then
the places are given away, a full group keeping those who lose most without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.pairs import places_within
from recsys.selection import relative_to_best

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

N_ROUNDS = 20
STEP = 0.5  # of the way to the price that would be right if no other price moved
SETTLED = 1e-7  # no price moved more: they are found
GONE = np.float32(-np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What each owner could be shown, best first.

    product int32 (n_owners, depth), -1 where her pool is shorter; utility float32 of the same shape: what a
    place is worth to her, in a measure in which all owners count alike.
    """

    product: Rows
    utility: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """group int32 (n_products,): what is counted together, -1: not counted; n_places each group may have."""

    group: Rows
    n_places: int


def pool_of(owner: npt.NDArray[Any], place: npt.NDArray[Any], product: Rows, utility: Floats) -> Pool:
    """The pools of pairs: owner 0, 1, 2 …, place from 0, what is there, what it is worth; all (n_pairs,)."""
    shape = (int(owner.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    pool = Pool(np.full(shape, -1, dtype=np.int32), np.zeros(shape, dtype=np.float32))
    pool.product[owner, place], pool.utility[owner, place] = product, utility
    return pool


def utility_of(owner: Rows, score: Floats, worth: Floats | None) -> Floats:
    """What each place is worth to its owner, float32 (n_pairs,), adding up to 1 over each owner's pool.

    Her share of expected good value; where the ranker alone decides, of e^score: the score of a ranker that
    learned from pairs is the logarithm of a chance, up to a constant of each owner.
    """
    if worth is None:
        worth = relative_to_best(owner, score)
    total = np.bincount(owner, weights=worth)
    return (worth / np.maximum(total, 1e-12)[owner]).astype(np.float32)


def assign(pool: Pool, n: int, caps: Sequence[Cap], n_rounds: int = N_ROUNDS) -> Mask:
    """Which places of the pools become the lists: bool (n_owners, depth), at most n an owner.

    No group has more places than its cap. An owner whose pool is used up gets a shorter list.
    """
    groups = [_groups_of(pool, cap) for cap in caps]
    prices = [np.zeros(int(cap.group.max(initial=-1)) + 1, dtype=np.float32) for cap in caps]
    for _ in range(n_rounds):
        moved = 0.0
        for at, cap in enumerate(caps):  # one kind after the other, each seeing the prices before it
            asked = _after_prices(pool, groups, prices)
            bid = asked - _without(asked, n) + _price_at(groups[at], prices[at])
            marginal = _marginal_bid(groups[at], bid, cap.n_places, len(prices[at]))
            moved = max(moved, float(np.abs(marginal - prices[at]).max(initial=0)))
            prices[at] += STEP * (marginal - prices[at])
        if moved < SETTLED:
            break
    return _given_away(pool, n, caps, groups, _after_prices(pool, groups, prices))


def after_greedy(pool: Pool, n: int, caps: Sequence[Cap]) -> Mask:
    """The plain post-filter to compare with: owner after owner takes the best that is left. Row by row."""
    chosen = np.zeros(pool.product.shape, dtype=bool)
    groups = [_groups_of(pool, cap) for cap in caps]
    left = [np.full(int(cap.group.max(initial=-1)) + 1, cap.n_places) for cap in caps]
    for owner in range(len(pool.product)):
        n_taken = 0
        for place in range(pool.product.shape[1]):
            of_place = [int(group[owner, place]) for group in groups]
            if pool.product[owner, place] < 0 or n_taken == n:
                break
            if all(g < 0 or left[at][g] > 0 for at, g in enumerate(of_place)):
                for at, g in enumerate(of_place):
                    left[at][g] -= g >= 0
                chosen[owner, place] = True
                n_taken += 1
    return chosen


def _groups_of(pool: Pool, cap: Cap) -> Rows:
    return np.where(pool.product >= 0, cap.group[np.maximum(pool.product, 0)], -1).astype(np.int32)


def _price_at(group: Rows, price: Floats) -> Floats:
    if not len(price):
        return np.zeros(group.shape, dtype=np.float32)
    return np.where(group >= 0, price[np.maximum(group, 0)], 0).astype(np.float32)


def _after_prices(pool: Pool, groups: Sequence[Rows], prices: Sequence[Floats]) -> Floats:
    """What each place is worth after its prices; -inf where there is none."""
    left = pool.utility.copy()
    for group, price in zip(groups, prices, strict=True):
        left -= _price_at(group, price)
    return np.where(pool.product >= 0, left, GONE).astype(np.float32)


def _without(asked: Floats, n: int) -> Floats:
    """What her last place would be worth if she could not have this one: float32, the shape of `asked`."""
    depth = asked.shape[1]
    if depth <= n:
        return np.full(asked.shape, 0, dtype=np.float32)
    top = -np.partition(-asked, (n - 1, n), axis=1)
    last, next_best = top[:, n - 1 : n], np.maximum(top[:, n : n + 1], -1)
    return np.where(asked >= last, next_best, last).astype(np.float32)


def _marginal_bid(group: Rows, bid: Floats, n_places: int, n_groups: int) -> Floats:
    """The highest bid of each group that must go without a place, 0 where none must; float32 (n_groups,)."""
    found = np.zeros(n_groups, dtype=np.float32)
    wanted = (group >= 0) & (bid > 0)
    of, bids = group[wanted], bid[wanted]
    crowded = np.bincount(of, minlength=n_groups) > n_places
    kept = crowded[of]
    of, bids = of[kept], bids[kept]
    order = np.lexsort((-bids, of))
    starts = np.searchsorted(of[order], np.flatnonzero(crowded))
    found[crowded] = bids[order][starts + n_places]
    return found


def _given_away(
    pool: Pool, n: int, caps: Sequence[Cap], groups: Sequence[Rows], asked: Floats
) -> npt.NDArray[Any]:
    """Everybody asks for her n best; a group that is full keeps those who lose most; the others ask again.

    What was refused stays refused, so it ends; a group once full stays full (deferred acceptance, Gale and
    Shapley 1962).
    """
    asked = asked.copy()
    while True:
        chosen = _best(asked, n)
        loss = asked - _without(asked, n)
        refused = np.zeros(asked.shape, dtype=bool)
        for group, cap in zip(groups, caps, strict=True):
            owner, place = np.nonzero(chosen & (group >= 0) & ~refused)
            of = group[owner, place]
            order = np.lexsort((place, owner, -loss[owner, place], of))
            over = order[places_within(of[order]) >= cap.n_places]
            refused[owner[over], place[over]] = True
        if not refused.any():
            return chosen
        asked[refused] = GONE


def _best(asked: Floats, n: int) -> Mask:
    """The n best of each row that are there, ties by the earlier place."""
    depth = asked.shape[1]
    order = np.argsort(-asked, axis=1, kind="stable")[:, : min(n, depth)]
    chosen = np.zeros(asked.shape, dtype=bool)
    np.put_along_axis(chosen, order, True, axis=1)
    found: Mask = chosen & (asked > GONE)
    return found
