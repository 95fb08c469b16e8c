"""Terms of a score: they sum up to it, and for trees they are LightGBM's own, feature by feature."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from recsys.contributions import contributions
from recsys.errors import SnapshotError
from recsys.ranker import Blend, BoostedTrees

NAMES = ("a", "b", "c", "d", "e", "f")


def rows(n: int, seed: int, missing: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    found[:, 1] = np.round(found[:, 1])
    found[rng.random(found.shape) < missing] = np.nan
    return found


def grown(n_leaves: int, missing: float) -> str:
    features = rows(1_500, 1, missing)
    label = np.nan_to_num(features[:, 0] * features[:, 3]) + np.isnan(features[:, 4])
    data = lightgbm.Dataset(features, label, feature_name=list(NAMES), params={"verbose": -1})
    plan = {"objective": "regression", "num_leaves": n_leaves, "verbose": -1, "num_threads": 1, "seed": 3}
    return lightgbm.train(plan, data, 20).model_to_string()


@pytest.mark.parametrize("n_leaves", [2, 15, 31])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_terms_of_trees_are_lightgbms_own_and_sum_up_to_the_score(n_leaves: int, missing: float) -> None:
    ranker = BoostedTrees(grown(n_leaves, missing))
    features = rows(12, 2, 0.3)
    asked = np.ascontiguousarray(features[:, [NAMES.index(name) for name in ranker.feature_names]])
    terms = contributions(ranker, asked)
    score = ranker.scores(asked).astype(np.float64)
    assert terms.base + terms.values.sum(axis=1) == pytest.approx(score, abs=1e-5)
    booster = lightgbm.Booster(model_str=ranker.text)
    theirs = booster.predict(features, pred_contrib=True, num_threads=1)
    assert terms.base == pytest.approx(theirs[0, -1], abs=1e-6)
    for at, name in enumerate(terms.names):
        assert terms.values[:, at] == pytest.approx(theirs[:, NAMES.index(name)], abs=1e-6)


def test_terms_of_a_blend_are_weight_times_value() -> None:
    ranker = Blend({"a": 2.0, "b": -0.5})
    features = np.array([[1.0, 4.0], [np.nan, 2.0]], dtype=np.float32)
    terms = contributions(ranker, features)
    assert (terms.base, terms.values.tolist()) == (0.0, [[2.0, -2.0], [0.0, -1.0]])
    assert terms.values.sum(axis=1) == pytest.approx(ranker.scores(features))


def test_red_control_a_tree_with_other_counts_has_other_terms() -> None:
    text = grown(15, 0.0)
    ranker = BoostedTrees(text)
    features = np.ascontiguousarray(rows(5, 2, 0.0)[:, [NAMES.index(n) for n in ranker.feature_names]])
    lines = [
        "leaf_count=" + " ".join("7" for _ in line.split()) if line.startswith("leaf_count=") else line
        for line in text.splitlines()
    ]
    other = contributions(BoostedTrees("\n".join(lines)), features)
    assert np.abs(other.values - contributions(ranker, features).values).max() > 0.01


def test_a_text_without_counts_is_refused_in_a_sentence() -> None:
    text = "\n".join(line for line in grown(15, 0.0).splitlines() if not line.startswith("leaf_count="))
    ranker = BoostedTrees(text)
    with pytest.raises(SnapshotError, match="cannot be taken apart"):
        contributions(ranker, np.zeros((1, len(ranker.feature_names)), dtype=np.float32))
