"""How well an owner's shares are taken, by category: what she is listened to about.

Lifts are logarithms, each node of the category tree against the one above it, so that what is not known of a
category is what is known of its parent, and of all categories where nothing is known of that either.
"""

from __future__ import annotations

import numpy as np

from recsys.model import as_csr
from recsys.pairs import Floats, Pairs, values_at
from recsys.scoring import Scoring


def influence_at(scoring: Scoring, pairs: Pairs) -> Floats:
    """float32 (n_pairs,): the log lift of her shares in the product's category; 0 where nothing is known."""
    view = scoring.model.signals.influence
    assert view is not None
    lifts = scoring.once("influence", lambda: as_csr(view, scoring.profiles.owner_rows))
    levels = scoring.model.category_levels
    leaf = scoring.model.products.category_row[pairs.product]
    found = np.zeros(len(pairs), dtype=np.float32)
    for level in levels:
        node = level[leaf]
        on_path = node >= 0
        found += np.where(on_path, values_at(lifts, Pairs(pairs.owner, np.maximum(node, 0))), np.float32(0))
    return found
