"""What is used up by now: bought before, and its usual time until the next purchase is over."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.signal_scores import rebuy_of, top_of_sparse


class RebuyDue:
    """By her circle's members, or for `target="self"` by herself; none where the world has no times."""

    name = "rebuy_due"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner, the likeliest to be bought again first."""
        return top_of_sparse(rebuy_of(scoring), n, scoring.open)
