"""Examples of shares: owner and product as a past moment saw them, and what her shares of it brought."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from features.arrays import places_in
from features.share_outcomes import ShareOutcomes
from recsys.domain import Target
from recsys.model import Model
from recsys.pair_features import Floats, feature_names, pair_features
from recsys.pairs import Pairs
from recsys.ranking import chunk_size, scoring_of
from recsys.threads import thread_count
from training.inputs import Inputs

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class SharedPairs:
    """What owners shared and what came of it, each pair once, sorted by owner row, then product row.

    n_shares, n_kept float64 (n_pairs,): her shares of it, and the kept orders they led to.
    """

    owner_row: Rows
    product_row: Rows
    n_shares: npt.NDArray[np.float64]
    n_kept: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.owner_row)

    def where(self, chosen: npt.NDArray[np.bool_]) -> SharedPairs:
        """The pairs where `chosen` is true."""
        return SharedPairs(
            self.owner_row[chosen], self.product_row[chosen], self.n_shares[chosen], self.n_kept[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class ShareExamples:
    """features float32 (n_pairs, n_features) as in `feature_names`, beside the pairs."""

    features: Floats
    pairs: SharedPairs


def shared_between(later: Inputs, earlier: Inputs, after: datetime, until: datetime) -> SharedPairs | None:
    """What was shared in (after, until] by owners and of products known at `after`, in rows of `earlier`.

    None where the dataset cannot tell what came of a share.
    """
    told = later.shared
    if told is None:
        return None
    low, high = (int(moment.timestamp() * 1_000_000) for moment in (after, until))
    shared = told.where((told.share_time > low) & (told.share_time <= high))
    owner = places_in(earlier.owner_ids, later.owner_ids)[shared.owner_row]
    product = places_in(earlier.catalogue.product_ids, later.catalogue.product_ids)[shared.product_row]
    return shared_pairs(shared, owner, product, earlier.n_products)


def shared_pairs(
    shared: ShareOutcomes, owner: npt.NDArray[np.integer], product: npt.NDArray[np.integer], n_products: int
) -> SharedPairs:
    """The shares as pairs of these rows; what has a row of -1 is left out."""
    known = (owner >= 0) & (product >= 0)
    keys = owner[known].astype(np.int64) * n_products + product[known]
    found, at = np.unique(keys, return_inverse=True)
    return SharedPairs(
        (found // n_products).astype(np.int32), (found % n_products).astype(np.int32),
        np.bincount(at, minlength=len(found)).astype(np.float64),
        np.bincount(at, weights=shared.n_kept[known], minlength=len(found)).astype(np.float64),
    )  # fmt: skip


def sampled_pairs(pairs: SharedPairs, n: int, rng: np.random.Generator) -> SharedPairs:
    """At most n of the pairs, drawn by rng."""
    if len(pairs) <= n:
        return pairs
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[rng.choice(len(pairs), n, replace=False)] = True
    return pairs.where(chosen)


def features_of(
    model: Model, owner_row: Rows, product_row: Rows, target: Target, names: Sequence[str] | None = None
) -> Floats:
    """Pair features, by default all, of pairs sorted by owner, then product: float32 (n_pairs, n_names)."""
    model.prepare()  # what threads share is filled before they start
    wanted = feature_names(model) if names is None else names
    found = np.empty((len(owner_row), len(wanted)), dtype=np.float32)
    owners, starts = np.unique(owner_row, return_index=True)
    stops = np.r_[starts[1:], len(owner_row)]
    step = chunk_size(model)

    def fill(first: int) -> None:
        rows = owners[first : first + step].astype(np.int32)
        span = slice(starts[first], stops[first + len(rows) - 1])
        at = np.searchsorted(rows, owner_row[span]).astype(np.int32)
        found[span] = pair_features(scoring_of(model, rows, target), Pairs(at, product_row[span]), wanted)

    with ThreadPoolExecutor(thread_count()) as threads:
        list(threads.map(fill, range(0, len(owners), step)))
    return found


def share_examples(model: Model, pairs: SharedPairs) -> ShareExamples:
    """The pairs with their features for a circle, as the model's moment saw them."""
    return ShareExamples(features_of(model, pairs.owner_row, pairs.product_row, "circle"), pairs)


def joined_shares(parts: Sequence[ShareExamples]) -> ShareExamples:
    """Several sets of examples as one; they must have the same features."""
    pairs = [part.pairs for part in parts]
    return ShareExamples(
        np.concatenate([part.features for part in parts]),
        SharedPairs(
            np.concatenate([p.owner_row for p in pairs]), np.concatenate([p.product_row for p in pairs]),
            np.concatenate([p.n_shares for p in pairs]), np.concatenate([p.n_kept for p in pairs]),
        ),
    )  # fmt: skip
