"""What lies near one of the circle's several interests, not near their mean."""

from __future__ import annotations

import numpy as np

from recsys.scoring import Proposals, Scoring, nearest
from recsys.sources.seam import joined


class Circle:
    """The nearest products of each interest vector; only for `target="circle"`."""

    name = "circle"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """About n products per owner, shared out evenly over her circle's interests."""
        interests = scoring.circle_interests
        if interests is None:
            return joined(())
        n_each = max(1, n // interests.shape[1])
        return joined(
            nearest(scoring.interest_index, np.ascontiguousarray(vectors), n_each, scoring.open)
            for vectors in interests.transpose(1, 0, 2)
        )
