"""What many people order: the floor under every list, and the whole of it for an owner nobody knows."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import side


class Popular:
    """The products with the most orders, recent ones counting most; in the end the whole catalogue."""

    name = "popular"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The same products for every owner, but for what is closed to her alone."""
        model = scoring.model
        return scoring.first_open(model.by_popularity, model.products.popularity, side(n))
