"""What owners who share alike and know the same people shared with success."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.signal_scores import peers_of, top_of_sparse


class Peers:
    """Shares of similar owners that led to orders; none where nobody shares."""

    name = "peers"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner."""
        return top_of_sparse(peers_of(scoring), n, scoring.open)
