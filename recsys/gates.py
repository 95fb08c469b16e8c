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
from recsys.fatigue import Fatigue
from recsys.ids import IdList
from recsys.live import DAY_US, OwnerNow, closed_categories, refused, row_of
from recsys.model import NO_PRICE, Model, as_csr
from recsys.opening import Mask, Open
from recsys.pairs import Pairs, values_at
from recsys.profiles import Profiles, merged
from recsys.sparse import Csr, CsrView, csr_of_parts, rows_of
from recsys.standing import Standing

Gate = Mask | Csr  # products closed for all: bool (n_products,); or pairs closed: owners × products, 1 each

SHARE_COOL_DOWN_DAYS = 14


def gates(
    model: Model, profiles: Profiles, query: Query, now: OwnerNow | None = None, tired: Fatigue | None = None
) -> Mapping[str, Gate]:
    """Each gate that closes anything. The same query settings hold for all owners of the chunk.

    `now`, `tired`: what happened since the snapshot to the only owner, and how tired her circle is.
    """
    products = model.products
    closed: dict[str, Gate] = dict(model.standing(profiles.target).gates)
    shared = _shared_recently(model, profiles, _moment(model, query, now))
    if now is not None:
        shared = _with_latest(shared, model, profiles, now)
        closed.update(_closed_by_her(model, now, tired))
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


def opened(standing: Standing, closed: Mapping[str, Gate]) -> Open:
    """What the gates leave open, for sources to propose from."""
    joined = standing.pool if standing.gates.keys() <= closed.keys() else None
    products, pairs = None if joined is None else joined.mask, None
    for name, gate in closed.items():
        if not isinstance(gate, np.ndarray):
            pairs = gate if pairs is None else pairs.maximum(gate).tocsr()
        elif joined is None or name not in standing.gates:
            products = ~gate if products is None else products & ~gate
    return Open(products, pairs, joined if joined is not None and products is joined.mask else None)


def closed_at(gate: Gate, pairs: Pairs) -> Mask:
    """Which pairs a gate closes: bool (n_pairs,)."""
    if isinstance(gate, np.ndarray):
        found: Mask = gate[pairs.product]
        return found
    return values_at(gate, pairs) > 0


def n_closed(standing: Standing, name: str, gate: Gate) -> int:
    """Products that a gate closes, for everybody or for the owners of the chunk together."""
    if name in standing.n_closed:
        return standing.n_closed[name]
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


def _moment(model: Model, query: Query, now: OwnerNow | None) -> int | None:
    """The moment a query asks about, µs: its own, else that of what happened since, else the snapshot's."""
    if query.as_of is not None:
        return int(query.as_of.timestamp() * 1_000_000)
    return model.as_of_us if now is None else now.time_us


def _shared_recently(model: Model, profiles: Profiles, now_us: int | None) -> Csr | None:
    """Shared by this owner within the cool-down up to a moment; None in a timeless world.

    Of each product only the latest share is known: asked for an earlier moment, that share lies ahead and
    closes nothing, and one before it is forgotten.
    """
    if now_us is None or model.as_of_us is None or not profiles.shares.nnz:
        return None
    earliest_us = now_us - SHARE_COOL_DOWN_DAYS * DAY_US
    shares, rows = model.people.shares, profiles.owner_rows
    last_time = shares.extra["last_time"][shares.positions(rows[rows >= 0])]
    recent = _where(as_csr(shares, rows), (last_time > earliest_us) & (last_time <= now_us))
    if model.signals.one_short is not None and recent.nnz:  # one more member fills it: worth saying again
        recent = _without_short_groups(recent, model.signals.one_short, rows, now_us)
    return recent if recent.nnz else None


def _closed_by_her(model: Model, now: OwnerNow, tired: Fatigue | None) -> Mapping[str, Gate]:
    """What her words close, and the categories that her circle has had enough of for a while."""
    found = {"you_said": refused(model, now.said)}
    if tired is not None:
        found["category_rests"] = closed_categories(model, tired.resting)
    return {name: mask for name, mask in found.items() if mask is not None}


def _with_latest(shared: Csr | None, model: Model, profiles: Profiles, now: OwnerNow) -> Csr | None:
    """What is closed as shared recently, with what she shared since the snapshot."""
    earliest_us = now.time_us - SHARE_COOL_DOWN_DAYS * DAY_US
    latest = {row: 1.0 for row, time_us in now.shared_us.items() if earliest_us < time_us <= now.time_us}
    if not latest:
        return shared
    more = row_of(latest, model.n_products)
    if model.signals.one_short is not None:
        more = _without_short_groups(more, model.signals.one_short, profiles.owner_rows, now.time_us)
    if not more.nnz:
        return shared
    return more if shared is None else merged(shared, more)


def _without_short_groups(
    recent: Csr, one_short: CsrView, owner_rows: npt.NDArray[np.int32], now_us: int
) -> Csr:
    """The pairs less those of which the owner has an open group that lacks one member."""
    expire = one_short.extra["expire_time"][one_short.positions(owner_rows[owner_rows >= 0])]
    groups = _where(as_csr(one_short, owner_rows), expire > now_us)
    if not groups.nnz:
        return recent
    pairs = Pairs(rows_of(recent).astype(np.int32), recent.indices)
    return _where(recent, values_at(groups, pairs) == 0)


def _where(matrix: Csr, kept: Mask) -> Csr:
    """1 in each of the cells that are kept, kept bool (nnz,)."""
    before = np.concatenate([[0], np.cumsum(kept)])  # kept ones before each cell
    indptr = before[matrix.indptr].astype(np.int32)
    ones = np.ones(indptr[-1], dtype=np.float32)
    return csr_of_parts(ones, matrix.indices[kept], indptr, matrix.shape[1])
