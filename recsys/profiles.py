"""Profiles: for whom we score, as products with weights.

`target="self"`: what the owner herself ordered (and, as evidence, shared). `target="circle"`: what the
members of her circle ordered, weighted by the tie, and what she shared. An owner without a circle has
herself as her circle.

Who has no profile is lent one: her own circle's (where the target is herself), that of the owner who brought
her in, or what circles of her region order. `rung` says which; on the last rung nothing is lent, and what
many people order is all there is to go by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.domain import Target
from recsys.live import OwnerNow, row_of
from recsys.model import Model, as_csr
from recsys.sparse import Csr, csr_of_parts, rows_of

Mask = npt.NDArray[np.bool_]

RUNGS = ("own", "circle", "upline", "region", "popular")
OWN, CIRCLE, UPLINE, REGION, POPULAR = range(len(RUNGS))
MAX_UPLINES = 3  # who brought in who brought her in …


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """The profiles of n owners for one target; every matrix is float32 CSR (n, n_products)."""

    owner_rows: npt.NDArray[np.int32]  # (n,) -1: an owner the snapshot does not know
    member_rows: npt.NDArray[np.int32]  # (n,) herself as a member, -1: none
    target: Target
    own_orders: Csr  # what she ordered herself
    shares: Csr  # what she shared
    orders: Csr  # what the target ordered: her or her circle
    evidence: Csr  # orders and shares together, each product at most as heavy as in one of them
    circle_orders: Csr
    rung: npt.NDArray[np.int8]  # (n,) position in RUNGS

    def __len__(self) -> int:
        return len(self.owner_rows)

    def of_kind(self, kind: str) -> Csr:
        """The matrix an operator asks for: "orders" or "evidence"."""
        return self.orders if kind == "orders" else self.evidence


def profiles_of(
    model: Model, owner_rows: npt.NDArray[np.int32], target: Target, now: OwnerNow | None = None
) -> Profiles:
    """The profiles of these owners; `now` tells of the only one what the snapshot does not know yet."""
    people = model.people
    known = owner_rows >= 0
    member_rows = np.full(len(owner_rows), -1, dtype=np.int32)
    member_rows[known] = people.owner_member[owner_rows[known]]
    own_orders = as_csr(people.orders, member_rows)
    shares = as_csr(people.shares, owner_rows)
    circle_orders = as_csr(people.circle_orders, owner_rows)
    orders = own_orders if target == "self" else circle_orders
    shared = shares
    if now is not None:
        n_products = model.n_products
        own_orders = plus(own_orders, row_of(now.own_orders, n_products))
        orders = own_orders if target == "self" else plus(orders, row_of(now.circle_orders, n_products))
        shared = merged(shares, row_of(dict.fromkeys(now.shared_us, 1.0), n_products))
    evidence = merged(orders, shared)
    rung = np.full(len(owner_rows), OWN, dtype=np.int8)
    alone = np.diff(evidence.indptr) == 0
    if alone.any():
        lent = _lend(model, owner_rows, alone, rung)
        orders, evidence = (sparse.csr_array(matrix + lent) for matrix in (orders, evidence))
    return Profiles(
        owner_rows, member_rows, target, own_orders, shares, orders, evidence, circle_orders, rung
    )  # fmt: skip


def _lend(model: Model, owner_rows: npt.NDArray[np.int32], alone: Mask, rung: npt.NDArray[np.int8]) -> Csr:
    """Profiles for those who have none, float32 CSR (n, n_products); writes into `rung` whose they are."""
    signals = model.signals
    lender = np.where(alone, owner_rows, -1).astype(np.int32)
    served = _has_circle_orders(model, lender)
    rung[alone] = POPULAR
    rung[served] = CIRCLE
    if signals.upline_row is not None:
        above = lender.copy()
        for _ in range(MAX_UPLINES):
            above = np.where((above >= 0) & ~served, signals.upline_row[above], -1).astype(np.int32)
            found = _has_circle_orders(model, above)
            lender[found], rung[found] = above[found], UPLINE
            served |= found
    lent = as_csr(model.people.circle_orders, np.where(served, lender, -1).astype(np.int32))
    if signals.region_row is not None and signals.regions is not None:
        asks = alone & ~served & (owner_rows >= 0)
        region = np.where(asks, signals.region_row[owner_rows], -1).astype(np.int32)
        of_region = as_csr(signals.regions, region)
        rung[np.diff(of_region.indptr) > 0] = REGION
        lent = sparse.csr_array(lent + of_region)
    return lent


def _has_circle_orders(model: Model, rows: npt.NDArray[np.int32]) -> Mask:
    """Whether the circle of each owner ordered anything; not for a row of -1."""
    found = rows >= 0
    indptr = model.people.circle_orders.indptr
    found[found] = indptr[rows[found] + 1] > indptr[rows[found]]
    return found


def plus(known: Csr, new: Csr) -> Csr:
    """The sum of two matrices, as sorted CSR; the first itself where the second is empty."""
    if not new.nnz:
        return known
    found = sparse.csr_array(known + new)
    found.sort_indices()
    return found


def merged(orders: Csr, shares: Csr) -> Csr:
    """Elementwise maximum of two non-negative matrices, as sorted CSR."""
    if not shares.nnz:
        return orders
    n_rows, n_columns = orders.shape
    keys = np.concatenate([rows_of(m) * n_columns + m.indices for m in (orders, shares)])
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], np.concatenate([orders.data, shares.data])[order]
    first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    row, column = np.divmod(keys[starts], n_columns)
    indptr = np.zeros(n_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(row, minlength=n_rows), out=indptr[1:])
    return csr_of_parts(np.maximum.reduceat(values, starts), column.astype(np.int32), indptr, n_columns)
