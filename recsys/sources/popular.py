"""What many people order: the floor under every list, and the whole of it for an owner nobody knows."""

from __future__ import annotations

import numpy as np

from recsys.scoring import Proposals, Scoring


class Popular:
    """The products with the most orders, recent ones counting most."""

    name = "popular"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """The same n products for every owner."""
        popularity = scoring.model.products.popularity
        best = scoring.model.most_popular[:n]
        n_owners = len(scoring.profiles)
        return Proposals(
            np.repeat(np.arange(n_owners, dtype=np.int32), len(best)),
            np.tile(best, n_owners),
            np.tile(popularity[best].astype(np.float32), n_owners),
        )
