"""Cold products that are like what the profile holds: nobody's orders speak for them yet."""

from __future__ import annotations

import numpy as np

from recsys.opening import Open
from recsys.scoring import Proposals, Scoring, nearest
from recsys.signal_scores import content_of
from recsys.sources.seam import joined, side


class Content:
    """Products of too few buyers, by their likeness in category, supplier, brand, price and title."""

    name = "content"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open cold products per owner."""
        content, cold = scoring.model.signals.content, scoring.model.cold
        if content is None or cold is None:
            return joined(())
        is_open = scoring.open.products
        among = Open(cold if is_open is None else cold & is_open, scoring.open.closed)
        vectors = np.ascontiguousarray(content_of(scoring))
        owner = np.arange(len(vectors), dtype=np.int32)
        return nearest(scoring.model.cold_index, vectors, owner, side(n), among)
