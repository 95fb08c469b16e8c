"""The methods everyone knows, printed beside ours. Adding one: a file with `fit` and `DEFAULTS`, a line here.

One setting for all data sets: the published one, or the plain choice that served several sets well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from recsys.errors import UsageError
from training.baselines.popular import Popular
from training.baselines.popular import fit as fit_popular
from training.baselines.seam import Asked, Fit, Fitted, Scores

# name on the command line → (module with `fit` and `DEFAULTS`, name in tables)
REGISTRY: Mapping[str, tuple[str, str]] = {
    "popular": ("popular", "popular"),
    "co_purchase_knn": ("co_purchase_knn", "co-purchase kNN"),
    "ease": ("ease", "EASE"),
    "ials": ("ials", "iALS"),
    "bpr": ("bpr", "BPR"),
    "spectral": ("spectral", "spectral low-pass (GF-CF)"),
    "friends_only": ("friends_only", "friends only"),
}
NAMES = tuple(REGISTRY)
# Their question is a circle as a whole; the others score each person and a circle is the sum of its members.
OF_CIRCLES = frozenset(("friends_only",))


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline that answers popular where it knows nothing of the row asked."""

    name: str
    fitted: Fitted
    popular: Popular

    def scores(self, asked: Asked) -> Scores:
        """float32[n, n_products]; rows that the baseline scores alike everywhere get popular's scores."""
        scores = self.fitted.scores(asked)
        silent = scores.max(axis=1) == scores.min(axis=1) if scores.size else np.zeros(asked.n, bool)
        if silent.any():
            scores[silent] = self.popular.n_buyers
        return scores


def fit_baseline(
    name: str, matrix: sp.csr_array, rng: np.random.Generator, params: Mapping[str, Any] | None = None
) -> Baseline:
    """Fits one baseline of the registry; UsageError for an unknown name, DoesNotFitError above its memory."""
    if name not in REGISTRY:
        raise UsageError(f"baseline must be one of {', '.join(NAMES)}; got {name!r}")
    module = import_module(f"training.baselines.{REGISTRY[name][0]}")
    settings = {**module.DEFAULTS, **(params or {})}
    fitted = cast("Fit", module.fit)(matrix, rng, settings)
    return Baseline(name, fitted, fit_popular(matrix, rng, {}))
