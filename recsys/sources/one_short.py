"""Her own open group buys that lack one member: one more share may fill them."""

from __future__ import annotations

import numpy as np

from recsys.model import as_csr
from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.signal_scores import top_of_sparse
from recsys.sources.seam import joined
from recsys.sparse import with_values


class OneShort:
    """Only for `target="circle"`; none where nobody opens groups."""

    name = "one_short"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner."""
        view = scoring.model.signals.one_short
        if view is None or scoring.profiles.target != "circle":
            return joined(())
        groups = as_csr(view, scoring.profiles.owner_rows)
        return top_of_sparse(with_values(groups, np.ones_like(groups.data)), n, scoring.open)
