"""Gates: what may not be picked, whatever its score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recsys.domain import Query
from recsys.model import NO_PRICE, Model, as_csr
from recsys.profiles import Profiles
from recsys.scoring import Pairs, values_at

Mask = npt.NDArray[np.bool_]

SHARE_COOL_DOWN_DAYS = 14
MICROSECONDS_PER_DAY = 86_400_000_000


def gates(model: Model, profiles: Profiles, pairs: Pairs, query: Query) -> Mapping[str, Mask]:
    """For each gate, which pairs it closes: bool (n_pairs,). The same query settings hold for all owners."""
    closed = {
        "out_of_stock": model.products.stock[pairs.product] == 0,
        "shared_recently": _shared_recently(model, profiles, pairs, query),
    }
    if query.unseen:
        closed["ordered_before"] = values_at(profiles.own_orders, pairs) > 0
    if query.category is not None:
        closed["other_category"] = ~_in_category(model, query.category)[model.products.category_row][
            pairs.product
        ]
    if query.max_price_minor is not None:
        price = model.products.price_minor[pairs.product]
        closed["over_max_price"] = (price == NO_PRICE) | (price > query.max_price_minor)
    return closed


def open_pairs(closed: Mapping[str, Mask], n_pairs: int) -> Mask:
    """Which pairs no gate closes: bool (n_pairs,)."""
    passed = np.ones(n_pairs, dtype=bool)
    for mask in closed.values():
        passed &= ~mask
    return passed


def _shared_recently(model: Model, profiles: Profiles, pairs: Pairs, query: Query) -> Mask:
    """Shared by this owner within the cool-down before the query's moment; never in a timeless world."""
    now_us = model.as_of_us if query.as_of is None else int(query.as_of.timestamp() * 1_000_000)
    if now_us is None or model.as_of_us is None or not profiles.shares.nnz:
        return np.zeros(len(pairs), dtype=bool)
    earliest_us = now_us - SHARE_COOL_DOWN_DAYS * MICROSECONDS_PER_DAY
    recent = as_csr(model.people.shares, profiles.owner_rows)
    last_time = model.people.shares.extra["last_time"]
    known = profiles.owner_rows[profiles.owner_rows >= 0]
    recent.data = (last_time[model.people.shares.positions(known)] > earliest_us).astype(np.float32)
    return values_at(recent, pairs) > 0


def _in_category(model: Model, path: str) -> Mask:
    """Which category nodes lie at or under a path: bool (n_categories,)."""
    categories = model.products.categories
    under = path.rstrip() + " > "
    return np.array([name == path or name.startswith(under) for name in categories], dtype=bool)
