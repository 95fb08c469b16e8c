"""Whether what a snapshot expects of shares is what came of those after its moment."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from features.share_outcomes import share_outcomes
from features.window import Window
from recsys.domain import Target
from recsys.model import Model
from training.calibration_check import CalibrationCheck, check_calibration
from training.rank_ours import map_rows
from training.share_examples import SharedPairs, features_of, sampled_pairs, shared_pairs

MAX_PAIRS = 100_000
SEED = 5


def judge_calibration(
    model: Model, late: Window, cut: datetime | None, target: Target
) -> CalibrationCheck | None:
    """What was expected of the shares after the cut beside the kept orders they led to.

    Of shares by owners and of products that the model knows; at most 100,000 pairs, drawn. None where no
    calibration holds for the target, or nothing tells what came of a share.
    """
    if cut is None or target != "circle" or target not in model.calibrations:
        return None
    told = share_outcomes(late)
    if told is None:
        return None
    told = told.where(told.share_time > int(cut.timestamp() * 1_000_000))
    rows = map_rows(model, np.asarray(late.ids["owners"]), np.asarray(late.ids["products"]))
    product_row = np.full(late.count("products"), -1, dtype=np.int64)
    known = rows.product >= 0
    product_row[rows.product[known]] = np.flatnonzero(known)
    pairs = shared_pairs(told, rows.owner[told.owner_row], product_row[told.product_row], model.n_products)
    pairs = sampled_pairs(pairs, MAX_PAIRS, np.random.default_rng(SEED))
    return check_calibration(_expected(model, pairs, target), pairs.n_kept, pairs.n_shares)


def _expected(
    model: Model, pairs: SharedPairs, target: Target
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    ranker = model.rankers[target]
    features = features_of(model, pairs.owner_row, pairs.product_row, target, ranker.feature_names)
    score = ranker.scores(features)
    return model.calibrations[target].expected_at(score).astype(np.float64)
