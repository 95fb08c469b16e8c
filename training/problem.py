"""What is judged: for each owner the products that turned out right, and what was known before.

`self`: relevant are the products that the owner herself ordered after the cut and never before.
`circle`: relevant are the products that members of her circle, herself left out, ordered after the cut and
kept; the relevance is the number of such members. A member who buys again counts: a share reaches her again.
Test orders never count. The circle is the one known at the cut.

What a gate of the judged snapshot closes (see `closed`) is no method's to list, and no right answer.

In a fold held out of a timeless dataset (`repeats` False) what a member has cannot be right for her. A list
for a circle is then fairly the sum over its members of what each lacks; judging a baseline on anything less
would flatter us, whose ranker learns as much from the labels. After a cut in time a member may buy again,
and a baseline that listed only what each lacks would be the weaker one (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.domain import Target
from recsys.errors import DataError
from training.baselines.seam import Asked, buyers_per_product
from training.closed import Closed

NEW_OWNER_EVENTS = 3
BIG_SUPPLIER_SHARE = 0.8
MAX_SCENES = 5

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines as coded rows, one entry each. `scene_row` -1 where the line came from no share."""

    member_row: Rows
    product_row: Rows
    kept: NDArray[np.bool_]
    scene_row: Rows


@dataclass(frozen=True, slots=True)
class Facts:
    """A dataset around a cut. Rows index the id arrays; -1 means unknown.

    `circle` bool CSR [n_owners, n_members] as known at the cut; `n_shares` int64[n_owners] before the cut.
    """

    owner_ids: NDArray[np.str_]
    product_ids: NDArray[np.str_]
    n_members: int
    owner_member: Rows
    before: Lines
    after: Lines
    circle: sp.csr_array
    n_shares: NDArray[np.int64]
    category_row: Rows
    supplier_row: Rows
    scenes: tuple[str, ...]
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the question: some owners (bool[n]), or the relevant products of some kind (CSR [n, P])."""

    name: str
    meaning: str
    owners: NDArray[np.bool_] | None = None
    truth: sp.csr_array | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """The judged owners, what is right for them, and all that a baseline may know."""

    target: Target
    owner_ids: NDArray[np.str_]
    product_ids: NDArray[np.str_]
    truth: sp.csr_array  # [n, n_products] relevance
    seen: sp.csr_array  # [n, n_products] never to be listed: what she has (self), what is closed to her alone
    asked: Asked
    matrix: sp.csr_array  # [n_members, n_products] of ones
    category_row: Rows
    slices: tuple[Slice, ...]
    repeats: bool = True  # whether a member may want again what she has
    closed: NDArray[np.bool_] | None = None  # [n_products] never to be listed for anybody
    n_behind_gates: Mapping[str, int] = field(default_factory=dict)  # right answers that each gate took away
    slices_off: tuple[str, ...] = ()  # which slices the dataset cannot have, and why

    @property
    def n_buyers(self) -> NDArray[np.int64]:
        """Members who bought each product before the cut."""
        return buyers_per_product(self.matrix)


def build_problem(
    facts: Facts, target: Target, rng: np.random.Generator, max_owners: int | None = None,
    closed: Closed | None = None,
) -> Problem:  # fmt: skip
    """The problem of one target; at most `max_owners` judged owners, drawn by `rng`.

    `closed` stands in the rows of `facts`; None: nothing is closed.

    DataError when no owner has anything relevant.
    """
    n_members, n_products = facts.n_members, len(facts.product_ids)
    matrix = _ones(facts.before.member_row, facts.before.product_row, (n_members, n_products))
    own = _ones_of_owner(facts)  # [n_owners, n_members]
    people = own if target == "self" else _without_herself(facts.circle, own)
    closed = closed or Closed()
    relevance, n_behind = _open(_relevance(facts, target, own, matrix), closed)
    judged = np.flatnonzero(np.diff(relevance.indptr))
    if len(judged) == 0:
        raise DataError(
            f"target {target}: no owner has a relevant product after the cut; "
            "give a dataset with later orders, or ask for the other target"
        )
    if max_owners is not None and len(judged) > max_owners:
        judged = np.sort(rng.choice(judged, max_owners, replace=False))
    circle_history = sp.csr_array(facts.circle[judged] @ matrix)
    asked_people = sp.csr_array(people[judged])
    history = sp.csr_array(asked_people @ matrix)
    truth = sp.csr_array(relevance[judged])
    alone, everybody = closed.at(judged, n_products)
    seen = sp.csr_array(history.maximum(alone)) if target == "self" else alone
    slices, off = _slices(facts, judged, truth, history, matrix, people)
    return Problem(
        target, facts.owner_ids[judged], facts.product_ids, truth, seen,
        Asked(asked_people, history, circle_history), matrix, facts.category_row,
        slices, facts.repeats, everybody, n_behind, off,
    )  # fmt: skip


def _open(relevance: sp.csr_array, closed: Closed) -> tuple[sp.csr_array, dict[str, int]]:
    """(the relevance in front of the gates, how many right answers each gate took away)."""
    behind = closed.among(relevance)
    left = relevance
    for matrix in behind.values():
        taken = sp.csr_array((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
        left = sp.csr_array(left - left.multiply(taken))
    return _stored(left), {name: int(matrix.nnz) for name, matrix in behind.items() if matrix.nnz}


def _relevance(facts: Facts, target: Target, own: sp.csr_array, matrix: sp.csr_array) -> sp.csr_array:
    """[n_owners, n_products] relevance, no stored zeros."""
    shape = matrix.shape
    after = facts.after
    if target == "self":
        later = _ones(after.member_row, after.product_row, shape)
        new = sp.csr_array(later - later.multiply(matrix))
        new.eliminate_zeros()
        found = sp.csr_array(own @ new)
    else:
        kept = _ones(after.member_row[after.kept], after.product_row[after.kept], shape)
        found = sp.csr_array(_without_herself(facts.circle, own) @ kept)
    found.eliminate_zeros()
    found.sort_indices()
    return found


def _without_herself(circle: sp.csr_array, own: sp.csr_array) -> sp.csr_array:
    others = sp.csr_array(circle - circle.multiply(own))
    others.eliminate_zeros()
    return others


def _slices(
    facts: Facts, judged: NDArray[np.int64], truth: sp.csr_array, history: sp.csr_array,
    matrix: sp.csr_array, people: sp.csr_array,
) -> tuple[tuple[Slice, ...], tuple[str, ...]]:  # fmt: skip
    """(the slices that the dataset can have, why it lacks the others)."""
    n_events = np.asarray(history.sum(axis=1)).ravel()
    cold = buyers_per_product(matrix) == 0
    off = []
    slices = [
        Slice("new owners", f"owners with fewer than {NEW_OWNER_EVENTS} orders to go by before the cut",
              owners=n_events < NEW_OWNER_EVENTS),
        Slice("owners without shares", "owners who had not shared anything before the cut",
              owners=facts.n_shares[judged] == 0),
        Slice("cold products", "only products that nobody had ordered before the cut",
              truth=_only(truth, cold)),
    ]  # fmt: skip
    small = _of_small_suppliers(facts.supplier_row, facts.before.product_row)
    if small is not None:
        slices.append(
            Slice("small suppliers", "only products of suppliers outside the largest that made "
                  f"{BIG_SUPPLIER_SHARE:.0%} of the earlier orders", truth=_only(truth, small))
        )  # fmt: skip
    else:
        off.append("small suppliers: no product names its supplier")
    scenes = _commonest(facts.after.scene_row)
    if not scenes:
        off.append("scene: no later order names a share with a scene")
    if not facts.n_shares.any():
        off.append("owners without shares: nobody shared anything before the cut, so every owner is one")
        slices = [part for part in slices if part.name != "owners without shares"]
    for scene_row in scenes:
        chosen = facts.after.scene_row == scene_row
        bought = _ones(
            facts.after.member_row[chosen],
            facts.after.product_row[chosen],
            matrix.shape,
        )
        of_scene = sp.csr_array(people[judged] @ bought)
        of_scene.data[:] = 1.0
        name = facts.scenes[scene_row]
        slices.append(
            Slice(f"scene: {name}", f"only products ordered through a share with the scene {name}",
                  truth=_stored(sp.csr_array(truth.multiply(of_scene))))
        )  # fmt: skip
    return tuple(slices), tuple(off)


def _of_small_suppliers(supplier_row: Rows, ordered_product: Rows) -> NDArray[np.bool_] | None:
    """bool[n_products]; None when suppliers are not known."""
    known = supplier_row >= 0
    if not known.any():
        return None
    suppliers = supplier_row[ordered_product]
    n_orders = np.bincount(suppliers[suppliers >= 0], minlength=int(supplier_row.max()) + 1)
    largest_first = np.argsort(-n_orders, kind="stable")
    before = np.cumsum(n_orders[largest_first]) - n_orders[largest_first]
    big = np.zeros(len(n_orders), dtype=bool)
    big[largest_first[before < BIG_SUPPLIER_SHARE * n_orders.sum()]] = True
    small: NDArray[np.bool_] = known & ~big[np.maximum(supplier_row, 0)]
    return small


def _commonest(scene_row: Rows) -> list[int]:
    counts = np.bincount(scene_row[scene_row >= 0])
    order = np.argsort(-counts, kind="stable")[:MAX_SCENES]
    return [int(scene) for scene in order if counts[scene] > 0]


def _only(truth: sp.csr_array, products: NDArray[np.bool_]) -> sp.csr_array:
    return _stored(sp.csr_array(truth @ sp.diags_array(products.astype(np.float32))))


def _stored(matrix: sp.csr_array) -> sp.csr_array:
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def _ones_of_owner(facts: Facts) -> sp.csr_array:
    owners = np.flatnonzero(facts.owner_member >= 0)
    return _ones(owners, facts.owner_member[owners], (len(facts.owner_ids), facts.n_members))


def _ones(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> sp.csr_array:
    """CSR float32 with a 1 wherever a pair stands at least once."""
    matrix = sp.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
