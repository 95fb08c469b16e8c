"""How order lines end: delivery, returns, reviews and complaints, all from the hidden quality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.contract import FAULTS, REASON_CODES
from training.town import behaviour
from training.town.catalogue import LEAVES
from training.town.config import DAY_US
from training.town.draw import Array
from training.town.goods import LATE_SPOILS
from training.town.lines import Lines
from training.town.town import Town

P_COMPLAINT = 0.35  # after a defect; half of it after a spoiled late delivery
P_REVIEW, P_INCENTIVISED = 0.25, 0.12
P_BOOST = 0.2  # per line of a boosted supplier: a five-star review without an order
BOOSTED = 0.05  # part of the suppliers who buy them
TOPICS = ("quality", "description", "delivery", "packaging", "service")
SUPPLIER, LOGISTICS = FAULTS.index("supplier"), FAULTS.index("logistics")
CUSTOMER, UNKNOWN = FAULTS.index("customer"), FAULTS.index("unknown")


def _reasons(*names: str) -> NDArray[np.int64]:
    return np.array([REASON_CODES.index(name) for name in names])


DEFECT_REASONS = _reasons(
    "quality_defect", "quality_defect", "not_as_described", "not_as_described", "wrong_item",
    "damaged_in_transit", "counterfeit_suspected",
)  # fmt: skip
FRESH_REASONS = _reasons("expired_or_spoiled", "expired_or_spoiled", "quality_defect", "not_as_described")
OTHER_REASONS = _reasons("changed_mind", "changed_mind", "no_longer_needed", "other")
WORN_REASONS = _reasons("size_fit", "size_fit", "size_fit", "changed_mind")
LATE_REASON = REASON_CODES.index("late_delivery")
DAMAGED = REASON_CODES.index("damaged_in_transit")


@dataclass(frozen=True, slots=True)
class Endings:
    """How each line ends, whenever that is; the town shows only what happens before its last midnight."""

    delivered_us: NDArray[np.int64]
    ended_well: NDArray[np.bool_]
    defect: NDArray[np.bool_]
    spoiled: NDArray[np.bool_]  # by coming late
    return_us: NDArray[np.int64]  # -1: kept
    reason: NDArray[np.int64]
    fault: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews; `line` is the row among the day's lines, -1 for a review without an order."""

    line: NDArray[np.int64]
    product: NDArray[np.int64]
    time_us: NDArray[np.int64]
    rating: NDArray[np.int64]
    has_photo: NDArray[np.bool_]
    has_video: NDArray[np.bool_]
    incentivised: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints about the day's lines."""

    line: NDArray[np.int64]
    time_us: NDArray[np.int64]
    severity: NDArray[np.int64]
    topic: NDArray[np.int64]


def draw_endings(town: Town, lines: Lines, rng: np.random.Generator) -> Endings:
    """Delivery and the true ending of each line, and whether it is sent back."""
    n, products = len(lines), town.products
    late = rng.random(n) < town.late_rate()[lines.product]
    days = 1.2 + rng.gamma(4.0, 0.5, n) + np.where(late, rng.uniform(5, 11, n), 0)
    delivered = lines.time_us + (days * DAY_US).astype(np.int64)
    defect = rng.random(n) < products.defect_rate[lines.product]
    spoiled = late & ~defect & (rng.random(n) < LATE_SPOILS)
    other = town.leaves.other_returns[products.leaf[lines.product]]
    p_return = np.where(
        defect, behaviour.P_DEFECT_RETURNED, np.where(spoiled, behaviour.P_LATE_RETURNED, other)
    )
    returned = rng.random(n) < p_return
    wait = rng.gamma(1.5, 1.0, n) / 3 * products.return_days[lines.product]
    wait = np.minimum(wait + 0.05, products.return_days[lines.product])
    reason, fault = _reasons_and_faults(town, lines, defect, spoiled, rng)
    return Endings(
        delivered_us=delivered,
        ended_well=~defect & ~spoiled,
        defect=defect,
        spoiled=spoiled,
        return_us=np.where(returned, delivered + (wait * DAY_US).astype(np.int64), -1),
        reason=reason,
        fault=fault,
    )


def _reasons_and_faults(
    town: Town, lines: Lines, defect: Array, spoiled: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n = len(lines)
    tops = [LEAVES[row].top for row in range(len(town.leaves))]
    leaf = town.products.leaf[lines.product]
    fresh = np.array([top.startswith("Food") for top in tops])[leaf]
    worn = np.array([top.startswith("Clothing") for top in tops])[leaf]
    by_defect = np.where(fresh, rng.choice(FRESH_REASONS, n), rng.choice(DEFECT_REASONS, n))
    otherwise = np.where(worn, rng.choice(WORN_REASONS, n), rng.choice(OTHER_REASONS, n))
    reason = np.where(defect, by_defect, np.where(spoiled, LATE_REASON, otherwise))
    unclear = rng.random(n) < 0.08
    fault = np.where(defect, np.where(unclear, UNKNOWN, SUPPLIER), np.where(spoiled, LOGISTICS, CUSTOMER))
    return reason, np.where(defect & (reason == DAMAGED) & ~unclear, LOGISTICS, fault)


def draw_reviews(town: Town, lines: Lines, endings: Endings, rng: np.random.Generator) -> Reviews:
    """Verified reviews of some lines (a few paid for), and five stars from nowhere for boosted suppliers."""
    line = np.flatnonzero(rng.random(len(lines)) < P_REVIEW)
    n = len(line)
    bad = endings.defect[line]
    low = rng.choice(np.array([1, 1, 2, 2, 3, 4]), n)
    middle = rng.choice(np.array([2, 3, 3, 4, 5]), n)
    high = rng.choice(np.array([5, 5, 5, 5, 4, 4, 3]), n)
    incentivised = rng.random(n) < P_INCENTIVISED
    rating = np.where(bad, low, np.where(endings.spoiled[line], middle, high))
    rating = np.where(incentivised & (rng.random(n) < 0.85), 5, rating)
    wait = (rng.exponential(3, n) + 0.2) * DAY_US
    photo = rng.random(n) < 0.3

    boosted = np.arange(len(town.suppliers)) % round(1 / BOOSTED) == 3
    paid = np.flatnonzero(boosted[town.products.supplier[lines.product]] & (rng.random(len(lines)) < P_BOOST))
    no_line = np.full(len(paid), -1, dtype=np.int64)
    no = np.zeros(len(paid), dtype=bool)
    return Reviews(
        line=np.concatenate([line, no_line]),
        product=lines.product[np.concatenate([line, paid])],
        time_us=np.concatenate([endings.delivered_us[line] + wait.astype(np.int64), lines.time_us[paid]]),
        rating=np.concatenate([rating, np.full(len(paid), 5)]),
        has_photo=np.concatenate([photo, no]),
        has_video=np.concatenate([photo & (rng.random(n) < 0.2), no]),
        incentivised=np.concatenate([incentivised, no]),
    )


def draw_complaints(lines: Lines, endings: Endings, rng: np.random.Generator) -> Complaints:
    """Complaints after defects and spoiled deliveries."""
    p = np.where(endings.defect, P_COMPLAINT, np.where(endings.spoiled, P_COMPLAINT / 2, 0.0))
    line = np.flatnonzero(rng.random(len(lines)) < p)
    n = len(line)
    spoiled = endings.spoiled[line]
    wait = (rng.exponential(2, n) + 0.1) * DAY_US
    about = rng.choice(np.array([0, 0, 0, 1, 1, 3, 4]), n)
    return Complaints(
        line=line,
        time_us=endings.delivered_us[line] + wait.astype(np.int64),
        severity=np.where(spoiled, rng.integers(1, 3, n), rng.integers(1, 5, n)),
        topic=np.where(spoiled, TOPICS.index("delivery"), about),
    )
