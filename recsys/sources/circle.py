"""What lies near one of the circle's several interests, not near their mean."""

from __future__ import annotations

import numpy as np

from recsys.scoring import Proposals, Scoring
from recsys.sources.seam import joined


class Circle:
    """The nearest products of each interest vector; only for `target="circle"`."""

    name = "circle"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """About n products per owner, shared out evenly over her circle's interests."""
        interests = scoring.circle_interests
        if interests is None:
            return joined(())
        owners, n_interests, n_factors = interests.shape
        flat = np.ascontiguousarray(interests.reshape(owners * n_interests, n_factors))
        asked = np.flatnonzero(np.any(flat, axis=1))
        products, scores = scoring.interest_index.top(flat[asked], max(1, n // n_interests))
        owner = np.repeat((asked // n_interests).astype(np.int32), products.shape[1])
        found = products.ravel() >= 0
        return Proposals(owner[found], products.ravel()[found], scores.ravel()[found])
