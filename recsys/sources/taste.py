"""What lies near the profile's vector."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import joined


class Taste:
    """The nearest products by the embeddings of orders."""

    name = "taste"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n nearest products by each embedding."""
        return joined(scoring.top(operator, n) for operator in scoring.model.searched("orders"))
