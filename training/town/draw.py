"""Seeded draws: one independent stream per purpose, and picking rows by weight within groups."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the purpose alone, so that no draw disturbs another's."""
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in purpose]
    return np.random.default_rng([seed, *words])


def unit_rows(vectors: Array) -> NDArray[np.float32]:
    """The rows scaled to length 1, float32."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)


def by_row(probabilities: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """One column drawn for each row of unnormalised probabilities, int64 (n,)."""
    cumulative = np.cumsum(probabilities, axis=1, dtype=np.float32)
    mark = rng.random(len(cumulative), dtype=np.float32)[:, None] * cumulative[:, -1:]
    return np.asarray(np.minimum((cumulative <= mark).sum(axis=1), probabilities.shape[1] - 1))


def gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Gumbel noise: the largest of utility + noise is a draw from their softmax."""
    draws = rng.standard_exponential(shape, dtype=np.float32)
    return np.asarray(-np.log(np.maximum(draws, np.float32(1e-30))))


@dataclass(frozen=True, slots=True)
class GroupedWeights:
    """Rows in groups, to be drawn by weight within a group; `rows` sorted by group."""

    rows: NDArray[np.int64]
    cumulative: NDArray[np.float64]  # (n_rows + 1,), from 0, over all groups
    starts: NDArray[np.int64]  # (n_groups + 1,)

    @classmethod
    def build(cls, groups: Array, weights: Array, n_groups: int) -> GroupedWeights:
        """Rows 0..n-1 with their group and weight."""
        rows = np.argsort(groups, kind="stable")
        cumulative = np.concatenate([[0.0], np.cumsum(weights[rows].astype(np.float64))])
        starts = np.searchsorted(groups[rows], np.arange(n_groups + 1))
        return cls(rows, cumulative, starts)

    def draw(self, groups: Array, rng: np.random.Generator, n_each: int | None = None) -> NDArray[np.int64]:
        """A row per group asked for, (n,) or (n, n_each) with repeats; -1 where the group is empty."""
        shape = (len(groups),) if n_each is None else (len(groups), n_each)
        first, last = self.starts[groups], self.starts[groups + 1]
        low, high = self.cumulative[first], self.cumulative[last]
        if n_each is not None:
            first, last, low, high = first[:, None], last[:, None], low[:, None], high[:, None]
        mark = low + rng.random(shape) * (high - low)
        place = np.searchsorted(self.cumulative, mark, side="right") - 1
        place = np.clip(place, first, np.maximum(last - 1, first))
        place = np.minimum(place, len(self.rows) - 1)
        return np.where(last > first, self.rows[place], -1)
