"""Friends only: what her circle bought, counted by distinct member. The plainest social recommender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from training.baselines.seam import Asked, Params, Scores

DEFAULTS: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class FriendsOnly:
    """Holds nothing: the circle's purchases come with the question."""

    def scores(self, asked: Asked) -> Scores:
        """Members of the circle who bought each product."""
        return asked.circle_history.toarray().astype(np.float32)


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> FriendsOnly:
    """Nothing to learn."""
    return FriendsOnly()
