"""From profiles to ranked candidates: propose, close gates, compute features, score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.candidates import Candidates, propose
from recsys.domain import Query, Target
from recsys.gates import gates, open_pairs
from recsys.model import Model
from recsys.pair_features import Floats, feature_names, pair_features
from recsys.profiles import profiles_of
from recsys.ranker import columns_of
from recsys.scoring import MAX_DENSE_VALUES, Pairs, Scoring

CANDIDATES_PER_SOURCE = 60
MAX_CHUNK_OWNERS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Scored pairs of a chunk, best first within each owner.

    owner int32: position in the chunk; product int32; score float32; source int8; all (n_pairs,).
    `left_out`: pairs closed by each gate, in all.
    """

    owner: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    score: Floats
    source: npt.NDArray[np.int8]
    left_out: dict[str, int]


def chunk_size(model: Model) -> int:
    """How many owners are scored at once, so that dense tables stay small."""
    return max(1, min(MAX_CHUNK_OWNERS, MAX_DENSE_VALUES // max(1, model.n_products)))


def scoring_of(model: Model, owner_rows: npt.NDArray[np.int32], target: Target) -> Scoring:
    """The lazily computed scores of these owners for a target."""
    return Scoring(model, profiles_of(model, owner_rows, target))


def score_pairs(scoring: Scoring, pairs: Pairs) -> Floats:
    """The ranker's score of each pair, float32 (n_pairs,); gates aside."""
    model = scoring.model
    ranker = model.rankers[scoring.profiles.target]
    wanted = columns_of(feature_names(model), ranker.feature_names)
    return ranker.scores(np.ascontiguousarray(pair_features(scoring, pairs)[:, wanted]))


def rank(scoring: Scoring, query: Query, candidates: Candidates | None = None) -> Ranked:
    """The candidates of every owner in the chunk, gated, scored and sorted."""
    model = scoring.model
    n_per_source = int(model.settings.get("candidates_per_source", CANDIDATES_PER_SOURCE))
    found = propose(scoring, max(n_per_source, query.n)) if candidates is None else candidates
    closed = gates(model, scoring.profiles, found.pairs, query)
    passed = np.flatnonzero(open_pairs(closed, len(found.pairs)))
    pairs = Pairs(found.pairs.owner[passed], found.pairs.product[passed])
    score = score_pairs(scoring, pairs)
    order = np.lexsort((pairs.product, -score, pairs.owner))
    left_out = {name: int(mask.sum()) for name, mask in closed.items() if mask.any()}
    return Ranked(
        pairs.owner[order], pairs.product[order], score[order], found.source[passed][order], left_out
    )  # fmt: skip


def places_within(owner: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """0, 1, 2 … within each run of equal values; int32 (n,)."""
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else np.zeros(0, dtype=int)
    lengths = np.diff(np.r_[starts, len(owner)])
    return (np.arange(len(owner)) - np.repeat(starts, lengths)).astype(np.int32)
