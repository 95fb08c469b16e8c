"""Examples for the ranker: pair features as they were, labels from what followed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.domain import Target
from recsys.model import Model
from recsys.pair_features import Floats, pair_features
from recsys.pairs import Pairs, values_at
from recsys.ranking import chunk_size, scoring_of
from recsys.sparse import Csr
from recsys.threads import thread_count

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


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Owners that are scored together; drawn int32 (n_owners, n_negatives): product rows."""

    owner_rows: Rows
    labelled: Labelled
    drawn: Rows


def examples(
    model: Model, labelled: Labelled, target: Target, n_negatives: int, rng: np.random.Generator
) -> Examples:
    """One query per owner in `labelled`: her labelled products against products drawn uniformly.

    A product that the target ordered before is no negative. Hard negatives (drawn from one source's own top
    list) were measured to lower both full and sampled ranking.
    """
    model.prepare()  # what threads share is filled before they start
    chunks = list(_chunks(labelled, chunk_size(model), model.n_products, n_negatives, rng))
    with ThreadPoolExecutor(thread_count()) as threads:
        return joined(list(threads.map(lambda chunk: _of_chunk(model, chunk, target), chunks)))


def joined(parts: list[Examples]) -> Examples:
    """Several sets of examples as one; they must have the same features."""
    return Examples(
        np.concatenate([p.features for p in parts]),
        np.concatenate([p.label for p in parts]),
        np.concatenate([p.group for p in parts]),
    )


def _chunks(
    labelled: Labelled, step: int, n_products: int, n_negatives: int, rng: np.random.Generator
) -> Iterator[_Chunk]:
    """The owners in runs of `step`, each with the products drawn against her labels."""
    owners, starts = np.unique(labelled.owner_row, return_index=True)
    stops = np.r_[starts[1:], len(labelled.owner_row)]
    for first in range(0, len(owners), step):
        rows = owners[first : first + step].astype(np.int32)
        span = slice(starts[first], stops[min(first + step, len(owners)) - 1])
        found = Labelled(labelled.owner_row[span], labelled.product_row[span], labelled.label[span])
        yield _Chunk(rows, found, rng.integers(0, n_products, (len(rows), n_negatives), dtype=np.int32))


def _of_chunk(model: Model, chunk: _Chunk, target: Target) -> Examples:
    rows, labelled, drawn = chunk.owner_rows, chunk.labelled, chunk.drawn
    at = np.searchsorted(rows, labelled.owner_row).astype(np.int32)
    owner = np.concatenate([at, np.repeat(np.arange(len(rows), dtype=np.int32), drawn.shape[1])])
    product = np.concatenate([labelled.product_row, drawn.ravel()])
    label = np.concatenate([labelled.label, np.zeros(drawn.size, dtype=np.int32)])
    order = np.lexsort((-label, product, owner))
    owner, product, label = owner[order], product[order], label[order]
    fresh = np.r_[True, (owner[1:] != owner[:-1]) | (product[1:] != product[:-1])]
    scoring = scoring_of(model, rows, target)
    fresh &= ~((label == 0) & _ordered(scoring.profiles.own_orders, owner, product))
    pairs = Pairs(owner[fresh], product[fresh])
    group = np.bincount(pairs.owner, minlength=len(rows)).astype(np.int32)
    return Examples(pair_features(scoring, pairs), label[fresh], group)


def _ordered(orders: Csr, owner: Rows, product: Rows) -> npt.NDArray[np.bool_]:
    return values_at(orders, Pairs(owner, product)) > 0
