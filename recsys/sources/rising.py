"""What rises: kept by more people in the last week than the weeks before let expect."""

from __future__ import annotations

from recsys.scoring import Proposals, Scoring
from recsys.sources.seam import joined


class Rising:
    """The same products for every owner; none where the world has no times."""

    name = "rising"

    def propose(self, scoring: Scoring, n: int) -> Proposals:
        """At most n open products per owner, those that rise most."""
        rising = scoring.model.signals.rising
        if rising is None:
            return joined(())
        return scoring.first_open(scoring.model.largest_first("rising"), rising, n)
