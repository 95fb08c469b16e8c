"""Operators that a ranker hardly listens to: in a large catalogue it learns without them.

Every operator costs each request about half a millisecond, whether the trees care for it or not. What the
trees of one world do not care for is another in each: a walk over a graph says nothing where few persons
bought the same, and most where many did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import lightgbm
import numpy as np
import numpy.typing as npt

from recsys.model import Model
from recsys.pair_features import PROFILE_FEATURES
from recsys.ranker import BoostedTrees
from recsys.scoring import INTEREST_FEATURE, RELATIVE
from training.examples import Examples
from training.share_examples import ShareExamples

LEAST_GAIN = 0.005  # part of what all features of a pair gain together that an operator must gain to stay
OF_OWNER = frozenset(("log_circle_members", "share_rate", *PROFILE_FEATURES))  # alike for all her products

Columns = npt.NDArray[np.int64]
Rows = TypeVar("Rows", Examples, ShareExamples)


def may_leave_out(model: Model) -> tuple[str, ...]:
    """The operators its rankers may learn to do without; none in a small catalogue, where all are fast."""
    if not model.is_large:
        return ()
    return (*(operator.name for operator in model.operators), INTEREST_FEATURE)


def idle_columns(ranker: BoostedTrees, names: Sequence[str], operators: Sequence[str]) -> Columns:
    """Columns of the operators that gain less than their part, by all splits on the two columns of each.

    A feature that is alike for all products of an owner counts for nothing here: it orders no list.
    """
    if not operators:
        return np.zeros(0, dtype=np.int64)
    gains = lightgbm.Booster(model_str=ranker.text).feature_importance("gain")
    gain = {name: float(gains[at]) for at, name in enumerate(names) if name not in OF_OWNER}
    least = LEAST_GAIN * sum(gain.values())
    idle = {name for name in operators if gain.get(name, 0.0) + gain.get(f"{name}{RELATIVE}", 0.0) < least}
    return np.array(
        [at for at, name in enumerate(names) if name.removesuffix(RELATIVE) in idle], dtype=np.int64
    )


def without_columns(rows: Rows, columns: Columns) -> Rows:
    """The same examples, these columns constant: no tree splits on what never differs."""
    features = rows.features.copy()
    features[:, columns] = 0
    return replace(rows, features=features)
