"""Good value: quality for the price really paid, against products like it.

    u = λ · logit(quality) − log(unit price),    value_score = mean over comparables of P(u_i > u_j)

`u` is uncertain because quality is: its spread is that of logit(quality). λ is what a category pays for
quality. 0.5 is typical; little evidence pulls to 0.5 by itself. All arrays have one entry per product.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from recsys.quality import NORMAL_BAD_SIDE, Floats, Quality
from recsys.sparse import CsrView

UNITS = ("g", "ml", "piece")
NO_UNIT = -1
MIN_COMPARABLES = 8
MAX_COMPARABLES = 200
MIN_MATURE = 20
BADGE_VALUE_LOW = 0.6
PROMISING_VALUE = 0.6
PROVEN_LINES = 100  # mature lines after which a supplier may vouch for what is new
BAD_TIMES = 3.0  # the floor of quality: three times as bad as is usual in the category
NO_BADGE, GOOD_VALUE, PROMISING = 0, 1, 2
BADGES = (None, "good_value", "promising")
SAME_PRICE = 1e-9  # 5 · 1.99 over 5 · 340.194 g is the same price by the gram, whatever the last bit says
CHUNK = 8_192

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Comparables:
    """Which products each is compared with: its set, less itself.

    set_row int32 (n_products,), -1: not enough comparables; sets: CSR (n_sets, n_products).
    """

    set_row: Rows
    sets: CsrView


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """NaN where there is no score; n_comparables int32."""

    value_score: Floats
    value_low: Floats
    price_percentile: Floats
    n_comparables: Rows


def worth(quality: Quality, unit_price: Floats, price_of_quality: Floats) -> tuple[Floats, Floats]:
    """(u, spread of u): NaN where the price is."""
    middle, low = logit(quality.mean), logit(quality.low)
    spread = price_of_quality * (middle - low) / NORMAL_BAD_SIDE
    return price_of_quality * middle - np.log(unit_price), spread


def comparables(
    levels: tuple[Rows, ...], usable: npt.NDArray[np.bool_], order: npt.NDArray[np.integer[Any]],
    substitutes: CsrView | None,
) -> Comparables:  # fmt: skip
    """Each product's comparables: at least 8 substitutes, else its group, else the group above.

    levels: group of each product, the narrowest first, -1 none; usable: has a price and a quality. Of a large
    group the 201 with the smallest `order` (a number of each product that no price, sale or seller moves)
    stand for all.
    """
    n = len(usable)
    set_row = np.full(n, -1, dtype=np.int32)
    members: list[Rows] = []
    if substitutes is not None:
        rows = np.repeat(np.arange(n), np.diff(substitutes.indptr))
        kept = usable[rows] & usable[substitutes.indices]
        same = levels[0][rows] == levels[0][substitutes.indices]
        rows, others = rows[kept & same], substitutes.indices[kept & same]
        counts = np.bincount(rows, minlength=n)
        starts = np.r_[0, np.cumsum(counts)]
        for row in np.flatnonzero(counts >= MIN_COMPARABLES):
            set_row[row] = len(members)
            members.append(np.sort(others[starts[row] : starts[row + 1]]).astype(np.int32))
    for groups in levels:
        open_rows = np.flatnonzero(usable & (set_row < 0) & (groups >= 0))
        if not len(open_rows):
            continue
        inside = np.flatnonzero(usable & (groups >= 0))
        inside = inside[np.lexsort((order[inside], groups[inside]))]
        starts = np.flatnonzero(np.r_[True, np.diff(groups[inside]) != 0])
        stops = np.r_[starts[1:], len(inside)]
        big = stops - starts > MIN_COMPARABLES
        place = np.full(int(groups.max()) + 1, -1, dtype=np.int32)
        wanted = np.zeros(len(place), dtype=bool)
        wanted[groups[open_rows]] = True
        for start, stop in zip(starts[big], stops[big], strict=True):
            group = groups[inside[start]]
            if wanted[group]:
                place[group] = len(members)
                members.append(
                    np.sort(inside[start : min(stop, start + MAX_COMPARABLES + 1)]).astype(np.int32)
                )
        set_row[open_rows] = place[groups[open_rows]]
    lengths = [len(m) for m in members]
    indptr = np.r_[0, np.cumsum(lengths)].astype(np.int64)
    indices = np.concatenate(members) if members else np.zeros(0, dtype=np.int32)
    return Comparables(set_row, CsrView(indptr, indices, np.ones(len(indices), dtype=np.int8), n))


def scores_of(found: Comparables, u: Floats, spread: Floats, unit_price: Floats) -> Scores:
    """The value of each product against its comparables, the pessimist's value, and where its price lies.

    value_low asks the same of the 10 % quantile of u. price_percentile: the share of comparables that cost
    less by the unit, equal ones by half.
    """
    n = len(u)
    score, low, percentile = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    count = np.zeros(n, dtype=np.int32)
    rows = np.flatnonzero(found.set_row >= 0)
    rows = rows[np.argsort(found.set_row[rows], kind="stable")]
    if not len(rows):
        return Scores(score, low, percentile, count)
    cuts = np.r_[0, np.flatnonzero(np.diff(found.set_row[rows])) + 1, len(rows)]
    for begin, stop in pairwise(cuts.tolist()):
        others = found.sets.row(int(found.set_row[rows[begin]]))[0]
        for start in range(begin, stop, CHUNK):
            some = rows[start : min(stop, start + CHUNK)]
            other = some[:, None] != others[None, :]
            n_other = other.sum(axis=1)
            gap = u[some, None] - u[None, others]
            both = np.hypot(spread[some, None], spread[None, others])
            score[some] = (chance_above_zero(gap, both) * other).sum(axis=1) / n_other
            under = gap - NORMAL_BAD_SIDE * spread[some, None]
            alone = np.broadcast_to(spread[None, others], under.shape)
            low[some] = (chance_above_zero(under, alone) * other).sum(axis=1) / n_other
            dearer_by = unit_price[some, None] - unit_price[None, others]
            equal = np.abs(dearer_by) <= SAME_PRICE * unit_price[some, None]
            cheaper = np.where(equal, 0.0, np.sign(dearer_by))
            percentile[some] = ((cheaper + 1) / 2 * other).sum(axis=1) / n_other
            count[some] = n_other
    return Scores(score, low, percentile, count)


def chance_above_zero(gap: Floats, spread: Floats) -> Floats:
    """P(a normal of that mean and spread is above 0); a half where both are nothing."""
    return np.asarray(ndtr(gap / np.maximum(spread, 1e-9)))


def floor_of(quality: Quality, category_row: Rows, exposure: Floats) -> Floats:
    """The lowest quality that may be picked of each category: three times as bad as is usual there."""
    usual = usual_in_category(1 - quality.mean, category_row, exposure)
    return np.asarray(np.clip(1 - BAD_TIMES * usual, 0.0, 1.0))


def usual_in_category(values: Floats, category_row: Rows, exposure: npt.NDArray[Any]) -> Floats:
    """The mean of a figure over each product's category, by exposure; every product counts a line more."""
    n = int(category_row.max(initial=-1)) + 1
    weight = exposure + 1.0
    lines = np.bincount(category_row, weight, n)
    means = np.bincount(category_row, weight * values, n) / np.maximum(lines, 1e-9)
    return np.asarray(means[category_row])


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What a badge is given on: all of it has one entry per product."""

    quality: Quality
    floor: Floats
    price: Floats
    median_30: Floats  # at most; where the median of 90 days is lower, that
    public_price: Floats  # NaN: not known, and then no objection
    n_mature: Rows
    supplier_row: Rows


def badges(scores: Scores, proof: Proof) -> npt.NDArray[np.int8]:
    """int8: GOOD_VALUE, PROMISING (new, of a proven supplier) or NO_BADGE."""
    with np.errstate(invalid="ignore"):
        fair = (proof.price <= proof.median_30) & ~(proof.public_price < proof.price)
        compared = scores.n_comparables >= MIN_COMPARABLES
        known = proof.n_mature >= MIN_MATURE
        good = (scores.value_low >= BADGE_VALUE_LOW) & (proof.quality.low > proof.floor)
        hopeful = (scores.value_score >= PROMISING_VALUE) & (proof.quality.mean > proof.floor) & ~known
    badge = np.full(len(known), NO_BADGE, dtype=np.int8)
    badge[good & fair & compared & known] = GOOD_VALUE
    badge[hopeful & fair & compared & proven(proof)] = PROMISING
    return badge


def proven(proof: Proof) -> npt.NDArray[np.bool_]:
    """Whether each product's supplier has 100 mature lines and ends orders better than the floor."""
    rows = proof.supplier_row
    told = rows >= 0
    if not told.any():
        return np.zeros(len(rows), dtype=bool)
    over = proof.quality.mean - proof.floor
    return told & proven_suppliers(rows[told], proof.n_mature[told], over[told])[np.maximum(rows, 0)]


def proven_suppliers(supplier: Rows, n_mature: npt.NDArray[Any], over: Floats) -> npt.NDArray[np.bool_]:
    """Which suppliers may vouch for what is new: bool (n_suppliers,).

    One entry per product: its supplier's row, its mature lines, and how much its quality lies over the floor.
    """
    n = int(supplier.max()) + 1
    lines, above = np.bincount(supplier, n_mature, n), np.bincount(supplier, n_mature * over, n)
    return np.asarray((lines >= PROVEN_LINES) & (above > 0))


def logit(p: Floats) -> Floats:
    """ln(p / (1 − p)), the shape of p."""
    return np.asarray(np.log(p) - np.log1p(-p))
