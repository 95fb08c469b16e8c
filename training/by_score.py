"""Our lists as the ranker's score alone would order them: what standing by good value costs in accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsys.model import Model
from recsys.selection import BY_SCORE, ranks_by_worth
from training import metrics
from training.evaluation import DEPTH
from training.metrics import Ranked
from training.problem import Problem
from training.rank_ours import Progress, rank_ours


def by_score(model: Model, problem: Problem, ranked: Ranked, report: Progress | None = None) -> Ranked:
    """The lists by score alone, behind the same gates; `ranked` itself where it stands by score already."""
    if not ranks_by_worth(model, problem.target):
        return ranked
    return rank_ours(ordering_by_score(model), problem, DEPTH, report)


def ordering_by_score(model: Model) -> Model:
    """The same model, whose lists stand by the ranker's score."""
    return replace(model, settings={**model.settings, BY_SCORE: True})


def price_of_value(problem: Problem, ranked: Ranked, scored: Ranked) -> tuple[str, ...]:
    """A sentence on what the order costs in NDCG; none where the lists stand by score."""
    if scored is ranked:
        return ()
    served, alone = (_ndcg(lists, problem) for lists in (ranked, scored))
    return (
        f"Our lists stand by expected good value, not by the chance of an order alone: NDCG@{DEPTH} is "
        f"{served:.4f} as served and would be {alone:.4f} by score. An ablation is measured by score.",
    )


def _ndcg(lists: Ranked, problem: Problem) -> float:
    hits = metrics.hit_gains(lists, problem.truth) > 0
    n_relevant = np.diff(problem.truth.indptr).astype(np.int64)
    return float(metrics.ndcg(hits, n_relevant, DEPTH).mean())
