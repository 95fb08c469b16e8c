"""Learns from shares: trees that say how many kept orders a share brings, and what their score stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
import numpy.typing as npt

from recsys.calibration import Calibration
from recsys.ranker import BoostedTrees, scores_among
from training.calibration import fit_calibration
from training.config import RankerPlan
from training.examples import Examples, joined
from training.fit_ranker import fit_ranker
from training.idle import Columns, idle_columns, without_columns
from training.share_examples import ShareExamples, joined_shares

PULL_OF_ORDERS = 0.35  # how loud the trees on orders stay: they know products that nobody shares
PART_OF_ORDERS, PART_OF_SHARES = 0.5, 0.75  # of the plan's trees: the first ones on orders, then on shares
MIN_KEPT = 300  # kept orders through shares below which orders alone rank
ROWS_PER_LEAF = 100
FEATURE_FRACTION = 0.5
LEAF_PENALTY = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """One past moment: the shares that followed it, and what circles ordered after it (None: too little)."""

    shares: ShareExamples
    orders: Examples | None

    def without_columns(self, columns: Columns) -> Past:
        """The same past, as trees see it that do not ask for these columns."""
        orders = None if self.orders is None else without_columns(self.orders, columns)
        return Past(without_columns(self.shares, columns), orders)


@dataclass(frozen=True, slots=True, eq=False)
class LearnedFromShares:
    """The ranker for a circle and its calibration; None where too little was shared and kept."""

    ranker: BoostedTrees | None
    calibration: Calibration | None


@dataclass(frozen=True, slots=True, eq=False)
class ShareLearner:
    """Grows trees on shares, on top of trees grown on orders: what both are grown with."""

    names: tuple[str, ...]
    plan: RankerPlan
    seed: int
    n_threads: int
    may_leave_out: tuple[str, ...] = ()  # operators

    def learn(self, pasts: Sequence[Past], of_orders: BoostedTrees | None) -> LearnedFromShares:
        """A ranker whose score is the logarithm of expected kept orders per share, from several pasts.

        `of_orders` ranks by the orders after all of these pasts. The calibration is fitted on scores that
        the shares of each past get from trees, on orders and on shares, that were grown on the others alone;
        with one past, each half of the owners from the shares of the other. So no share says how good its
        own score is. Its level is that of the latest past, which comes first: how readily circles buy drifts.
        """
        if not pasts or sum(float(past.shares.pairs.n_kept.sum()) for past in pasts) < MIN_KEPT:
            return LearnedFromShares(None, None)
        whole = joined_shares([past.shares for past in pasts])
        ranker = self.grown(whole, of_orders)
        if len(idle := idle_columns(ranker, self.names, self.may_leave_out)):
            return self._without(idle, pasts, of_orders)
        score = np.empty(len(whole.pairs), dtype=np.float32)
        for out, base in self._folds(pasts, of_orders):
            rest = ShareExamples(whole.features[~out], whole.pairs.where(~out))
            score[out] = scores_among(self.grown(rest, base), self.names, whole.features[out])
        line = fit_calibration(score, whole.pairs.n_kept, whole.pairs.n_shares)
        return LearnedFromShares(ranker, None if line is None else _of_late(line, score, pasts[0].shares))

    def _without(
        self, idle: Columns, pasts: Sequence[Past], of_orders: BoostedTrees | None
    ) -> LearnedFromShares:
        """Learned anew, from trees on orders on, without the columns that these trees hardly asked for."""
        pasts = [past.without_columns(idle) for past in pasts]
        if of_orders is not None:
            orders = joined([past.orders for past in pasts if past.orders is not None])
            of_orders = fit_ranker(orders, self.names, self.plan, self.seed, self.n_threads)
        return replace(self, may_leave_out=()).learn(pasts, of_orders)

    def grown(self, examples: ShareExamples, of_orders: BoostedTrees | None) -> BoostedTrees:
        """Trees on shares that go on from those on orders; the same examples give the same trees."""
        pairs = examples.pairs
        data = lightgbm.Dataset(
            examples.features, pairs.n_kept / pairs.n_shares, weight=pairs.n_shares,
            feature_name=list(self.names), params={"verbose": -1, "max_bin": 63}, free_raw_data=False,
        )  # fmt: skip
        parameters = {
            "objective": "poisson", "num_leaves": self.plan.n_leaves,
            "learning_rate": self.plan.learning_rate,
            "min_data_in_leaf": min(ROWS_PER_LEAF, max(1, len(pairs) // 20)),
            "feature_fraction": FEATURE_FRACTION, "lambda_l2": LEAF_PENALTY, "deterministic": True,
            "force_row_wise": True, "seed": self.seed, "num_threads": self.n_threads, "verbose": -1,
        }  # fmt: skip
        base = None if of_orders is None else self._as_counts(of_orders, examples)
        n_trees = max(1, round(PART_OF_SHARES * self.plan.n_trees))
        trees = lightgbm.train(parameters, data, n_trees, init_model=base)
        return BoostedTrees(trees.model_to_string())

    def _folds(
        self, pasts: Sequence[Past], of_orders: BoostedTrees | None
    ) -> Iterator[tuple[npt.NDArray[np.bool_], BoostedTrees | None]]:
        """(which examples are left out, the trees on orders that know nothing of them)."""
        if len(pasts) == 1:
            half = pasts[0].shares.pairs.owner_row % 2 == 0
            yield from ((half, of_orders), (~half, of_orders))
            return
        number = np.repeat(np.arange(len(pasts)), [len(past.shares.pairs) for past in pasts])
        for at in range(len(pasts)):
            rest = [p.orders for other, p in enumerate(pasts) if other != at and p.orders is not None]
            base = None
            if of_orders is not None and rest:
                base = fit_ranker(joined(rest), self.names, self.plan, self.seed, self.n_threads)
            yield number == at, base

    def _as_counts(self, of_orders: BoostedTrees, examples: ShareExamples) -> lightgbm.Booster:
        """The first trees on orders, less loud, moved so that the mean of e^score is that of kept orders."""
        pairs = examples.pairs
        n_trees = max(1, round(PART_OF_ORDERS * self.plan.n_trees))
        text = lightgbm.Booster(model_str=of_orders.text).model_to_string(num_iteration=n_trees)
        scored = scores_among(BoostedTrees(text), self.names, examples.features)
        ahead = PULL_OF_ORDERS * scored.astype(np.float64)
        level = float(np.log(pairs.n_kept.sum() / (pairs.n_shares * np.exp(ahead)).sum()))
        trees = lightgbm.Booster(model_str=text)
        for tree in trees.dump_model()["tree_info"]:
            at = tree["tree_index"]
            for leaf in range(tree["num_leaves"]):
                value = PULL_OF_ORDERS * trees.get_leaf_output(at, leaf) + (0.0 if at else level)
                trees.set_leaf_output(at, leaf, value)
        return trees


def _of_late(line: Calibration, score: npt.NDArray[np.float32], latest: ShareExamples) -> Calibration:
    """The line moved so that it expects of the latest past, which comes first, what that brought."""
    pairs = latest.pairs
    expected = float((line.expected_at(score[: len(pairs)]) * pairs.n_shares).sum())
    seen = float(pairs.n_kept.sum())
    level = np.float32(seen / expected) if expected > 0 and seen >= MIN_KEPT else np.float32(1)
    return replace(line, expected=line.expected * level)
