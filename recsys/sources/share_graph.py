"""What follows from orders and shares together: one share is evidence about one product."""

from __future__ import annotations

from recsys.operators import GraphOperator, Operator
from recsys.scoring import Proposals, Scoring
from recsys.sources.seam import joined


class ShareGraph:
    """The best of each operator that was fitted on orders and shares."""

    name = "share_graph"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n best products of each operator over evidence."""
        return joined(scoring.top(operator, n) for operator in _operators(scoring))


def _operators(scoring: Scoring) -> tuple[Operator, ...]:
    graphs = (o for o in scoring.model.operators if isinstance(o, GraphOperator) and o.profile == "evidence")
    return (*graphs, *scoring.model.searched("evidence"))
