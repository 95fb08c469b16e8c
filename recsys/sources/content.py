"""Cold products that are like what the profile holds: nobody's orders speak for them yet."""

from __future__ import annotations

import numpy as np

from recsys.opening import Mask, Open
from recsys.operator_scores import nearest
from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.signal_scores import content_of
from recsys.sources.seam import joined, side
from recsys.standing import Standing


class Content:
    """Products of too few buyers, by their likeness in category, supplier, brand, price and title."""

    name = "content"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open cold products per owner."""
        content, cold = scoring.model.signals.content, scoring.model.cold
        if content is None or cold is None:
            return joined(())
        among = _cold_ones(scoring.standing, scoring.open, cold)
        vectors = np.ascontiguousarray(content_of(scoring))
        owner = np.arange(len(vectors), dtype=np.int32)
        return nearest(scoring.model.cold_index, vectors, owner, side(n), among)


def _cold_ones(standing: Standing, among: Open, cold: Mask) -> Open:
    """What is open of the cold products."""
    if among.known is not None or (among.products is None and standing.pool is None):
        return Open(standing.cold_pool.mask, among.closed, standing.cold_pool)
    return Open(cold if among.products is None else cold & among.products, among.closed)
