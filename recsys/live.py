"""What happened since the snapshot: prices, stock and bad endings for everybody; what one owner's circle did.

A model with these changes is a model like any other, so gates, features, offers and reasons need not know
of them. What one owner did and said comes beside it, as `OwnerNow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from recsys.arrivals import Arrival, arrivals_of
from recsys.model import Model
from recsys.sparse import Csr, csr_of_parts

Mask = npt.NDArray[np.bool_]
Said = Mapping[int, tuple[str, int]]  # product row → what she said of it, and its price then (-1: none)

DAY_US = 86_400_000_000
WORDS = ("not_for_my_people", "too_dear", "complaint", "already_have")
NOT_FOR_MY_PEOPLE, TOO_DEAR, COMPLAINT, ALREADY_HAVE = WORDS
REFUSED_TWICE = 2  # products of one category that are not for her people: then none of it is

# What `Model` works out from neither stock, price nor bad endings, and may therefore be shared.
_SHARED = (
    "_lengths", "_indexes", "_largest_first", "by_popularity", "cold", "cold_index", "low_quality", "rules",
    "order_rules", "gain", "usual_worth", "by_usual_worth", "usual_share_rate", "category_levels",
    "log_buyers", "no_good_value", "arrival_cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed for everybody.

    By product row: units there are, price in minor units, members with a bad ending not yet counted.
    """

    stock: Mapping[int, int] = field(default_factory=dict)
    price_minor: Mapping[int, int] = field(default_factory=dict)
    n_bad: Mapping[int, int] = field(default_factory=dict)
    arrivals: tuple[Arrival, ...] = ()  # products that the snapshot does not know

    def __bool__(self) -> bool:
        return bool(self.stock or self.price_minor or self.n_bad or self.arrivals)


@dataclass(frozen=True, slots=True)
class OwnerNow:
    """What one owner and her circle did since the snapshot and what she said; products by their rows.

    `time_us`: the moment asked about. `own_orders`, `circle_orders`: weights as in a profile, a new order of
    hers 1, a member's the tie. `circle_members`: how many more of her circle ordered it. `shared_us`: when
    she last shared it. `shares_a_day`: how many shares a day her circle takes gladly.
    """

    time_us: int
    own_orders: Mapping[int, float] = field(default_factory=dict)
    circle_orders: Mapping[int, float] = field(default_factory=dict)
    circle_members: Mapping[int, int] = field(default_factory=dict)
    shared_us: Mapping[int, int] = field(default_factory=dict)
    said: Said = field(default_factory=dict)
    shares_a_day: int = 5
    arrivals_shared_us: Mapping[str, int] = field(default_factory=dict)  # the same of products without a row
    arrivals_said: frozenset[str] = frozenset()  # of which she said something that closes them
    arrivals_ordered: frozenset[str] = frozenset()  # that she ordered herself


def model_now(model: Model, changes: Changes) -> Model:
    """The model with these changes; what does not hang on them is shared with it."""
    if not changes:
        return model
    model.prepare()
    _ = model.arrival_cache  # kept from one moment to the next
    products, bursts = model.products, model.bursts
    found = replace(
        model,
        products=replace(
            products,
            stock=_changed(products.stock, changes.stock),
            price_minor=_changed(products.price_minor, changes.price_minor),
        ),
        priced_at=products.price_minor if changes.price_minor else None,
        bursts=bursts and replace(bursts, n_bad=_added(bursts.n_bad, changes.n_bad)),
        arrivals=arrivals_of(model, changes.arrivals),
    )
    found.__dict__.update({name: model.__dict__[name] for name in _SHARED if name in model.__dict__})
    found.prepare()
    return found


def row_of(weights: Mapping[int, float], n_products: int) -> Csr:
    """One row with these weights, float32 CSR (1, n_products)."""
    columns = np.array(sorted(weights), dtype=np.int32)
    values = np.array([weights[column] for column in columns.tolist()], dtype=np.float32)
    return csr_of_parts(values, columns, np.array([0, len(columns)], dtype=np.int32), n_products)


def refused(model: Model, said: Said) -> Mask | None:
    """What her words close, bool (n_products,); None: nothing.

    The product itself; where it was too dear, whatever costs as much or more in its category; and a category
    of which two products are not for her people.
    """
    if not said:
        return None
    products = model.products
    closed = np.zeros(len(products), dtype=bool)
    not_hers: dict[int, int] = {}
    for row, (word, price) in said.items():
        closed[row] = True
        category = int(products.category_row[row])
        if word == TOO_DEAR and price >= 0:
            closed |= (products.category_row == category) & (products.price_minor >= price)
        if word == NOT_FOR_MY_PEOPLE:
            not_hers[category] = not_hers.get(category, 0) + 1
    for category, n in not_hers.items():
        if n >= REFUSED_TWICE:
            closed |= products.category_row == category
    return closed


def closed_categories(model: Model, categories: Mapping[int, object]) -> Mask | None:
    """The products of these categories, by their rows: bool (n_products,); None where there are none."""
    if not categories:
        return None
    return np.isin(
        model.products.category_row, np.fromiter(categories, dtype=np.int32, count=len(categories))
    )


def shared_at(model: Model, owner_row: int, since_us: int) -> dict[int, int]:
    """Product row → when the snapshot last saw her share it, µs, after a moment; {} for an unknown owner."""
    shares = model.people.shares
    if owner_row < 0 or model.as_of_us is None or "last_time" not in shares.extra:
        return {}
    span = shares.span(owner_row)
    last_us = shares.extra["last_time"][span]
    at = np.flatnonzero(last_us > since_us)
    return dict(zip(shares.indices[span][at].tolist(), last_us[at].tolist(), strict=True))


def _changed(values: npt.NDArray[np.int64], changes: Mapping[int, int]) -> npt.NDArray[np.int64]:
    if not changes:
        return values
    found = np.array(values)
    found[list(changes)] = list(changes.values())
    return found


def _added(values: npt.NDArray[np.int32], more: Mapping[int, int]) -> npt.NDArray[np.int32]:
    if not more:
        return values
    found = np.array(values)
    found[list(more)] += np.fromiter(more.values(), dtype=np.int32, count=len(more))
    return found
