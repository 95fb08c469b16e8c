"""What is bought together with what the profile holds."""

from __future__ import annotations

from recsys.operators import GraphOperator
from recsys.scoring import Proposals, Scoring
from recsys.sources.seam import joined


class CoPurchase:
    """The best of each graph operator over orders."""

    name = "co_purchase"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n best products of each co-purchase operator."""
        return joined(
            scoring.top(operator, n)
            for operator in scoring.model.operators
            if isinstance(operator, GraphOperator) and operator.profile == "orders"
        )
