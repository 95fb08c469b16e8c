"""What each feature adds to a ranker's score of a pair: terms that sum up to the score.

For trees these are Shapley values of the game in which a feature that is not told sends a row both ways, by
the parts in which the examples went (Lundberg 2018, path-dependent TreeSHAP); for a blend, weight times
value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from recsys.errors import SnapshotError
from recsys.ranker import Blend, BoostedTrees, Ranker
from recsys.trees import PUT, missing_put, numbers_of, tree_blocks, whole_numbers_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """base: the score before anything is told. values float64 (n_pairs, n_names): base + row is the score."""

    names: tuple[str, ...]
    base: float
    values: Floats


def contributions(ranker: Ranker, features: npt.NDArray[np.float32]) -> Terms:
    """The terms of each row; features (n_pairs, n_names) in the order of `ranker.feature_names`.

    SnapshotError for a ranker that cannot be taken apart.
    """
    names = ranker.feature_names
    if isinstance(ranker, Blend):
        weights = np.array(list(ranker.weights.values()))
        return Terms(names, 0.0, np.nan_to_num(features).astype(np.float64) * weights)
    if not isinstance(ranker, BoostedTrees):
        raise SnapshotError("ranker: its scores cannot be taken apart into terms")
    return _of_trees(ranker.text, names, features)


@dataclass(frozen=True, slots=True)
class _Step:
    """One condition on the way to a leaf: which feature, whether it must hold, what part of rows went on."""

    name: str
    condition: int
    must_hold: bool
    part: float


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """Conditions as arrays, and every leaf with the way to it."""

    names: tuple[str, ...]
    threshold: tuple[float, ...]
    kind: tuple[int, ...]
    leaves: tuple[tuple[float, tuple[_Step, ...]], ...]


def _of_trees(text: str, names: Sequence[str], features: npt.NDArray[np.float32]) -> Terms:
    column = {name: at for at, name in enumerate(names)}
    values, base = np.zeros((len(features), len(names))), 0.0
    try:
        fitted, blocks = tree_blocks(text)
        for fields in blocks:
            tree = _tree(fields, fitted)
            holds = _holds(tree, column, features)
            for leaf_value, way in tree.leaves:
                base += leaf_value * float(np.prod([step.part for step in way]))
                _add_leaf(values, column, leaf_value, way, holds)
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise SnapshotError(f"ranker: cannot be taken apart: {error}; retrain the snapshot") from error
    return Terms(tuple(names), base, values)


def _tree(fields: Mapping[str, str], fitted: Sequence[str]) -> _Tree:
    n = int(fields["num_leaves"])
    leaf_value = numbers_of(fields["leaf_value"], n)
    if n == 1:
        return _Tree((), (), (), ((leaf_value[0], ()),))
    leaf_count = numbers_of(fields["leaf_count"], n)
    names = tuple(fitted[at] for at in whole_numbers_of(fields["split_feature"], n - 1))
    children = [whole_numbers_of(fields[side], n - 1) for side in ("left_child", "right_child")]

    def count(node: int) -> float:
        return leaf_count[~node] if node < 0 else count(children[0][node]) + count(children[1][node])

    def leaves(node: int, way: tuple[_Step, ...]) -> Iterator[tuple[float, tuple[_Step, ...]]]:
        if node < 0:
            yield leaf_value[~node], way
            return
        for side, must_hold in enumerate((True, False)):
            child = children[side][node]
            step = _Step(names[node], node, must_hold, count(child) / count(node))
            yield from leaves(child, (*way, step))

    return _Tree(
        names, tuple(numbers_of(fields["threshold"], n - 1)),
        tuple(whole_numbers_of(fields["decision_type"], n - 1)), tuple(leaves(0, ())),
    )  # fmt: skip


def _holds(
    tree: _Tree, column: Mapping[str, int], features: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """bool (n_conditions, n_pairs): value ≤ threshold, missing values where LightGBM sends them."""
    found = np.zeros((len(tree.names), len(features)), dtype=np.bool_)
    for at, (name, threshold, kind) in enumerate(zip(tree.names, tree.threshold, tree.kind, strict=True)):
        value = features[:, column[name]].astype(np.float64)
        found[at] = np.where(np.isnan(value), PUT[missing_put(kind)], value) <= threshold
    return found


def _add_leaf(
    values: Floats, column: Mapping[str, int], leaf_value: float, way: Sequence[_Step],
    holds: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Add the Shapley values of one leaf: its value times what told and untold features leave of a row."""
    told: dict[str, Floats] = {}
    untold: dict[str, float] = {}
    for step in way:
        goes_on = (holds[step.condition] == step.must_hold).astype(np.float64)
        told[step.name] = told.get(step.name, 1.0) * goes_on
        untold[step.name] = untold.get(step.name, 1.0) * step.part
    n = len(told)
    weights = np.array([factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)])
    for name in told:
        sums = np.zeros((n, values.shape[0]))  # by how many others are told
        sums[0] = 1.0
        for other in told:
            if other != name:
                sums[1:] = sums[1:] * untold[other] + sums[:-1] * told[other]
                sums[0] *= untold[other]
        values[:, column[name]] += leaf_value * (told[name] - untold[name]) * (weights @ sums)
