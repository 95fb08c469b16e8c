"""Rankers: pair features in, one score per pair out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import lightgbm
import numpy as np
import numpy.typing as npt

from recsys.errors import SnapshotError

Floats = npt.NDArray[np.float32]


class Ranker(Protocol):
    """Scores pairs; `feature_names` are the columns it reads, in its order."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the pair features it was fitted on."""
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
        return np.asarray(np.nan_to_num(features) @ weights, dtype=np.float32)


class BoostedTrees:
    """Gradient-boosted trees in LightGBM's own text format."""

    def __init__(self, text: str, n_threads: int = 1) -> None:
        self.text = text
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise SnapshotError(f"ranker: not a LightGBM model: {error}; retrain the snapshot") from error
        self._names = tuple(self._booster.feature_name())
        self._n_threads = n_threads

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the pair features it was fitted on."""
        return self._names

    def scores(self, features: Floats) -> Floats:
        """float32 (n_pairs,)."""
        if not len(features):
            return np.zeros(0, dtype=np.float32)
        raw = self._booster.predict(features, raw_score=True, num_threads=self._n_threads)
        return np.asarray(raw, dtype=np.float32)


def columns_of(names: Sequence[str], wanted: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions of the wanted names; SnapshotError when one is not there."""
    position = {name: at for at, name in enumerate(names)}
    missing = [name for name in wanted if name not in position]
    if missing:
        raise SnapshotError(
            f"ranker: needs the pair feature {missing[0]!r}, which this version lacks; retrain"
        )
    return np.array([position[name] for name in wanted], dtype=np.int64)
