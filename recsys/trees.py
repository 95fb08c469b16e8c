"""Gradient-boosted trees read from LightGBM's text format and evaluated as arrays.

Every condition of every tree is looked at for all rows at once; each that does not hold strikes out the
leaves to its left, and the first leaf left standing is the one a row falls into (QuickScorer, Lucchese 2015).
The scores are LightGBM's, bit by bit, a few hundred candidates take as long as with it, and a service that
answers need not load a library that learns, with all that comes along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys.errors import SnapshotError

Floats = npt.NDArray[np.float32]

MAX_LEAVES = 64  # a bit each in one word
ROWS = 256  # rows that are looked at together: their conditions stay inside the cache
AT_ZERO, TO_THE_LEFT, TO_THE_RIGHT = range(3)  # where a missing value goes
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2  # bits of a decision type
MISSING_NONE, MISSING_NAN = 0, 2


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Conditions and leaves of all trees, each tree padded to as many as the largest has.

    column int64, threshold float32, mask unsigned (n_trees · n_conditions,): a condition is value ≤
    threshold, the mask keeps the leaves that remain where it fails. `column` counts the features three times
    over: missing values at 0, to the left, to the right. leaf_value float64 (n_trees, n_leaves), leftmost
    first.
    """

    feature_names: tuple[str, ...]
    column: npt.NDArray[np.int64]
    threshold: Floats
    mask: npt.NDArray[np.unsignedinteger]
    leaf_value: npt.NDArray[np.float64]

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """float64 (n_rows,): the sum of the leaves each row falls into; features (n_rows, n_features)."""
        found = np.empty(len(features), dtype=np.float64)
        for start in range(0, len(features), ROWS):
            found[start : start + ROWS] = self._of_rows(features[start : start + ROWS])
        return found

    def narrowed(self) -> Trees:
        """The same trees over the features that some condition asks for, at least one, in their order."""
        n_features, real = len(self.feature_names), self.mask != np.iinfo(self.mask.dtype).max
        feature, put = self.column % n_features, self.column // n_features
        asked = np.unique(feature[real]) if real.any() else np.zeros(1, dtype=np.int64)
        place = np.zeros(n_features, dtype=np.int64)  # what pads a tree may look at any feature
        place[asked] = np.arange(len(asked))
        names = tuple(self.feature_names[at] for at in asked)
        return replace(self, feature_names=names, column=place[feature] + put * len(asked))

    def _of_rows(self, features: Floats) -> npt.NDArray[np.float64]:
        n_trees, n_rows = len(self.leaf_value), len(features)
        values = np.ascontiguousarray(features.T)
        missing, column = np.isnan(values), self.column
        if missing.any():
            values = np.concatenate([np.where(missing, put, values) for put in PUT])
        else:
            column = column % max(1, len(values))  # all three of a feature are the same
        holds = values[column] <= self.threshold[:, None]
        word = self.mask.dtype
        # all bits where it holds, as -1 has: np.where takes five times as long
        kept = np.negative(holds.view(np.int8)).astype(word.str.replace("u", "i")).view(word)
        kept |= self.mask[:, None]
        standing = np.bitwise_and.reduce(kept.reshape(n_trees, -1, n_rows), axis=1)
        first = np.bitwise_count(~standing & (standing - word.type(1)))
        leaf = first + np.arange(0, self.leaf_value.size, self.leaf_value.shape[1])[:, None]
        sums: npt.NDArray[np.float64] = self.leaf_value.ravel()[leaf].sum(axis=0)
        return sums


PUT = np.array([0.0, -np.inf, np.nan], dtype=np.float32)  # what stands for a missing value, by where it goes


def read_trees(text: str) -> Trees:
    """The trees of a model in LightGBM's text format; SnapshotError where it is no such model."""
    try:
        names, blocks = tree_blocks(text)
        return _joined(names, [_Tree.read(fields, len(names)) for fields in blocks])
    except (KeyError, ValueError, IndexError) as error:
        raise SnapshotError(f"ranker: not a LightGBM model: {error}; retrain the snapshot") from error


def tree_blocks(text: str) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """The names of the features, and the fields of each tree; KeyError or ValueError where there are none."""
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    names = tuple(_fields(head)["feature_names"].split())
    if not blocks or "end of trees" not in text:
        raise ValueError("it holds no whole trees")
    return names, [_fields(block) for block in blocks]


@dataclass(frozen=True, slots=True)
class _Tree:
    column: list[int]
    threshold: list[float]
    kept: list[int]  # a bit for each leaf that remains where the condition fails
    leaf_value: list[float]

    @classmethod
    def read(cls, fields: Mapping[str, str], n_features: int) -> _Tree:
        n_leaves = int(fields["num_leaves"])
        values = numbers_of(fields["leaf_value"], n_leaves)
        if not np.isfinite(values).all():
            raise ValueError("a leaf is not finite")
        if not 1 <= n_leaves <= MAX_LEAVES or int(fields["num_cat"]):
            raise ValueError(
                f"a tree has {n_leaves} leaves and {fields['num_cat']} categories; at most 64 and 0"
            )
        if n_leaves == 1:
            return cls([], [], [], values)
        n_conditions = n_leaves - 1
        feature = whole_numbers_of(fields["split_feature"], n_conditions)
        if min(feature) < 0 or max(feature) >= n_features:
            raise ValueError("a condition asks for a feature that is not there")
        kinds = whole_numbers_of(fields["decision_type"], n_conditions)
        threshold = numbers_of(fields["threshold"], n_conditions)
        children = list(
            zip(
                whole_numbers_of(fields["left_child"], n_conditions),
                whole_numbers_of(fields["right_child"], n_conditions),
                strict=True,
            )
        )
        order, under_left = _in_order(children, n_leaves)
        every = (1 << n_leaves) - 1
        return cls(
            [f + n_features * missing_put(kind) for f, kind in zip(feature, kinds, strict=True)], threshold,
            [every & ~bits for bits in under_left], [values[leaf] for leaf in order],
        )  # fmt: skip


def _in_order(children: list[tuple[int, int]], n_leaves: int) -> tuple[list[int], list[int]]:
    """The leaves from left to right, and for each condition the bits of those under its left child.

    ValueError unless every condition and every leaf hangs in the tree exactly once.
    """
    order: list[int] = []
    under_left = [0] * len(children)
    seen: set[int] = set()
    stack: list[tuple[int, int, int]] = [(0, 0, 0)]  # a node, how far it is done, leaves before it
    while stack:
        node, done, before = stack.pop()
        if node < 0:
            order.append(~node)
        elif done == 0:
            if node in seen or node >= len(children):
                raise ValueError("its conditions are no tree")
            seen.add(node)
            stack += [(node, 1, len(order)), (children[node][0], 0, 0)]
        else:
            under_left[node] = (1 << len(order)) - (1 << before)
            stack.append((children[node][1], 0, 0))
    if len(seen) != len(children) or sorted(order) != list(range(n_leaves)):
        raise ValueError("its conditions are no tree")
    return order, under_left


def _joined(names: tuple[str, ...], trees: list[_Tree]) -> Trees:
    n_leaves = max(len(tree.leaf_value) for tree in trees)
    word = next(kind for kind in (np.uint16, np.uint32, np.uint64) if n_leaves <= np.iinfo(kind).bits)
    shape = (len(trees), max(1, n_leaves - 1))
    column = np.zeros(shape, dtype=np.int64)
    threshold = np.full(shape, np.inf)
    mask = np.full(shape, np.iinfo(word).max, dtype=word)
    leaf_value = np.zeros((len(trees), n_leaves))
    for row, tree in enumerate(trees):
        n = len(tree.column)
        column[row, :n], threshold[row, :n] = tree.column, tree.threshold
        mask[row, :n] = np.array(tree.kept, dtype=word)
        leaf_value[row, : n + 1] = tree.leaf_value
    return Trees(names, column.ravel(), _rounded_down(threshold.ravel()), mask.ravel(), leaf_value)


def _rounded_down(threshold: npt.NDArray[np.float64]) -> Floats:
    """The largest float32 that is no larger: a float32 is at most both or neither."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def missing_put(kind: int) -> int:
    """Where a missing value goes, by the bits of a decision type."""
    missing = kind >> MISSING_SHIFT
    if kind & CATEGORICAL or missing not in (MISSING_NONE, MISSING_NAN):
        raise ValueError(f"a condition is of a kind that is not read here: {kind}")
    if missing == MISSING_NONE:
        return AT_ZERO
    return TO_THE_LEFT if kind & DEFAULT_LEFT else TO_THE_RIGHT


def _fields(block: str) -> dict[str, str]:
    return dict(_pairs(block))


def _pairs(block: str) -> Iterator[tuple[str, str]]:
    for line in block.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            yield name, value


def numbers_of(text: str, n: int) -> list[float]:
    """n numbers of a field; ValueError for another count."""
    found = [float(part) for part in text.split()]
    if len(found) != n or np.isnan(found).any():
        raise ValueError(f"{n} numbers were wanted; got {text[:60]!r}")
    return found


def whole_numbers_of(text: str, n: int) -> list[int]:
    """n whole numbers of a field; ValueError for another count."""
    found = [int(part) for part in text.split()]
    if len(found) != n:
        raise ValueError(f"{n} whole numbers were wanted; got {text[:60]!r}")
    return found
