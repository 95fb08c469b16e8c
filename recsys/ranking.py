"""From profiles to ranked candidates: close gates, propose, compute features, score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys.candidates import Candidates, propose
from recsys.domain import Query, Target
from recsys.gates import Gate, closed_at, gates, n_closed, opened
from recsys.live import OwnerNow
from recsys.model import Model
from recsys.pair_features import Floats, pair_features
from recsys.pairs import MAX_DENSE_VALUES, Pairs
from recsys.profiles import profiles_of
from recsys.scenes import occasion_of
from recsys.scoring import Scoring
from recsys.selection import order_of, ranks_by_worth, worth_of
from recsys.sources import SOURCES, Source
from recsys.sources.seam import SIDE

CANDIDATES_PER_SOURCE = 40
DEEPER = 4  # how much further each source is asked when its first candidates do not fill a list
MAX_CHUNK_OWNERS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Scored pairs of a chunk, best first within each owner.

    owner int32: position in the chunk; product int32; score float32; source int8; all (n_pairs,).
    worth float32 (n_pairs,): the expected good value that the lists stand by; None where the score decides.
    deeper int8 (n_pairs,): the question to the sources that found each, 0 the first.
    `left_out`: what each gate closes: products of the catalogue, or pairs of a list that the caller named.
    """

    owner: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    score: Floats
    source: npt.NDArray[np.int8]
    left_out: dict[str, int]
    deeper: npt.NDArray[np.int8]
    worth: Floats | None = None


def chunk_size(model: Model) -> int:
    """How many owners are scored at once, so that dense tables stay small."""
    return max(1, min(MAX_CHUNK_OWNERS, MAX_DENSE_VALUES // max(1, model.n_products)))


def scoring_of(
    model: Model, owner_rows: npt.NDArray[np.int32], target: Target, now: OwnerNow | None = None
) -> Scoring:
    """The lazily computed scores of these owners for a target; `now` is of the only one of them."""
    return Scoring(model, profiles_of(model, owner_rows, target, now), now)


def score_pairs(scoring: Scoring, pairs: Pairs) -> Floats:
    """The ranker's score of each pair, float32 (n_pairs,); gates aside."""
    ranker = scoring.model.rankers[scoring.profiles.target]
    return ranker.scores(pair_features(scoring, pairs, ranker.feature_names))


def rank(
    scoring: Scoring, query: Query, candidates: Candidates | None = None, sources: Sequence[Source] = SOURCES
) -> Ranked:
    """The candidates of every owner in the chunk, gated, scored and sorted.

    How many a source may propose does not depend on `query.n`, so that a short list is the beginning of a
    longer one. Where they are too few, every source is asked further and further down, until the lists are
    long enough or nothing open is left; what only a deeper question finds stands below what was found before.
    """
    closed = gates(scoring.model, scoring.profiles, query, scoring.now, scoring.fatigue)
    scoring.occasion = occasion_of(scoring.model.scenes, query.scene, query.channel, scoring.profiles.target)
    if candidates is not None:
        ranked = _selected(scoring, _ranked(scoring, candidates, closed))
        counts = {name: int(closed_at(gate, candidates.pairs).sum()) for name, gate in closed.items()}
        return replace(ranked, left_out={name: n for name, n in counts.items() if n})
    scoring.open = opened(scoring.standing, closed)
    depth = int(scoring.model.settings.get("candidates_per_source", CANDIDATES_PER_SOURCE))
    n_open = scoring.open.n_products(scoring.model.n_products)
    ranked = _ranked(scoring, propose(scoring, depth, sources), closed)
    whole = len(sources) == len(SOURCES)  # what some of the sources alone propose is judged as it is
    while whole and depth < SIDE * n_open and _shortest(ranked, len(scoring.profiles)) < query.n:
        depth *= DEEPER
        ranked = _followed_by(ranked, scoring, propose(scoring, depth, sources), closed)
    left_out = {name: n_closed(scoring.standing, name, gate) for name, gate in closed.items()}
    return replace(_selected(scoring, ranked), left_out={name: n for name, n in left_out.items() if n})


def _ranked(scoring: Scoring, found: Candidates, closed: Mapping[str, Gate]) -> Ranked:
    """The open ones among these candidates, scored and sorted; nothing counted as left out."""
    passed = np.ones(len(found.pairs), dtype=bool)
    for gate in closed.values():  # most sources propose open products only; a new one might not
        passed &= ~closed_at(gate, found.pairs)
    pairs = Pairs(found.pairs.owner[passed], found.pairs.product[passed])
    score = score_pairs(scoring, pairs)
    order = np.lexsort((pairs.product, -score, pairs.owner))
    first = np.zeros(len(order), dtype=np.int8)
    return Ranked(
        pairs.owner[order], pairs.product[order], score[order], found.source[passed][order], {}, first
    )


def _selected(scoring: Scoring, ranked: Ranked) -> Ranked:
    """The same pairs by expected good value, where there is any to go by."""
    model, target = scoring.model, scoring.profiles.target
    owner, product, score, deeper = ranked.owner, ranked.product, ranked.score, ranked.deeper
    lift = None if scoring.occasion is None else scoring.occasion.scene_lift(model.top_row_of(product))
    if not ranks_by_worth(model, target):
        return ranked if lift is None else _lifted(ranked, lift)
    worth = worth_of(model, target, owner, product, score, deeper, lift)
    commission = None if model.commission is None else model.commission[product]
    order = order_of(owner, worth, score, product, commission, model.order_rules, deeper)
    return Ranked(
        owner[order], product[order], score[order], ranked.source[order], ranked.left_out, deeper[order],
        worth[order],
    )  # fmt: skip


def _lifted(ranked: Ranked, lift: Floats) -> Ranked:
    """The same pairs by score + log lift: as worth without a calibration, e^score stands for kept orders."""
    moved = ranked.score + np.log(lift)
    order = np.lexsort((ranked.product, -moved, ranked.deeper, ranked.owner))
    return replace(
        ranked, owner=ranked.owner[order], product=ranked.product[order], score=ranked.score[order],
        source=ranked.source[order], deeper=ranked.deeper[order],
    )  # fmt: skip


def _shortest(ranked: Ranked, n_owners: int) -> int:
    return int(np.bincount(ranked.owner, minlength=n_owners).min(initial=len(ranked.owner)))


def _followed_by(first: Ranked, scoring: Scoring, deeper: Candidates, closed: Mapping[str, Gate]) -> Ranked:
    """The first candidates, then those that only the deeper question found, their scores moved below."""
    n_products = scoring.model.n_products
    known = first.owner.astype(np.int64) * n_products + first.product
    keys = deeper.pairs.owner.astype(np.int64) * n_products + deeper.pairs.product
    new = ~np.isin(keys, known)
    pairs = Pairs(deeper.pairs.owner[new], deeper.pairs.product[new])
    then = _ranked(scoring, Candidates(pairs, deeper.source[new]), closed)
    lowest = np.full(len(scoring.profiles), np.inf, dtype=np.float32)
    np.minimum.at(lowest, first.owner, first.score)
    highest = np.full(len(scoring.profiles), -np.inf, dtype=np.float32)
    np.maximum.at(highest, then.owner, then.score)
    above = np.maximum(highest - lowest, 0)[then.owner]
    score = np.minimum(then.score - above, lowest[then.owner]).astype(np.float32)
    owner = np.concatenate([first.owner, then.owner])
    order = np.argsort(owner, kind="stable")
    return Ranked(
        owner[order], np.concatenate([first.product, then.product])[order],
        np.concatenate([first.score, score])[order], np.concatenate([first.source, then.source])[order], {},
        np.concatenate([first.deeper, then.deeper + first.deeper.max(initial=0) + 1]).astype(np.int8)[order],
    )  # fmt: skip
