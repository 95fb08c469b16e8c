"""Whether products are bought again after a moment, and whether those of one group are more than others.

Groups are compared within cells of like products: the difference and the ratio of their rates are pooled over
the cells by the weights of Mantel and Haenszel (1959), with intervals from resampled products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.stats import rankdata

from features.expressions import SECONDS_PER_DAY
from recsys.value import MIN_COMPARABLES

ENTRY_DAYS, FOLLOW_DAYS = 30, 90
N_RESAMPLES, RESAMPLES_AT_ONCE = 1000, 100
N_THIRDS = 3

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rebuys:
    """Per product: households that bought it soon after the cut, and how many of them bought it again."""

    buyers: Floats
    again: Floats


def rebuys_of(product_row: Rows, member_row: Rows, seconds: Floats, n_products: int) -> Rebuys:
    """Buyers within 30 days, and those of them who came back a day to 90 days after their first line.

    One entry per order line; `seconds` after the cut, > 0.
    """
    order = np.lexsort((seconds, member_row, product_row))
    product, member, second = product_row[order], member_row[order], seconds[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (product[1:] != product[:-1]) | (member[1:] != member[:-1])
    pair = np.cumsum(begins) - 1
    first = second[begins]
    gap = second - first[pair]
    again = (gap >= SECONDS_PER_DAY) & (gap <= FOLLOW_DAYS * SECONDS_PER_DAY)
    came_back = np.bincount(pair, again, len(first)) > 0
    entered = first < ENTRY_DAYS * SECONDS_PER_DAY
    return Rebuys(
        np.bincount(product[begins][entered], minlength=n_products).astype(np.float64),
        np.bincount(product[begins][entered & came_back], minlength=n_products).astype(np.float64),
    )


def pooled(weight: Floats, cell: Rows, is_one: Flags, buyers: Floats, again: Floats) -> tuple[Floats, Floats]:
    """Mantel-Haenszel difference and ratio of the two groups' rates over the cells, for each row of weights.

    weight float64 (n_draws, n_products): how often each product was drawn; a cell without one of the groups
    counts nothing.
    """
    n_cells = int(cell.max()) + 1
    place = cell * 2 + is_one
    into = sp.csr_array((np.ones(len(cell)), (np.arange(len(cell)), place)), (len(cell), 2 * n_cells))
    tried, came = (np.asarray((weight * part) @ into) for part in (buyers, again))
    n_other, n_one, came_other, came_one = tried[:, 0::2], tried[:, 1::2], came[:, 0::2], came[:, 1::2]
    total = np.maximum(n_one + n_other, 1.0)
    up, down = (came_one * n_other / total).sum(axis=1), (came_other * n_one / total).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (up - down) / (n_one * n_other / total).sum(axis=1), up / down


def matched(rebuys: Rebuys, cell: Rows, one: Flags, other: Flags, rng: np.random.Generator) -> dict[str, Any]:
    """The rates of two groups of products, and their difference and ratio within cells that have both."""
    both = np.intersect1d(cell[one], cell[other])
    rows = np.flatnonzero((one | other) & np.isin(cell, both))
    found: dict[str, Any] = {
        "n_cells": len(both), "n_one": int(one[rows].sum()), "n_other": int(other[rows].sum()),
        "buyers_one": int(rebuys.buyers[one][np.isin(cell[one], both)].sum()),
        "buyers_other": int(rebuys.buyers[other][np.isin(cell[other], both)].sum()),
    }  # fmt: skip
    if not len(both):
        return found
    place = np.searchsorted(both, cell[rows])
    buyers, again, is_one = rebuys.buyers[rows], rebuys.again[rows], one[rows]
    difference, ratio = pooled(np.ones((1, len(rows))), place, is_one, buyers, again)
    drawn = [
        pooled(
            rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES_AT_ONCE).astype(float),
            place, is_one, buyers, again,
        )
        for _ in range(N_RESAMPLES // RESAMPLES_AT_ONCE)
    ]  # fmt: skip
    ends = np.nanquantile(np.concatenate(drawn, axis=1), [0.025, 0.975], axis=1)
    return found | {
        "rate_one": float(again[is_one].sum() / buyers[is_one].sum()),
        "rate_other": float(again[~is_one].sum() / buyers[~is_one].sum()),
        "difference": [float(difference[0]), *ends[:, 0].tolist()],
        "ratio": [float(ratio[0]), *ends[:, 1].tolist()],
    }


def place_within(values: Floats, group: Rows) -> Floats:
    """The place of each value in its group, ties in the middle, from 0 to 1; NaN in groups under 8."""
    order = np.argsort(group, kind="stable")
    place = np.full(len(values), np.nan)
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows) >= MIN_COMPARABLES:
            place[rows] = (rankdata(values[rows]) - 0.5) / len(rows)
    return place


def thirds(values: Floats, group: Rows, used: Flags) -> Rows:
    """0, 1 or 2 by the place within the group; -1 where not used or in groups of fewer than 8."""
    third = np.full(len(values), -1, dtype=np.int64)
    place = place_within(values[used], group[used])
    third[used] = np.where(
        np.isfinite(place), np.minimum(np.nan_to_num(place) * N_THIRDS, N_THIRDS - 1), -1
    ).astype(np.int64)
    return third
