"""The evidence of the circuit breaker as of the window's moment."""

from __future__ import annotations

import numpy as np

from features.columns.bad_endings import bad_endings
from features.window import Window
from recsys.circuit_breaker import PLAN, Bursts
from recsys.quality import group_prior
from training.inputs import Rows

TABLES = ("returns", "complaints", "reviews")


def bursts(window: Window, category_row: Rows, at_second: int | None = None) -> Bursts | None:
    """The newest days of every product, now or at an earlier second; None where nothing tells how orders end.

    `usual` is the category's rate before those days, shrunk to that of all: a burst does not excuse itself.
    """
    if window.as_of_second is None or not any(window.has(table) for table in TABLES):
        return None
    found = bad_endings(window, PLAN.days, at_second)
    bad = np.minimum(found.n_bad_before, found.exposure_before)
    usual = group_prior(bad, found.exposure_before, (category_row,))
    return Bursts(
        n_bad=found.n_bad, exposure=found.exposure, usual=usual, n_lines=found.n_lines,
        n_returns=found.n_returns, n_complaints=found.n_complaints, n_low_ratings=found.n_low_ratings,
        first_us=found.first_us,
    )  # fmt: skip
