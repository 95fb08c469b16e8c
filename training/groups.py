"""P(a group fills by its deadline) for an owner who opens it.

A group's rate is that of its category and size, shrunk to its size, shrunk to all (Beta priors); on it stands
what is known of the owner's circle: her successes beyond what her groups let expect, over the number of her
groups plus the weight of the prior (the posterior mean of a Beta-Binomial; the weight is the one that makes
the owners' counts likeliest). A failed group is evidence about the circle: it counts against the product's
category only as far as her other groups say that she could have filled it. A success speaks for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.columns.groups import OPEN, SUCCEEDED, GroupBuys
from recsys.quality import log_likelihood
from recsys.sparse import CsrView

Doubles = npt.NDArray[np.float64]

CELL_PRIOR = 10.0  # groups that the rate of a size is worth in a category's cell
SIZE_PRIOR = 20.0
WEIGHTS = np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
LOWEST, HIGHEST = 0.005, 0.995


@dataclass(frozen=True, slots=True, eq=False)
class GroupOdds:
    """sizes int32 (n_sizes,); rate float32 (n_categories, n_sizes); shift float32 (n_owners,)."""

    sizes: npt.NDArray[np.int32]
    rate: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]


def group_odds(
    groups: GroupBuys, category_row: npt.NDArray[np.int32], n_categories: int, n_owners: int
) -> GroupOdds:
    """Fitted on the groups whose time is over; owners without one have a shift of 0."""
    over = groups.outcome != OPEN
    filled = (groups.outcome[over] == SUCCEEDED).astype(np.float64)
    sizes, size = np.unique(groups.required[over], return_inverse=True)
    if not len(sizes):
        return GroupOdds(
            sizes.astype(np.int32), np.zeros((n_categories, 0), dtype=np.float32),
            np.zeros(n_owners, dtype=np.float32),
        )  # fmt: skip
    category = category_row[groups.product_row[over]].astype(np.int64)
    owner = groups.owner_row[over].astype(np.int64)
    overall = _shrunk(filled.sum(), float(len(filled)), 0.5, 2.0)
    n_sizes = len(sizes)
    of_size = _shrunk(_sums(size, filled, n_sizes), _sums(size, None, n_sizes), overall, SIZE_PRIOR)
    # who could have filled a group at all: an owner's rate against what the sizes let expect
    first = _shift(owner, filled, of_size[size], n_owners)
    could = np.where(owner >= 0, (of_size[size] + first[owner]) / of_size[size], 1.0)
    weight = np.where(filled > 0, 1.0, np.clip(could, 0.0, 1.0))
    cell = category * n_sizes + size
    n_cells = n_categories * n_sizes
    successes, weights = _sums(cell, filled, n_cells), _sums(cell, weight, n_cells)
    rate = _shrunk(successes, weights, np.tile(of_size, n_categories), CELL_PRIOR)
    shift = _shift(owner, filled, rate[cell], n_owners)
    return GroupOdds(
        sizes.astype(np.int32), rate.reshape(n_categories, n_sizes).astype(np.float32),
        shift.astype(np.float32),
    )  # fmt: skip


def one_short(groups: GroupBuys, n_owners: int, n_products: int) -> CsrView:
    """Open groups that lack one member, owners × products; extra required int32, expire_time int64 µs."""
    short = (groups.outcome == OPEN) & (groups.required - groups.n_joined == 1) & (groups.owner_row >= 0)
    at = np.flatnonzero(short)
    # of two such groups of one product, the one that ends first
    at = at[np.lexsort((groups.expire_time[at], groups.product_row[at], groups.owner_row[at]))]
    owner, product = groups.owner_row[at].astype(np.int64), groups.product_row[at]
    first = np.r_[True, (owner[1:] != owner[:-1]) | (product[1:] != product[:-1])][: len(at)]
    at, owner, product = at[first], owner[first], product[first]
    indptr = np.zeros(n_owners + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=n_owners), out=indptr[1:])
    extra = {
        "required": groups.required[at].astype(np.int32),
        "expire_time": groups.expire_time[at].astype(np.int64),
    }
    return CsrView(indptr, product.astype(np.int32), np.ones(len(at), dtype=np.float32), n_products, extra)


def _shift(owner: npt.NDArray[np.int64], filled: Doubles, expected: Doubles, n_owners: int) -> Doubles:
    """(successes - expected) / (groups + prior weight) of each owner."""
    known = owner >= 0
    owner, filled, expected = owner[known], filled[known], expected[known]
    n = _sums(owner, None, n_owners)
    won, hoped = _sums(owner, filled, n_owners), _sums(owner, expected, n_owners)
    shift: Doubles = (won - hoped) / (n + _prior_weight(n, won, hoped))
    return shift


def _prior_weight(n: Doubles, won: Doubles, hoped: Doubles) -> float:
    """The Beta-Binomial weight of the prior under which the owners' successes are likeliest."""
    seen = n > 0
    if not seen.any():
        return float(WEIGHTS[-1])
    n, won = n[seen], won[seen]
    mean = np.clip(hoped[seen] / n, LOWEST, HIGHEST)
    fits = [log_likelihood(won, n, mean, weight) for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(fits))])


def _shrunk(successes: Any, n: Any, prior: Any, weight: float) -> Any:
    return (successes + weight * prior) / (n + weight)


def _sums(rows: npt.NDArray[Any], values: Doubles | None, n: int) -> Doubles:
    return np.bincount(rows, values, minlength=n).astype(np.float64)
