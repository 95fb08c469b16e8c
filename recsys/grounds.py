"""What a snapshot counts about one owner and the products of her list, looked up once for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys.domain import Target
from recsys.pairs import Rows
from recsys.scoring import Scoring
from recsys.sparse import Csr, CsrView

Counts = Mapping[int, int]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grounds:
    """By product row, of the products asked for alone; nothing where it is no question or nobody counted."""

    target: Target
    circle_members: Counts = field(default_factory=dict)  # of her circle who ordered it
    circle_categories: Counts = field(default_factory=dict)  # by category row: who bought there in 30 days
    together: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # (the other product, people)
    share_orders: Counts = field(default_factory=dict)  # orders that her own share of it led to
    ordered: frozenset[int] = frozenset()  # what she ordered herself; for `self` alone
    one_short: Counts = field(default_factory=dict)  # the size of her open group that lacks one member
    rebuy_members: Counts = field(default_factory=dict)  # of her circle for whom it is due
    peer_owners: Counts = field(default_factory=dict)  # owners like her who sold it by sharing it
    said: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # (her word, what she said it of)


def grounds_of(scoring: Scoring, owner_row: int, product_rows: Rows) -> Grounds:
    """The grounds for these products, for the only owner of the chunk; owner_row -1: one nobody knows."""
    model, profiles, signals = scoring.model, scoring.profiles, scoring.model.signals
    people, target = model.people, scoring.profiles.target
    asked = _mask(model.n_products, product_rows)
    together = _together(model.co_purchase, profiles.orders, product_rows)
    ordered: frozenset[int] = frozenset()
    if target == "self":
        own = profiles.own_orders.indices
        ordered = frozenset(own[asked[own]].tolist())
    if owner_row < 0:
        return Grounds(
            target, together=together, ordered=ordered, said=_said(scoring, product_rows),
            circle_members=_lately(scoring, {}, asked),
        )  # fmt: skip
    said = _said(scoring, product_rows)
    share_orders = _counts(people.shares, "n_orders", owner_row, asked)
    peers = {} if signals.peers is None else _counts(signals.peers, "n_owners", owner_row, asked)
    if target != "circle":
        return Grounds(
            target,
            together=together,
            ordered=ordered,
            share_orders=share_orders,
            peer_owners=peers,
            said=said,
        )
    categories: Counts = {}
    if model.as_of_us is not None:
        in_list = _mask(len(model.products.categories), model.products.category_row[product_rows])
        categories = _counts(people.circle_categories, "data", owner_row, in_list)
    rebuy = signals.rebuy_circle
    return Grounds(
        target, together=together, share_orders=share_orders, peer_owners=peers,
        circle_members=_lately(scoring, _counts(people.circle_orders, "n_members", owner_row, asked), asked),
        said=said,
        circle_categories=categories,
        rebuy_members={} if rebuy is None else _counts(rebuy, "n_members", owner_row, asked),
        one_short=_one_short(signals.one_short, model.as_of_us, owner_row, asked),
    )  # fmt: skip


def _lately(scoring: Scoring, known: Counts, asked: Mask) -> Counts:
    """How many of her circle ordered each, those since the snapshot too."""
    if scoring.now is None or scoring.profiles.target != "circle":
        return known
    found = dict(known)
    for row, n_members in scoring.now.circle_members.items():
        if asked[row]:
            found[row] = found.get(row, 0) + n_members
    return found


def _said(scoring: Scoring, product_rows: Rows) -> Mapping[int, tuple[str, int]]:
    """Product row → her latest word on another product of its category that it stands in for."""
    if scoring.now is None or not scoring.now.said:
        return {}
    category_row = scoring.model.products.category_row
    spoken = {int(category_row[row]): (word, row) for row, (word, _) in scoring.now.said.items()}
    categories = zip(product_rows.tolist(), category_row[product_rows].tolist(), strict=True)
    return {row: spoken[category] for row, category in categories if category in spoken}


def _mask(n: int, rows: Rows) -> Mask:
    found = np.zeros(n, dtype=bool)
    found[rows] = True
    return found


def _counts(view: CsrView, name: str, row: int, asked: Mask) -> Counts:
    """Column → whole number, of the columns asked for in one row of a view: "data" or a further column."""
    span = view.span(row)
    columns = view.indices[span]
    at = np.flatnonzero(asked[columns])
    values = (view.data if name == "data" else view.extra[name])[span][at]
    return dict(zip(columns[at].tolist(), map(int, values.tolist()), strict=True))


def _one_short(view: CsrView | None, as_of_us: int | None, row: int, asked: Mask) -> Counts:
    if view is None or as_of_us is None:
        return {}
    expire = _counts(view, "expire_time", row, asked)
    required = _counts(view, "required", row, asked) if expire else {}
    return {product: required[product] for product, time_us in expire.items() if time_us > as_of_us}


def _together(co_purchase: CsrView, profile: Csr, product_rows: Rows) -> Mapping[int, tuple[int, int]]:
    """Product row → the product of the profile that most people bought together with it, and how many."""
    if not profile.nnz:
        return {}
    positions = co_purchase.positions(product_rows)
    place = np.flatnonzero(_mask(co_purchase.n_columns, profile.indices)[co_purchase.indices[positions]])
    lengths = co_purchase.indptr[product_rows + 1] - co_purchase.indptr[product_rows]
    subject = np.searchsorted(np.cumsum(lengths), place, side="right")
    other = co_purchase.indices[positions[place]]
    n_members = co_purchase.extra["n_members"][positions[place]]
    best: dict[int, tuple[int, int]] = {}
    for at in np.lexsort((other, -n_members, subject)).tolist():
        best.setdefault(int(product_rows[subject[at]]), (int(other[at]), int(n_members[at])))
    return best
