"""What brings most good value whoever shares it: the good-value list of everybody."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import joined, side


class BestValue:
    """The same products for every owner; only for `target="circle"`, where it is known how orders ended.

    Measured by the hidden truth of simulated towns, at 20 and 80 products: good value per share + 1 to 2 %
    with 1,000 products and + 6 % with 100,000, where the other sources leave most of them aside.
    """

    name = "best_value"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner, by kept orders of a usual share times the good value of each."""
        worth = scoring.model.usual_worth
        if worth is None or scoring.profiles.target != "circle":
            return joined(())
        return scoring.first_open(scoring.model.by_usual_worth, worth, side(n))
