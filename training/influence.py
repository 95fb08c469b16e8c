"""How shares were taken as of a moment: by owner, by category, by product, by owner and category.

Kept orders follow a Poisson law whose rate is a product of lifts; each lift is shrunk towards 1 by a gamma
prior worth a few kept orders (the posterior mean), and counted on top of those before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features.share_outcomes import ShareOutcomes
from recsys.category_tree import levels_of
from training.inputs import Inputs
from training.sparse_rows import as_view

PRIOR_SHARES = 20.0  # shares that the mean of all owners is worth beside her own
PRIOR_KEPT = 5.0  # kept orders that a lift of 1 is worth

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def influence(inputs: Inputs, shared: ShareOutcomes) -> dict[str, Any]:
    """The signals `share_rate`, `share_pull` and `influence`, all logarithms, as of the inputs' moment.

    share_rate float32 (n_owners,): kept orders per share of hers. share_pull float32 (n_products,): how much
    more a share of the product brings than her others. influence: owners × categories, see recsys/influence.
    """
    n_owners, catalogue = len(inputs.owner_ids), inputs.catalogue
    owner, product = shared.owner_row.astype(np.int64), shared.product_row.astype(np.int64)
    kept = shared.n_kept.astype(np.float64)
    rate = _rates(owner, kept, n_owners)
    expected = rate[owner]
    pull = np.zeros(inputs.n_products)
    levels = levels_of(catalogue.category_paths)
    for level in levels:
        node = level[catalogue.category_row].astype(np.int64)
        pull += _lifted(node, product, kept, expected, len(catalogue.category_paths))
    pull += _lifted(np.arange(inputs.n_products), product, kept, expected, inputs.n_products)
    cells = [_of_owners(level[catalogue.category_row[product]], owner, kept, expected) for level in levels]
    shape = (n_owners, len(catalogue.category_paths))
    of_levels = [sparse.csr_array((lift, (rows, columns)), shape=shape) for rows, columns, lift in cells]
    matrix: Any = sum(of_levels, start=sparse.csr_array(shape, dtype=np.float32))
    return {
        "share_rate": np.log(rate).astype(np.float32), "share_pull": pull.astype(np.float32),
        "influence": as_view(matrix),
    }  # fmt: skip


def _rates(owner: Rows, kept: Floats, n_owners: int) -> Floats:
    """Kept orders per share of each owner, drawn towards the mean; never 0."""
    mean = max(float(kept.sum()) / max(1, len(kept)), 1e-6)
    found: Floats = (np.bincount(owner, weights=kept, minlength=n_owners) + PRIOR_SHARES * mean) / (
        np.bincount(owner, minlength=n_owners) + PRIOR_SHARES
    )
    return found


def _lifted(node: npt.NDArray[Any], product: Rows, kept: Floats, expected: Floats, n_nodes: int) -> Floats:
    """The log lift of each product's node (-1: 0); what is expected of each share rises by it, in place."""
    of_share = node[product]
    known = of_share >= 0
    lift = np.log(_lift(of_share[known], kept[known], expected[known], n_nodes))
    found = np.where(node >= 0, lift[np.maximum(node, 0)], 0.0)
    expected *= np.exp(found[product])
    return found


def _of_owners(
    node: npt.NDArray[Any], owner: Rows, kept: Floats, expected: Floats
) -> tuple[Rows, Rows, npt.NDArray[np.float32]]:
    """(owner, node, log lift) of each owner and node with a share; raises what is expected, in place."""
    known = np.flatnonzero(node >= 0)
    width = int(node.max(initial=0)) + 1
    keys, at = np.unique(owner[known] * width + node[known], return_inverse=True)
    lift = _lift(at, kept[known], expected[known], len(keys))
    expected[known] *= lift[at]
    return keys // width, keys % width, np.log(lift).astype(np.float32)


def _lift(key: Rows, kept: Floats, expected: Floats, n: int) -> Floats:
    above = np.bincount(key, weights=kept, minlength=n) + PRIOR_KEPT
    found: Floats = above / (np.bincount(key, weights=expected, minlength=n) + PRIOR_KEPT)
    return found
