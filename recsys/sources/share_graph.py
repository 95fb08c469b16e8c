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
        operators = (*model.walked("evidence"), *model.searched("evidence"))
        return joined(scoring.top(operator, n) for operator in operators)
