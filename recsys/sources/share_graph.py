"""What follows from orders and shares together: one share is evidence about one product."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import joined


class ShareGraph:
    """The best of each operator that was fitted on orders and shares."""

    name = "share_graph"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n best products of each operator over evidence."""
        model = scoring.model
        searched = model.searched("evidence")
        walked = [o for o in model.walked("evidence") if scoring.listens_to(o.name) or not searched]
        operators = (*walked, *searched)
        return joined(scoring.top(operator, n) for operator in operators)
