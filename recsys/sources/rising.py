"""What rises: kept by more people in the last week than the weeks before let expect."""

from __future__ import annotations

from recsys.pairs import Proposals
from recsys.scoring import Scoring
from recsys.sources.seam import largest_of


class Rising:
    """The same products for every owner; none where the world has no times."""

    name = "rising"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner, those that rise most."""
        return largest_of(scoring, self.name, n)
