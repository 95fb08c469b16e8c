"""The seam of every candidate source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from recsys.pairs import NOTHING, Proposals
from recsys.scoring import Scoring

SIDE = 3  # what only rounds off a list gives a third of what it is asked for


class Source(Protocol):
    """Proposes products for each owner of a chunk; it never looks at gates and never ranks the list."""

    @property
    def name(self) -> str:
        """The word that a reply prints for it."""
        ...

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most about n products per owner, each with a finite score."""
        ...


def joined(parts: Iterable[Proposals]) -> Proposals:
    """Several proposals as one; a product may stand in it more than once."""
    found = list(parts)
    if not found:
        return NOTHING
    if len(found) == 1:
        return found[0]
    return Proposals(
        np.concatenate([p.owner for p in found]),
        np.concatenate([p.product for p in found]),
        np.concatenate([p.score for p in found]),
    )


def side(n: int) -> int:
    """How many a source gives that only rounds off the list, of the n it is asked for.

    Every candidate costs a request time. Measured: on Beidian, Amazon-Electronics and ML-1M a sixth of such
    candidates left NDCG@20 and Recall@20 as they were.
    """
    return -(-n // SIDE)


def largest_of(scoring: Scoring, signal: str, n: int) -> Proposals:
    """Open products with the largest value of a signal, the same for every owner; none without it."""
    values = getattr(scoring.model.signals, signal)
    if values is None:
        return joined(())
    return scoring.first_open(scoring.model.largest_first(signal), values, side(n))
