"""What followed: the labels that a ranker learns from, held out of the past that it is shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from recsys.domain import Target
from training.examples import Labelled
from training.inputs import Inputs, Purchases

Mask = npt.NDArray[np.bool_]

MAX_LABEL = 3


def folds(purchases: Purchases, n_folds: int, fraction: float, rng: np.random.Generator) -> Iterator[Mask]:
    """For a timeless world: masks of purchases to hold out, bool (n_purchases,), disjoint.

    Each fold takes max(1, fraction · n) of the n products of every member; a member keeps at least one.
    """
    counts = np.bincount(purchases.member_row)
    order = np.lexsort((rng.random(len(purchases)), purchases.member_row))
    starts = np.cumsum(counts) - counts
    place = np.empty(len(purchases), dtype=np.int64)
    place[order] = np.arange(len(purchases)) - np.repeat(starts, counts)
    per_fold = np.maximum(1, np.floor(fraction * counts)).astype(np.int64)[purchases.member_row]
    total = counts[purchases.member_row]
    for fold in range(n_folds):
        held_out = (place >= fold * per_fold) & (place < (fold + 1) * per_fold)
        held_out &= (fold + 1) * per_fold < total  # what is left is never empty
        if held_out.any():
            yield held_out


def labels_for(inputs: Inputs, followed: Purchases, target: Target) -> Labelled:
    """The products that followed for each owner; rows as in `inputs`.

    `self`: what she ordered herself, label 1; what she shared before is no label, as learning from it
    teaches to repeat her shares. `circle`: what members of her circle ordered, herself left out where there
    are others; the label is the number of such members, at most 3. Here what she shared stays a label: the
    gate alone decides how soon it may come again, and without it the ranker learns that what she chose for
    her circle is what her circle does not buy (docs/decisions/0007).
    """
    if target == "circle" and len(inputs.circle.row):
        return _circle_labels(inputs, followed)
    found = _own_labels(inputs, followed)
    n_products = np.int64(inputs.n_products)
    shared = inputs.shares.owner_row * n_products + inputs.shares.product_row
    return _where(found, ~np.isin(found.owner_row * n_products + found.product_row, shared))


def _own_labels(inputs: Inputs, followed: Purchases) -> Labelled:
    owner_of = np.full(len(inputs.member_ids), -1, dtype=np.int64)
    owners = np.arange(len(inputs.owner_ids))
    has_member = inputs.owner_member >= 0
    owner_of[inputs.owner_member[has_member]] = owners[has_member]
    owner = owner_of[followed.member_row]
    known = owner >= 0
    return _labelled(owner[known], followed.product_row[known], inputs.n_products)


def _circle_labels(inputs: Inputs, followed: Purchases) -> Labelled:
    """Joins circle edges with what their members ordered."""
    counts = np.bincount(followed.member_row, minlength=len(inputs.member_ids))
    starts = np.cumsum(counts) - counts
    member = inputs.circle.column
    lengths = counts[member]
    owner = np.repeat(inputs.circle.row, lengths)
    offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    product = followed.product_row[np.repeat(starts[member], lengths) + offset]
    return _labelled(owner, product, inputs.n_products)


def _labelled(owner: npt.NDArray[np.integer], product: npt.NDArray[np.integer], n_products: int) -> Labelled:
    keys, counts = np.unique(owner.astype(np.int64) * n_products + product, return_counts=True)
    return Labelled(
        (keys // n_products).astype(np.int32), (keys % n_products).astype(np.int32),
        np.minimum(counts, MAX_LABEL).astype(np.int32),
    )  # fmt: skip


def sampled_owners(labelled: Labelled, n_owners: int, rng: np.random.Generator) -> Labelled:
    """At most n_owners of the owners, drawn by rng; all of each one's labels."""
    owners = np.unique(labelled.owner_row)
    if len(owners) <= n_owners:
        return labelled
    return _where(labelled, np.isin(labelled.owner_row, rng.choice(owners, n_owners, replace=False)))


def _where(labelled: Labelled, kept: Mask) -> Labelled:
    return Labelled(labelled.owner_row[kept], labelled.product_row[kept], labelled.label[kept])
