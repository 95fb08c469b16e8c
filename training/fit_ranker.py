"""Learns a ranker from examples: gradient-boosted trees that optimise NDCG (LambdaMART)."""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm
import numpy as np

from recsys.ranker import BoostedTrees
from training.config import RankerPlan
from training.examples import Examples

MIN_ROWS_PER_LEAF = 50
FEATURE_FRACTION = 0.6
TRUNCATION_LEVEL = 20


def fit_ranker(
    examples: Examples, names: Sequence[str], plan: RankerPlan, seed: int, n_threads: int
) -> BoostedTrees:
    """LambdaMART (Burges 2010) over the pair features; the same examples and seed give the same trees."""
    data = lightgbm.Dataset(
        examples.features, examples.label, group=examples.group, feature_name=list(names),
        params={"verbose": -1, "max_bin": 127}, free_raw_data=False,
    )  # fmt: skip
    parameters = {
        "objective": "lambdarank", "num_leaves": plan.n_leaves, "learning_rate": plan.learning_rate,
        "min_data_in_leaf": MIN_ROWS_PER_LEAF, "feature_fraction": FEATURE_FRACTION,
        "lambdarank_truncation_level": TRUNCATION_LEVEL, "label_gain": list(np.arange(32.0)),
        "deterministic": True, "force_row_wise": True, "seed": seed, "num_threads": n_threads, "verbose": -1,
    }  # fmt: skip
    booster = lightgbm.train(parameters, data, plan.n_trees)
    return BoostedTrees(booster.model_to_string(), 1)
