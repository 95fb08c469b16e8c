"""Lists of a few owners, and why the first product stands where it does, told feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.contributions import contributions
from recsys.domain import Pick, Query
from recsys.errors import UsageError
from recsys.model import Model
from recsys.model_files import model_of
from recsys.pair_features import pair_features
from recsys.pairs import Pairs
from recsys.ranking import scoring_of
from recsys.recommend import rank_many, recommend
from recsys.snapshot import Snapshot
from training import metrics

N_EXAMPLES = 3
N_PLACES = 10
N_DRAWN = 300  # owners whose lists say how places spread


@dataclass(frozen=True, slots=True)
class Term:
    """One feature of a pair: its value (None where it has none) and what it adds to the score."""

    name: str
    value: float | None
    adds: float


@dataclass(frozen=True, slots=True)
class Explained:
    """A score taken apart: `base` and the terms, the largest first, sum up to `score`.

    `expected`: kept orders that such a score stands for; `gain`: what a kept order of it is worth. None where
    nothing says so.
    """

    base: float
    terms: tuple[Term, ...]
    score: float
    expected: float | None
    gain: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """One owner's list for her circle, and why its first product stands there (None for an empty list)."""

    owner_id: str
    picks: tuple[Pick, ...]
    why: Explained | None


@dataclass(frozen=True, slots=True)
class Spread:
    """How the places of drawn owners' lists spread: a Lorenz curve, the part of products shown, Gini."""

    n_owners: int
    lorenz: tuple[NDArray[np.float64], NDArray[np.float64]]
    coverage: float
    gini: float


def example_owners(snapshots: Sequence[Snapshot], seed: int, owner_id: str | None = None) -> list[str]:
    """A few owners that every snapshot knows, drawn; the one that is named, if one is.

    UsageError for a name that one of the snapshots does not know.
    """
    known = snapshots[0].ids("owners")
    others = [snapshot.ids("owners") for snapshot in snapshots[1:]]
    if owner_id is not None:
        if any(owner_id not in ids for ids in (known, *others)):
            raise UsageError("--owner: must be an owner whom the snapshot knows; `batch` writes all of them")
        return [owner_id]
    drawn = np.random.default_rng([seed, 41]).permutation(len(known)).tolist()
    found: list[str] = []
    for row in drawn:
        if len(found) == N_EXAMPLES:
            break
        if all(known[row] in ids for ids in others):
            found.append(known[row])
    return found


def example_of(snapshot: Snapshot, owner_id: str) -> Example:
    """The first places of an owner's list, the first of them explained."""
    picks = recommend(snapshot, Query(owner_id, n=N_PLACES)).picks
    why = explain(model_of(snapshot), owner_id, picks[0].product_id) if picks else None
    return Example(owner_id, picks, why)


def explain(model: Model, owner_id: str, product_id: str) -> Explained:
    """The ranker's score of a product for an owner's circle, as terms."""
    row, owner = model.products.ids.row(product_id), model.people.owners.row(owner_id)
    scoring = scoring_of(model, np.array([owner], dtype=np.int32), "circle")
    pairs = Pairs(np.zeros(1, dtype=np.int32), np.array([row], dtype=np.int32))
    ranker = model.rankers["circle"]
    features = pair_features(scoring, pairs, ranker.feature_names)
    found = contributions(ranker, features)
    terms = [
        Term(name, None if np.isnan(value) else float(value), float(adds))
        for name, value, adds in zip(found.names, features[0], found.values[0], strict=True)
    ]
    terms.sort(key=lambda term: (-abs(term.adds), term.name))
    score = ranker.scores(features)
    calibration = model.calibrations.get("circle")
    return Explained(
        found.base, tuple(terms), float(score[0]),
        None if calibration is None else float(calibration.expected_at(score)[0]),
        None if model.value is None else float(model.gain[row]),
    )  # fmt: skip


def spread_of(snapshot: Snapshot, seed: int) -> Spread:
    """How the first places of at most `N_DRAWN` owners' lists spread over the catalogue."""
    n_owners = len(snapshot.ids("owners"))
    drawn = np.sort(np.random.default_rng([seed, 43]).permutation(n_owners)[:N_DRAWN]).astype(np.int32)
    shown = np.zeros(len(snapshot.ids("products")), dtype=np.int64)
    for chunk in rank_many(snapshot, drawn, N_PLACES):
        np.add.at(shown, chunk.product_row, 1)
    return Spread(len(drawn), metrics.lorenz(shown), metrics.coverage(shown), metrics.gini(shown))
