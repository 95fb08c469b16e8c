"""Group buys in a snapshot: will a group fill in time."""

from __future__ import annotations

import numpy as np

from recsys.model import Model

LOWEST, HIGHEST = 0.005, 0.995


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
