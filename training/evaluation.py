"""What an evaluation found, as values: methods, comparisons, slices, gains; and its verdict in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Interval
from training.calibration_check import CalibrationCheck

OURS = "sharepicks"
CUTOFFS = (10, 20)
DEPTH = max(CUTOFFS)
MAIN_MEASURE = "ndcg@20"
PAIRED_MEASURES = ("recall@20", "ndcg@20")  # of slices and of what each part adds
NO_PROBABILITIES = (
    "Scores order products within one list and are no probabilities, so there is no calibration to show."
)


@dataclass(frozen=True, slots=True)
class Method:
    """One method's figures: per measure a mean with its interval; beyond accuracy plain numbers."""

    name: str
    label: str
    measures: Mapping[str, Interval]
    beyond: Mapping[str, float]
    lorenz: tuple[NDArray[np.float64], NDArray[np.float64]]
    hit_rates: NDArray[np.float64]  # [DEPTH] share of lists that are right at each place


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside one baseline on one measure, owner by owner; `ratio` None where the baseline has 0."""

    against: str
    measure: str
    difference: Interval
    ratio: Interval | None


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice: how many owners have something relevant in it, and each method's figures there.

    `ahead`: baseline → ours minus it on NDCG@20, paired by owner.
    """

    name: str
    meaning: str
    n_owners: int
    methods: Mapping[str, Mapping[str, Interval]]
    ahead: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gain:
    """What a part adds: measure → the whole minus without it, paired by owner; and the level without it.

    `refitted`: everything was trained anew without the part; else it was left out of a finished model.
    """

    name: str
    refitted: bool
    gains: Mapping[str, Interval]
    without: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that an evaluation found.

    `facts` are what a reader needs to repeat it; `left_out` says which baselines could not run and why, `off`
    what the dataset cannot support.
    """

    target: str
    n_owners: int
    n_products: int
    n_relevant: int
    methods: tuple[Method, ...]
    comparisons: tuple[Comparison, ...]
    slices: tuple[SliceResult, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    gains: tuple[Gain, ...] = ()
    slices_off: tuple[str, ...] = ()
    calibration: CalibrationCheck | None = None  # None: no score stands for a number that could be checked

    @property
    def ours(self) -> Method:
        """Our own figures."""
        return self.methods[0]

    @property
    def best_baseline(self) -> Method | None:
        """The baseline with the highest NDCG@20; None when none was asked for."""
        others = self.methods[1:]
        return max(others, key=lambda m: m.measures[MAIN_MEASURE].mean) if others else None

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`; Lorenz curves stay out."""
        best = self.best_baseline
        return {
            "target": self.target, "n_owners": self.n_owners, "n_products": self.n_products,
            "n_relevant": self.n_relevant, "best_baseline": best.name if best else None,
            "methods": [
                {"name": m.name, "label": m.label, "beyond": dict(m.beyond),
                 "measures": {k: asdict(v) for k, v in m.measures.items()},
                 "hit_rates": [round(float(rate), 6) for rate in m.hit_rates]}
                for m in self.methods
            ],
            "comparisons": [asdict(c) for c in self.comparisons],
            "slices": [
                {"name": s.name, "meaning": s.meaning, "n_owners": s.n_owners,
                 "methods": {n: {k: asdict(v) for k, v in ms.items()} for n, ms in s.methods.items()},
                 "ahead": {n: asdict(v) for n, v in s.ahead.items()}}
                for s in self.slices
            ],
            "facts": dict(self.facts), "said": list(self.said),
            "calibration": None if self.calibration is None else asdict(self.calibration),
            "left_out": list(self.left_out), "off": list(self.off), "slices_off": list(self.slices_off),
            "ablation": [
                {"name": g.name, "refitted": g.refitted,
                 "gains": {k: asdict(v) for k, v in g.gains.items()},
                 "without": {k: asdict(v) for k, v in g.without.items()}}
                for g in self.gains
            ],
        }  # fmt: skip


def calibration_sentence(evaluation: Evaluation) -> str:
    """One sentence: how what was expected of shares stands beside what came."""
    check = evaluation.calibration
    if check is None:
        return NO_PROBABILITIES
    return (
        f"Of {check.n_shares:,} shares after the cut {check.predicted:.3f} kept orders each were expected; "
        f"{check.seen:.3f} came. Over tenths of the shares by what was expected, the two differ by "
        f"{check.error:.3f} on average (expected calibration error); were every expectation right, chance "
        f"alone would make it {check.chance:.3f}."
    )


def verdict(evaluation: Evaluation) -> str:
    """One sentence: ours beside the best baseline on NDCG@20, and whether the difference could be chance."""
    best = evaluation.best_baseline
    ours = evaluation.ours.measures[MAIN_MEASURE]
    if best is None:
        return f"Sharepicks reaches an NDCG@20 of {ours.mean:.4f}; no baseline was asked for."
    main = main_comparison(evaluation, best.name)
    ratio = "" if main.ratio is None else f", {main.ratio.mean:.2f} times as much"
    values = f"{ours.mean:.4f} against {best.measures[MAIN_MEASURE].mean:.4f}{ratio}"
    if not main.difference.excludes(0.0):
        return (
            f"Sharepicks and the best baseline, {best.label}, cannot be told apart on NDCG@20 ({values}): "
            "the 95 % interval of their difference holds 0."
        )
    word = "above" if main.difference.mean > 0 else "below"
    return (
        f"Sharepicks is {word} the best baseline, {best.label}, on NDCG@20: {values}. "
        "The 95 % interval of the difference does not hold 0."
    )


def main_comparison(evaluation: Evaluation, against: str, measure: str = MAIN_MEASURE) -> Comparison:
    """Ours beside that baseline on one measure; KeyError when they were not compared."""
    for comparison in evaluation.comparisons:
        if (comparison.against, comparison.measure) == (against, measure):
            return comparison
    raise KeyError((against, measure))
