"""What is bought together with what the profile holds."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import joined


class CoPurchase:
    """The best of the graph operators over orders."""

    name = "co_purchase"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The n best products of each."""
        return joined(scoring.top(operator, n) for operator in scoring.model.walked("orders"))
