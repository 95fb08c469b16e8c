"""The rules of behaviour, as pure functions: the town plays by them and its truth is judged by them.

Arguments broadcast; probabilities come back in [0, 1]. The constants were set so that the town is lively at
its default size: a share is seen by a third of a circle and bought by one or two in a hundred.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contract import CHANNELS
from training.town.draw import Array

SCENES = (
    "breakfast", "lunch_break", "after_work", "weekend", "back_to_school", "festival > spring_festival",
    "festival > lantern", "festival > women_day", "festival > mid_autumn", "festival > double_eleven",
)  # fmt: skip
FESTIVAL_DAYS = {4: 240, 5: 46, 6: 61, 7: 66, 8: 267, 9: 314}  # scene → its day of the year, from 0
REACH = np.array([0.45, 0.55, 0.95, 0.35, 0.2, 0.3, 0.4, 0.3, 0.3], dtype=np.float32)  # by channel
CHANNEL_PART = np.array([0.36, 0.22, 0.22, 0.08, 0.03, 0.04, 0.02, 0.02, 0.01])
PRIVATE, GROUP, MOMENTS = CHANNELS.index("private"), CHANNELS.index("group"), CHANNELS.index("moments")

CLICK_BASE, CLICK_TASTE, CLICK_TIE, CLICK_APPEAL = -3.2, 4.8, 1.2, 0.1
BUY_BASE, BUY_TASTE = -1.0, 2.5
NEVER_BOUGHT_NEED = 0.7
LEAF_TASTE, PRODUCT_TASTE, OWN_NEED = 4.5, 5.0, 2  # how sharply own shopping follows taste; power of need
P_DEFECT_RETURNED, P_LATE_RETURNED = 0.6, 0.25
GROUP_PULL = 2.0  # added to the logit of a click when the share opens a group buy
SPOILED_TIE = 0.75  # a tie after a share of hers ended badly


class Response(NamedTuple):
    """P(clicks | sees the share), P(buys | clicks)."""

    click: NDArray[np.float32]
    buy: NDArray[np.float32]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-x)))


def price_fit(log_price_ratio: Array, budget: Array, sensitivity: Array) -> Array:
    """How well a price suits a purse, <= 0: dearer than she likes weighs four times cheaper.

    `log_price_ratio`: log of the package's price over the usual price of its leaf.
    """
    gap = log_price_ratio - budget
    return np.asarray(-sensitivity * (np.maximum(gap, 0) + 0.25 * np.maximum(-gap, 0)))


def need(days_since: Array, interval_days: Array, consumable: Array) -> Array:
    """How much a member needs something of a leaf she bought `days_since` ago (negative: never bought).

    From 0.1 right after buying it grows around the leaf's interval: to 1.8 for consumables, else to 1.
    """
    late = sigmoid((days_since - interval_days) / (0.2 * interval_days))
    due = 0.1 + np.where(consumable, 1.7, 0.9) * late
    return np.where(days_since < 0, NEVER_BOUGHT_NEED, due)


def season(day_of_year: int, peak_day: Array, amplitude: Array) -> Array:
    """A leaf's demand on a day as a factor around 1."""
    return np.asarray(1 + amplitude * np.cos(2 * np.pi * (day_of_year - peak_day) / 365))


def p_see(tie: Array, reach: Array | float, rank_in_day: Array | int = 0) -> Array:
    """P(a friend sees the share), 0 for a tie of 0. `rank_in_day`: shares sent before it that day."""
    return np.where(tie > 0, reach * (0.25 + 0.75 * tie) / (1 + 0.15 * np.asarray(rank_in_day)), 0.0)


def share_response(
    *, affinity: Array, tie: Array, influence: Array, fit: Array, needed: Array, seasonal: Array,
    appeal: Array, scene: Array | float = 0.0,
) -> Response:  # fmt: skip
    """What one friend who sees a share does with it.

    `affinity`: her taste · the product's vector. `influence`: the owner's in the product's top category.
    `appeal`: the product's log popularity. `scene`: what the occasion adds to the logit of a click.
    """
    liked = CLICK_BASE + CLICK_TASTE * affinity + CLICK_TIE * (tie - 0.5)
    click = sigmoid(liked + 0.6 * influence + CLICK_APPEAL * appeal + scene)
    buy = sigmoid(BUY_BASE + BUY_TASTE * affinity + 0.4 * influence + fit + 0.8 * (tie - 0.5))
    return Response(np.asarray(click), np.minimum(buy * needed * seasonal, 0.95))


def p_kept(defect_rate: Array, late_rate: Array, late_spoils: float, other_returns: Array) -> Array:
    """P(an order line is not sent back)."""
    spoiled = (1 - defect_rate) * late_rate * late_spoils
    well = 1 - defect_rate - spoiled
    return 1 - (defect_rate * P_DEFECT_RETURNED + spoiled * P_LATE_RETURNED + well * other_returns)


def scene_of(day_of_year: int, weekday: int, slot: Array) -> NDArray[np.int64]:
    """The scene of shares in slots 0 morning, 1 noon, 2 evening: a festival close by, else the hour's."""
    for scene, day in FESTIVAL_DAYS.items():
        if 0 <= day - day_of_year <= 6:
            return np.full(len(slot), scene)
    return np.asarray(np.where(weekday >= 5, 3, slot))
