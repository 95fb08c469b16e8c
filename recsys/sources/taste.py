"""What lies near the profile's vector."""

from __future__ import annotations

from recsys.operators import GraphOperator
from recsys.scoring import Proposals, Scoring
from recsys.sources.seam import joined


class Taste:
    """The nearest products of each embedding of orders."""

    name = "taste"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n nearest products by each embedding."""
        return joined(
            scoring.by_operator(operator).top(n)
            for operator in scoring.model.operators
            if not isinstance(operator, GraphOperator) and operator.profile == "orders"
        )
