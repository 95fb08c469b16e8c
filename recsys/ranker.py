"""Rankers: pair features in, one score per pair out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recsys.errors import SnapshotError
from recsys.trees import read_trees

Floats = npt.NDArray[np.float32]


class Ranker(Protocol):
    """Scores pairs; `feature_names` are the columns it reads, in its order."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the pair features that its scores depend on."""
        ...

    def scores(self, features: Floats) -> Floats:
        """float32 (n_pairs,), higher is better, comparable within one owner."""
        ...


@dataclass(frozen=True, slots=True)
class Blend:
    """A weighted sum of features: what ranks where there was too little to learn a ranker from."""

    weights: Mapping[str, float]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features with a weight."""
        return tuple(self.weights)

    def scores(self, features: Floats) -> Floats:
        """float32 (n_pairs,)."""
        weights = np.array(list(self.weights.values()), dtype=np.float32)
        # not `@`: BLAS reads beyond the end of short rows, and what lies there now and then raises the
        # processor's flag of an invalid number, which numpy then warns of though every result is right
        found: Floats = np.einsum("ij,j->i", np.nan_to_num(features), weights).astype(np.float32)
        return found


class BoostedTrees:
    """Gradient-boosted trees in LightGBM's own text format; SnapshotError when the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._trees = read_trees(text).narrowed()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the pair features that its conditions ask for; it was fitted on these and maybe more."""
        return self._trees.feature_names

    def scores(self, features: Floats) -> Floats:
        """float32 (n_pairs,)."""
        return self._trees.scores(features).astype(np.float32)


def scores_among(ranker: Ranker, names: Sequence[str], features: Floats) -> Floats:
    """The ranker's scores of rows that hold more features than it asks for, named `names`."""
    return ranker.scores(np.ascontiguousarray(features[:, columns_of(names, ranker.feature_names)]))


def columns_of(names: Sequence[str], wanted: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions of the wanted names; SnapshotError when one is not there."""
    position = {name: at for at, name in enumerate(names)}
    missing = [name for name in wanted if name not in position]
    if missing:
        raise lacks_feature(missing[0])
    return np.array([position[name] for name in wanted], dtype=np.int64)


def lacks_feature(name: str) -> SnapshotError:
    """What is said of a ranker that asks for a pair feature nobody computes."""
    return SnapshotError(f"ranker: needs the pair feature {name!r}, which this version lacks; retrain")
