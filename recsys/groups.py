"""Group buys in a snapshot: will a group fill in time, and which of hers lacks just one member."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.model import Model

LOWEST, HIGHEST = 0.005, 0.995


@dataclass(frozen=True, slots=True)
class ShortGroup:
    """An open group of an owner that lacks one member; `expire_us` µs since 1970 UTC."""

    required: int
    expire_us: int


def fill_chance(model: Model, owner_row: int, product_row: int, required: int) -> float | None:
    """P(a group of `required` members for a product fills by its deadline) if this owner opens it.

    An owner who opened none (or a row of -1) gets the rate of the product's category and the nearest size
    that was tried; None where no group was ever over.
    """
    signals = model.signals
    if signals.group_rate is None or signals.group_sizes is None or not len(signals.group_sizes):
        return None
    size = int(np.argmin(np.abs(signals.group_sizes - required)))
    chance = float(signals.group_rate[model.products.category_row[product_row], size])
    if owner_row >= 0 and signals.group_shift is not None:
        chance += float(signals.group_shift[owner_row])
    return min(max(chance, LOWEST), HIGHEST)


def short_group(model: Model, owner_row: int, product_row: int, now_us: int | None) -> ShortGroup | None:
    """Her open group for the product that lacks one member, not over by then; None when she has none."""
    view = model.signals.one_short
    if view is None or owner_row < 0 or now_us is None:
        return None
    products, _ = view.row(owner_row)
    where = np.flatnonzero(products == product_row)
    if not len(where):
        return None
    at = view.span(owner_row).start + int(where[0])
    expire_us = int(view.extra["expire_time"][at])
    return ShortGroup(int(view.extra["required"][at]), expire_us) if expire_us > now_us else None
