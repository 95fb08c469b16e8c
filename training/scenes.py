"""What a scene and a channel change in what a share brings, learned from shares, from the root to the leaf.

Kept orders follow a Poisson law whose mean is what the owner's shares and those of the category bring anyway,
times lifts. Each lift has a gamma prior of mean 1 worth as many kept orders as makes what was seen likeliest
(empirical Bayes), and is counted on top of those before it: channel, then for each level of the scenes' tree
the scene in all categories, then the scene in each top category. What is not known of a scene is so what is
known of the one above it, and nothing where nothing is known of that either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from features.contract import CHANNELS
from features.scene_outcomes import SceneOutcomes
from recsys.category_tree import SEPARATOR, levels_of
from recsys.ids import IdList
from recsys.scenes import SceneLifts, path_of
from training.inputs import Catalogue

MIN_KEPT = 300  # kept orders below which nothing is told, as in training/learn_shares.py
MIN_SHARES = 10  # of a scene, those below it counted in, before it has a row of its own
PRIOR_SHARES = 20.0  # that the mean of all owners is worth beside an owner's own
PRIORS = np.array([5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000], dtype=np.float64)
PERIOD_US = 28 * 86_400_000_000  # circles grow: a festival is held against the weeks around it

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Off = tuple[tuple[str, str], ...]


@dataclass(slots=True, eq=False)
class _Counts:
    """Kept orders, and how many are expected by what is known so far, of each entry; `step` moves them on."""

    kept: Floats
    expected: Floats
    spread: float = 1.0  # variance / mean: shares of one cell are fewer than they look where they vary more

    def step(self, key: Rows, n_keys: int) -> Floats:
        """The log lift of each key, float64 (n_keys,); what is expected rises by it. A key of -1: none."""
        on = key >= 0
        kept = np.bincount(key[on], weights=self.kept[on], minlength=n_keys) / self.spread
        expected = np.bincount(key[on], weights=self.expected[on], minlength=n_keys) / self.spread
        lift = shrunken_lift(kept, expected)
        self.expected[on] *= lift[key[on]]
        found: Floats = np.log(lift)
        return found


def scene_lifts(told: SceneOutcomes | None, catalogue: Catalogue) -> tuple[SceneLifts | None, Off]:
    """What scenes and channels change, and what cannot be told with the reason; None where nothing can."""
    if told is None:
        return None, ()  # the dataset's own list says which table or column is absent
    n_kept = int(told.n_kept.sum())
    if n_kept < MIN_KEPT:
        why = f"{n_kept} kept orders through shares, {MIN_KEPT} are needed"
        return None, (("what the scene and the channel of a share change", why),)
    return _fitted(told, catalogue), ()


def shrunken_lift(kept: Floats, expected: Floats) -> Floats:
    """(kept + a) / (expected + a) of each cell, a the likeliest of `PRIORS` (the largest of equals)."""
    a = prior_of(kept, expected)
    found: Floats = (kept + a) / (expected + a)
    return found


def prior_of(kept: Floats, expected: Floats) -> float:
    """The kept orders that a lift of 1 is worth: largest marginal likelihood, negative binomial counts."""
    seen = expected > 0
    k, e, a = kept[seen][:, None], expected[seen][:, None], PRIORS[::-1]
    likelihood = gammaln(k + a) - gammaln(a) + a * np.log(a) - (k + a) * np.log(e + a)
    return float(a[int(likelihood.sum(axis=0).argmax())])


def _fitted(told: SceneOutcomes, catalogue: Catalogue) -> SceneLifts:
    counts = _Counts(told.n_kept.astype(np.float64), _by_owner(told))
    leaf = catalogue.category_row[told.product_row]
    levels = levels_of(catalogue.category_paths)
    for level in levels:
        counts.step(level[leaf].astype(np.int64), len(catalogue.category_paths))
    period = (told.day_us.max() - told.day_us) // PERIOD_US
    counts.step(period, int(period.max()) + 1)
    log_channel = counts.step(told.channel_row.astype(np.int64), len(CHANNELS))
    counts.spread = max(1.0, float(np.square(counts.kept - counts.expected).sum() / counts.expected.sum()))
    by_name = np.argsort(CHANNELS)
    top_row, top = np.unique(levels[0][leaf], return_inverse=True)
    paths, node = scene_nodes(told)
    scene_levels, shape = levels_of(paths), (len(paths), len(top_row))
    n_cells, alone = len(paths) * len(top_row), counts.expected.copy()
    log_lift = np.zeros(shape)
    evidence = {"n_shares": np.zeros(shape), "n_kept": np.zeros(shape), "n_expected": np.zeros(shape)}
    values = {"n_shares": told.n_shares.astype(np.float64), "n_kept": counts.kept, "n_expected": alone}
    for level in scene_levels:
        at = np.where(node >= 0, level[np.maximum(node, 0)], -1).astype(np.int64)
        cell = np.where(at >= 0, at * len(top_row) + top, -1)
        # added to whatever lies below as well; a cell that nobody shared in has the lift of its scene
        of_scene = counts.step(at, len(paths))
        of_cell = counts.step(cell, n_cells).reshape(shape)
        reached = level >= 0
        log_lift[reached] += of_scene[level[reached], None] + of_cell[level[reached]]
        for name, value in values.items():
            on = cell >= 0
            evidence[name] += np.bincount(cell[on], weights=value[on], minlength=n_cells).reshape(shape)
    return SceneLifts(
        scenes=IdList.of(paths), channels=IdList.of([CHANNELS[row] for row in by_name]),
        top_row=top_row.astype(np.int32), log_lift=log_lift.astype(np.float32),
        n_shares=evidence["n_shares"].astype(np.int32), n_kept=evidence["n_kept"].astype(np.int32),
        n_expected=evidence["n_expected"].astype(np.float32),
        log_channel=log_channel[by_name].astype(np.float32),
    )  # fmt: skip


def _by_owner(told: SceneOutcomes) -> Floats:
    """What each entry's owner brings by as many shares, drawn to the mean; as many in all as were kept."""
    kept, shares = told.n_kept.astype(np.float64), told.n_shares.astype(np.float64)
    mean = kept.sum() / shares.sum()
    of_owner = np.bincount(told.owner_row, weights=kept) + PRIOR_SHARES * mean
    rate = of_owner / (np.bincount(told.owner_row, weights=shares) + PRIOR_SHARES)
    expected = rate[told.owner_row] * shares
    whole: Floats = expected * (kept.sum() / expected.sum())
    return whole


def scene_nodes(told: SceneOutcomes) -> tuple[list[str], Rows]:
    """(paths of the tree, sorted; for each entry its node, -1: none).

    A scene with fewer than `MIN_SHARES`, those below it counted in, is its parent; at the top, none.
    """
    of_scene = np.bincount(
        told.scene_row[told.scene_row >= 0], weights=told.n_shares[told.scene_row >= 0],
        minlength=len(told.scenes),
    )  # fmt: skip
    n_shares: dict[str, float] = {}
    ways = []
    for scene, count in zip(told.scenes, of_scene.tolist(), strict=True):
        names = path_of(scene).split(SEPARATOR)
        ways.append([SEPARATOR.join(names[:depth]) for depth in range(1, len(names) + 1) if names[0]])
        for path in ways[-1]:
            n_shares[path] = n_shares.get(path, 0.0) + count
    paths = sorted((path for path, n in n_shares.items() if n >= MIN_SHARES), key=str.encode)
    row_of = {path: row for row, path in enumerate(paths)}
    nodes = [max((row_of[path] for path in way if path in row_of), default=-1) for way in ways]
    nearest = np.array([*nodes, -1], dtype=np.int64)  # the last for a row of -1
    return paths, nearest[told.scene_row]
