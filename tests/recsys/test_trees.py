"""Trees as arrays say what LightGBM says of the same text, bit by bit; what is no tree is refused."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from recsys.errors import SnapshotError
from recsys.trees import MAX_LEAVES, ROWS, read_trees

N_FEATURES = 6


def rows(n: int, seed: int, missing: float) -> np.ndarray:
    """Features with ties, zeros and missing values."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    found[:, 1] = np.round(found[:, 1])
    found[:, 2] *= rng.random(n) < 0.3
    found[rng.random(found.shape) < missing] = np.nan
    return found


def grown(n_leaves: int = 15, missing: float = 0.0, objective: str = "regression", n_trees: int = 40) -> str:
    features = rows(2_000, 1, missing)
    label = np.nan_to_num(features[:, 0] * features[:, 3]) + np.isnan(features[:, 4])
    data = lightgbm.Dataset(features, np.abs(label), params={"verbose": -1})
    plan = {
        "objective": objective,
        "num_leaves": n_leaves,
        "min_data_in_leaf": 1,
        "verbose": -1,
        "num_threads": 1,
    }
    return lightgbm.train(plan, data, n_trees).model_to_string()


def raw(text: str, features: np.ndarray) -> list[float]:
    return lightgbm.Booster(model_str=text).predict(features, raw_score=True, num_threads=1).tolist()


@pytest.mark.parametrize("n_leaves", [2, 3, 15, 16, 17, 33, MAX_LEAVES])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_every_row_scores_as_lightgbm_scores_it(n_leaves: int, missing: float) -> None:
    text = grown(n_leaves, missing)
    for asked in (missing, 0.0, 0.5):  # missing values where the trees saw none, and none where they saw some
        features = rows(2 * ROWS + 3, 2, asked)
        assert read_trees(text).scores(features).tolist() == raw(text, features)


def test_values_on_a_threshold_go_where_lightgbm_sends_them() -> None:
    text = grown()
    edges = np.array(
        [
            float(part)
            for line in text.splitlines()
            if line.startswith("threshold=")
            for part in line[10:].split()
        ]
    ).astype(np.float32)
    near = np.concatenate([edges, np.nextafter(edges, np.float32(9)), np.nextafter(edges, np.float32(-9))])
    features = np.repeat(near[:, None], N_FEATURES, axis=1)
    assert read_trees(text).scores(features).tolist() == raw(text, features)


def test_counts_and_a_tree_of_one_leaf_are_read_too() -> None:
    features = rows(50, 3, 0.1)
    for text in (grown(objective="poisson"), grown(n_trees=1)):
        assert read_trees(text).scores(features).tolist() == raw(text, features)
    flat = lightgbm.Dataset(features, np.ones(50), params={"verbose": -1})
    lone = lightgbm.train({"objective": "regression", "verbose": -1}, flat, 3).model_to_string()
    assert read_trees(lone).scores(features).tolist() == raw(lone, features)


def test_no_rows_give_no_scores() -> None:
    assert read_trees(grown()).scores(np.zeros((0, N_FEATURES), np.float32)).shape == (0,)


def line(text: str, name: str) -> str:
    return next(found for found in text.splitlines() if found.startswith(f"{name}="))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("left_child", "left_child=0 0"),  # a loop
        ("right_child", "right_child=-1 -2"),  # one leaf twice
        ("left_child", "left_child=1 9"),  # a condition that is not there
        ("split_feature", "split_feature=0 99"),
        ("decision_type", "decision_type=1 1"),  # categories
        ("decision_type", "decision_type=6 6"),  # zero as missing
        ("leaf_value", "leaf_value=1 2"),
        ("leaf_value", "leaf_value=1 nan 2"),
        ("leaf_value", "leaf_value=1 inf 2"),
        ("threshold", "threshold=1 x"),
        ("num_leaves", "num_leaves=65"),
        ("num_cat", "num_cat=1"),
    ],
)
def test_what_is_no_tree_is_refused_with_a_sentence(name: str, wrong: str) -> None:
    text = grown(n_leaves=3, n_trees=1)
    with pytest.raises(SnapshotError, match=r"not a LightGBM model: .*; retrain the snapshot"):
        read_trees(text.replace(line(text, name), wrong))


@pytest.mark.parametrize("text", ["", "tree\n", "feature_names=a b\n\nend of trees\n"])
def test_a_text_without_trees_is_refused(text: str) -> None:
    with pytest.raises(SnapshotError, match="not a LightGBM model"):
        read_trees(text)


def test_a_text_that_ends_too_soon_is_refused() -> None:
    text = grown()
    with pytest.raises(SnapshotError, match="whole trees"):
        read_trees(text[: len(text) // 2])
