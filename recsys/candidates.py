"""Candidates: the union of what the sources propose, each with the source that named it most strongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.pairs import Pairs, places_within
from recsys.scoring import Scoring
from recsys.sources import SOURCES, Source

NO_SOURCE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs with the source of each: int8 position in the list of sources, -1 for none."""

    pairs: Pairs
    source: npt.NDArray[np.int8]


def propose(scoring: Scoring, n_per_source: int, sources: Sequence[Source] = SOURCES) -> Candidates:
    """The union of the sources' proposals.

    A pair that several propose is credited to the one in whose list it stands highest; among equals the
    source registered first.
    """
    found = [source.propose(scoring, n_per_source) for source in sources]
    owner = np.concatenate([p.owner for p in found])
    product = np.concatenate([p.product for p in found])
    source = np.repeat(np.arange(len(found), dtype=np.int8), [len(p.owner) for p in found])
    score = np.concatenate([p.score for p in found])
    place = _places(owner.astype(np.int64) * len(found) + source, product, score)
    key = owner.astype(np.int64) * scoring.model.n_products + product
    order = np.lexsort((source, place, key))
    key = key[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    kept = order[first]
    return Candidates(Pairs(owner[kept], product[kept]), source[kept])


def _places(
    lists: npt.NDArray[np.int64], product: npt.NDArray[np.int32], score: npt.NDArray[np.float32]
) -> npt.NDArray[np.int32]:
    """The place of each proposal in its list, 0 the highest score; `lists` tells which list each is of."""
    order = np.lexsort((product, -score, lists))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = places_within(lists[order])
    return place


def given(owner: npt.NDArray[np.int32], product: npt.NDArray[np.int32]) -> Candidates:
    """Pairs named by the caller instead of a source, sorted and each once."""
    order = np.lexsort((product, owner))
    owner, product = owner[order], product[order]
    first = np.ones(len(owner), dtype=bool)
    first[1:] = (owner[1:] != owner[:-1]) | (product[1:] != product[:-1])
    pairs = Pairs(owner[first], product[first])
    return Candidates(pairs, np.full(len(pairs), NO_SOURCE, dtype=np.int8))
