"""Gates: what may not be picked, whatever its score.

A gate closes products for everybody who asks the same (stock, category, price), or for one owner alone
(shared lately, ordered before). Sources are told both before they propose, so that a list is as long as the
open products allow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recsys.category_tree import SEPARATOR
from recsys.domain import Query
from recsys.ids import IdList
from recsys.model import NO_PRICE, Model, as_csr
from recsys.opening import Mask, Open
from recsys.profiles import Profiles
from recsys.scoring import Pairs, values_at
from recsys.sparse import Csr, CsrView

Gate = Mask | Csr  # products closed for all: bool (n_products,); or pairs closed: owners × products, 1 each

SHARE_COOL_DOWN_DAYS = 14
MICROSECONDS_PER_DAY = 86_400_000_000


def gates(model: Model, profiles: Profiles, query: Query) -> Mapping[str, Gate]:
    """Each gate that closes anything. The same query settings hold for all owners of the chunk."""
    products = model.products
    closed: dict[str, Gate] = {}
    if model.sold_out is not None:
        closed["out_of_stock"] = model.sold_out
    if model.low_quality is not None:
        closed["low_quality"] = model.low_quality
    if model.no_good_value is not None:
        closed["no_good_value"] = model.no_good_value
    if model.dearer_than_elsewhere is not None:
        closed["parity"] = model.dearer_than_elsewhere
    if model.blocked is not None:
        closed["blocked"] = model.blocked
    shared = _shared_recently(model, profiles, query)
    if shared is not None:
        closed["shared_recently"] = shared
    if query.unseen and profiles.own_orders.nnz:
        closed["ordered_before"] = profiles.own_orders
    if query.category is not None:
        closed["other_category"] = ~in_category(products.categories, products.category_row, query.category)
    if query.max_price_minor is not None:
        price = products.price_minor
        closed["over_max_price"] = (price == NO_PRICE) | (price > query.max_price_minor)
    return closed


def opened(closed: Mapping[str, Gate]) -> Open:
    """What the gates leave open, for sources to propose from."""
    products: Mask | None = None
    pairs: Csr | None = None
    for gate in closed.values():
        if isinstance(gate, np.ndarray):
            products = ~gate if products is None else products & ~gate
        else:
            pairs = gate if pairs is None else pairs.maximum(gate).tocsr()
    return Open(products, pairs)


def closed_at(gate: Gate, pairs: Pairs) -> Mask:
    """Which pairs a gate closes: bool (n_pairs,)."""
    if isinstance(gate, np.ndarray):
        found: Mask = gate[pairs.product]
        return found
    return values_at(gate, pairs) > 0


def n_closed(gate: Gate) -> int:
    """Products that a gate closes, for everybody or for the owners of the chunk together."""
    return int(np.count_nonzero(gate if isinstance(gate, np.ndarray) else gate.data))


def in_category(categories: IdList, category_row: npt.NDArray[np.int32], path: str) -> Mask:
    """Which products lie at or under a path of the tree: bool (n_products,)."""
    path = path.strip()
    # the nodes under a path begin with it and stand together, as ids are sorted by their bytes
    first = bisect_left(categories, path + SEPARATOR)
    last = bisect_left(categories, path + SEPARATOR[:-1] + "!", lo=first)  # "!" follows the blank
    found: Mask = (category_row >= first) & (category_row < last)
    at_path = categories.row(path)
    return found | (category_row == at_path) if at_path >= 0 else found


def _shared_recently(model: Model, profiles: Profiles, query: Query) -> Csr | None:
    """Shared by this owner within the cool-down up to the query's moment; None in a timeless world.

    Of each product only the latest share is known: asked for an earlier moment, that share lies ahead and
    closes nothing, and one before it is forgotten.
    """
    now_us = model.as_of_us if query.as_of is None else int(query.as_of.timestamp() * 1_000_000)
    if now_us is None or model.as_of_us is None or not profiles.shares.nnz:
        return None
    earliest_us = now_us - SHARE_COOL_DOWN_DAYS * MICROSECONDS_PER_DAY
    recent = as_csr(model.people.shares, profiles.owner_rows)
    known = profiles.owner_rows[profiles.owner_rows >= 0]
    last_time = model.people.shares.extra["last_time"][model.people.shares.positions(known)]
    recent.data = ((last_time > earliest_us) & (last_time <= now_us)).astype(np.float32)
    if model.signals.one_short is not None:  # one more member fills it: worth saying again
        recent = _without_short_groups(recent, model.signals.one_short, profiles.owner_rows, now_us)
    recent.eliminate_zeros()
    return recent if recent.nnz else None


def _without_short_groups(
    recent: Csr, one_short: CsrView, owner_rows: npt.NDArray[np.int32], now_us: int
) -> Csr:
    """The pairs less those of which the owner has an open group that lacks one member."""
    groups = as_csr(one_short, owner_rows)
    expire = one_short.extra["expire_time"][one_short.positions(owner_rows[owner_rows >= 0])]
    groups.data = (expire > now_us).astype(np.float32)
    return recent - recent.multiply(groups).tocsr() if groups.nnz else recent
