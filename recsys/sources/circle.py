"""What lies near one of the circle's several interests, not near their mean."""

from __future__ import annotations

import numpy as np

from recsys.operator_scores import nearest
from recsys.pairs import Proposals
from recsys.scoring import INTEREST_FEATURE, Scoring
from recsys.sources.seam import joined


class Circle:
    """The nearest products of each interest vector; only for `target="circle"`."""

    name = "circle"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """About n products per owner, shared out evenly over her circle's interests."""
        interests = scoring.circle_interests
        if interests is None or not scoring.listens_to(INTEREST_FEATURE):
            return joined(())
        n_owners, n_interests, n_factors = interests.shape
        vectors = np.ascontiguousarray(interests.reshape(n_owners * n_interests, n_factors))
        owner = np.repeat(np.arange(n_owners, dtype=np.int32), n_interests)
        return nearest(scoring.interest_index, vectors, owner, max(1, n // n_interests), scoring.open)
