"""Profiles: for whom we score, as products with weights.

`target="self"`: what the owner herself ordered (and, as evidence, shared). `target="circle"`: what the
members of her circle ordered, weighted by the tie, and what she shared. An owner without a circle has
herself as her circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.domain import Target
from recsys.model import Model, as_csr
from recsys.operators import Csr, row_sums
from recsys.sparse import CsrView


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """The profiles of n owners for one target; every matrix is float32 CSR (n, n_products)."""

    owner_rows: npt.NDArray[np.int32]  # (n,) -1: an owner the snapshot does not know
    target: Target
    own_orders: Csr  # what she ordered herself
    shares: Csr  # what she shared
    orders: Csr  # what the target ordered: her or her circle
    evidence: Csr  # orders and shares together, each product at most as heavy as in one of them
    circle_orders: Csr

    def __len__(self) -> int:
        return len(self.owner_rows)

    def of_kind(self, kind: str) -> Csr:
        """The matrix an operator asks for: "orders" or "evidence"."""
        return self.orders if kind == "orders" else self.evidence


def profiles_of(model: Model, owner_rows: npt.NDArray[np.int32], target: Target) -> Profiles:
    """The profiles of these owners."""
    people = model.people
    known = owner_rows >= 0
    member_rows = np.full(len(owner_rows), -1, dtype=np.int32)
    member_rows[known] = people.owner_member[owner_rows[known]]
    own_orders = as_csr(people.orders, member_rows)
    shares = as_csr(people.shares, owner_rows)
    circle_orders = as_csr(people.circle_orders, owner_rows)
    orders = own_orders if target == "self" else circle_orders
    return Profiles(
        owner_rows, target, own_orders, shares, orders, merged(orders, shares), circle_orders
    )  # fmt: skip


def merged(orders: Csr, shares: Csr) -> Csr:
    """Elementwise maximum of two non-negative matrices, as sorted CSR."""
    if not shares.nnz:
        return orders
    return sparse.csr_array(orders.maximum(shares))


def has_profile(profiles: Profiles) -> npt.NDArray[np.bool_]:
    """(n,) whether there is anything to score by."""
    return np.asarray(row_sums(profiles.evidence) > 0)


def unweighted(view: CsrView) -> Any:
    """float32 CSR of ones with the pattern of a view."""
    matrix = view.to_scipy()
    return sparse.csr_array(
        (np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )
