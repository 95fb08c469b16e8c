"""Examples for the ranker: pair features as they were, labels from what followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.domain import Target
from recsys.model import Model
from recsys.operators import Csr
from recsys.pair_features import Floats, pair_features
from recsys.ranking import chunk_size, scoring_of
from recsys.scoring import Pairs, values_at

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What followed for some owners: pairs and their label, sorted by owner row, then product row.

    label int32 (n_pairs,): 0 and up, higher is better. Pairs not named here are negatives.
    """

    owner_row: Rows
    product_row: Rows
    label: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """features float32 (n_pairs, n_features), label int32 (n_pairs,), group int32: pairs of each query."""

    features: Floats
    label: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]


def examples(
    model: Model, labelled: Labelled, target: Target, n_negatives: int, rng: np.random.Generator
) -> Examples:
    """One query per owner in `labelled`: her labelled products against products drawn uniformly.

    A product that the target ordered before is no negative. Hard negatives (drawn from one source's own top
    list) were measured to lower both full and sampled ranking.
    """
    parts = list(_parts(model, labelled, target, n_negatives, rng))
    return joined(parts)


def joined(parts: list[Examples]) -> Examples:
    """Several sets of examples as one; they must have the same features."""
    return Examples(
        np.concatenate([p.features for p in parts]),
        np.concatenate([p.label for p in parts]),
        np.concatenate([p.group for p in parts]),
    )


def _parts(
    model: Model, labelled: Labelled, target: Target, n_negatives: int, rng: np.random.Generator
) -> Iterator[Examples]:
    owners, starts = np.unique(labelled.owner_row, return_index=True)
    stops = np.r_[starts[1:], len(labelled.owner_row)]
    step = chunk_size(model)
    for first in range(0, len(owners), step):
        rows = owners[first : first + step].astype(np.int32)
        span = slice(starts[first], stops[min(first + step, len(owners)) - 1])
        at = np.searchsorted(rows, labelled.owner_row[span]).astype(np.int32)
        scoring = scoring_of(model, rows, target)
        drawn = rng.integers(0, model.n_products, (len(rows), n_negatives), dtype=np.int32)
        owner = np.concatenate([at, np.repeat(np.arange(len(rows), dtype=np.int32), n_negatives)])
        product = np.concatenate([labelled.product_row[span], drawn.ravel()])
        label = np.concatenate([labelled.label[span], np.zeros(drawn.size, dtype=np.int32)])
        order = np.lexsort((-label, product, owner))
        owner, product, label = owner[order], product[order], label[order]
        fresh = np.r_[True, (owner[1:] != owner[:-1]) | (product[1:] != product[:-1])]
        fresh &= ~((label == 0) & _ordered(scoring.profiles.own_orders, owner, product))
        pairs = Pairs(owner[fresh], product[fresh])
        group = np.bincount(pairs.owner, minlength=len(rows)).astype(np.int32)
        yield Examples(pair_features(scoring, pairs), label[fresh], group)


def _ordered(orders: Csr, owner: Rows, product: Rows) -> npt.NDArray[np.bool_]:
    return values_at(orders, Pairs(owner, product)) > 0
