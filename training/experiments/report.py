"""What came of an experiment: each policy, its difference from the control, and whether to stop.

Owners are judged by the policy that they were assigned, whatever was logged (intention to treat), and the
cluster that was assigned is the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from features.arrays import US_PER_DAY
from features.dataset import open_dataset
from features.exposures import Exposures, exposures
from features.row_check import micros
from features.window import open_window
from recsys.assignment import EVERYBODY_ALONE, Clusters, policy_rows
from recsys.experiment import METRICS, Experiment, Metric
from training.experiments.clustered import Estimate, difference, ratio
from training.experiments.sequential import ALPHA, MIN_CLUSTERS, always_valid_p, reach

MISMATCH_P = 0.001  # looked at often, and something is broken when it is reached
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PolicyResult:
    """One policy and its difference from the control (None for the control itself).

    `valid_low`, `valid_high`: the interval of the deciding metric's difference that may be looked at daily,
    `p_value` the always valid one; `stop_day` the first day, from 1, on which it was below alpha.
    """

    name: str
    n_clusters: int
    n_owners: int
    n_impressions: int
    n_shares: int
    n_kept: int
    rates: dict[Metric, Estimate]
    differences: dict[Metric, Estimate] | None
    valid_low: float | None = None
    valid_high: float | None = None
    p_value: float | None = None
    stop_day: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentReport:
    """All policies, the control first; `alpha` is what each comparison with the control may err."""

    experiment: Experiment
    as_of: datetime | None
    n_days: int
    alpha: float
    policies: tuple[PolicyResult, ...]
    mismatch_p: float
    n_crossed: int
    n_without_propensity: int

    @property
    def mismatched(self) -> bool:
        """Whether the policies' clusters are not in proportion to their weights: then nothing else counts."""
        return self.mismatch_p < MISMATCH_P


def experiment_report(
    dataset: Path, experiment: Experiment, clusters: Clusters = EVERYBODY_ALONE, as_of: datetime | None = None
) -> ExperimentReport:
    """The report as of a moment (None: the dataset's last event); DataError where nothing can be told."""
    with open_window(open_dataset(dataset), as_of) as window:
        return report_of(exposures(window, experiment), experiment, clusters, window.as_of)


def report_of(
    found: Exposures, experiment: Experiment, clusters: Clusters, as_of: datetime | None
) -> ExperimentReport:
    """The report of exposures already read."""
    cluster_id, cluster = np.unique(clusters.clusters_of(found.owner_id), return_inverse=True)
    policy = policy_rows(experiment, cluster_id)
    n_policies = len(experiment.policies)
    n_days = _days_so_far(experiment, as_of)
    totals = _daily_totals(found, cluster, len(cluster_id), experiment, n_days)
    alpha = ALPHA / (n_policies - 1)  # Bonferroni over the comparisons
    logged_policy = np.array([p.name for p in experiment.policies])[policy[cluster[found.logged_owner]]]
    impressions = np.bincount(policy[cluster[found.logged_owner]], found.n_impressions, n_policies)
    results = [
        _result(experiment, row, [each[:, policy == row] for each in totals], int(impressions[row]))
        for row in range(n_policies)
    ]
    looks = [_look(experiment, totals, policy, row, alpha) for row in range(1, n_policies)]
    others = [_with_look(results[0], one, *look) for one, look in zip(results[1:], looks, strict=True)]
    return ExperimentReport(
        experiment, as_of, n_days, alpha,
        (results[0], *others),
        mismatch_p(np.bincount(policy, minlength=n_policies), [p.weight for p in experiment.policies]),
        int(found.n_impressions[found.logged_policy != logged_policy].sum()),
        int(found.n_without_propensity.sum()),
    )  # fmt: skip


def mismatch_p(n_clusters: Sequence[int] | NDArray[np.int64], weights: Sequence[float]) -> float:
    """The chance of counts as far from the weights: the chi-square test of sample ratio mismatch."""
    part = np.array(weights) / np.sum(weights)
    return float(stats.chisquare(n_clusters, part * np.sum(n_clusters)).pvalue)


def _days_so_far(experiment: Experiment, as_of: datetime | None) -> int:
    until = experiment.end_time if as_of is None else min(as_of.astimezone(UTC), experiment.end_time)
    return max(1, -((experiment.start_time - until) // timedelta(days=1)))


def _daily_totals(
    found: Exposures, cluster: NDArray[np.int64], n_clusters: int, experiment: Experiment, n_days: int
) -> tuple[Floats, Floats, Floats]:
    """Owners, shares and kept orders up to the end of each day, each (n_days, n_clusters)."""
    start = micros(experiment.start_time)

    def summed(owner: NDArray[np.int64], time_us: NDArray[np.int64], n: Floats | None) -> Floats:
        day = np.minimum((time_us - start) // US_PER_DAY, n_days - 1)
        place = day * n_clusters + cluster[owner]
        daily = np.bincount(place, n, n_days * n_clusters).reshape(n_days, n_clusters)
        return daily.astype(np.float64).cumsum(axis=0)

    everyone = np.arange(len(found.owner_id))
    return (
        summed(everyone, found.first_us, None),
        summed(found.share_owner, found.share_us, None),
        summed(found.share_owner, found.share_us, found.n_kept.astype(np.float64)),
    )


def _rates(totals: Sequence[Floats], metric: Metric) -> Estimate:
    """The metric on each day, over the clusters that were exposed by its end."""
    owners, shares, kept = totals
    below = owners if metric == "kept_per_owner" else shares
    per_day = [ratio(k[o > 0], b[o > 0]) for k, b, o in zip(kept, below, owners, strict=True)]
    return Estimate(
        *(np.array([getattr(one, name) for one in per_day]) for name in Estimate.__dataclass_fields__)
    )


def _last(estimate: Estimate) -> Estimate:
    return Estimate(*(getattr(estimate, name)[-1] for name in Estimate.__dataclass_fields__))


def _result(experiment: Experiment, row: int, totals: Sequence[Floats], n_impressions: int) -> PolicyResult:
    owners, shares, kept = (each[-1] for each in totals)
    return PolicyResult(
        experiment.policies[row].name, int((owners > 0).sum()), int(owners.sum()), n_impressions,
        int(shares.sum()), int(kept.sum()), {m: _last(_rates(totals, m)) for m in METRICS}, None,
    )  # fmt: skip


def _look(
    experiment: Experiment, totals: Sequence[Floats], policy: NDArray[np.int64], row: int, alpha: float
) -> tuple[float, float, float, int | None]:
    """valid_low, valid_high, p_value, stop_day of one policy beside the control by the deciding metric."""
    sides = [[each[:, policy == side] for each in totals] for side in (row, 0)]
    new, control = (_rates(side, experiment.metric) for side in sides)
    found = difference(new, control)
    ready = np.minimum(*((side[0] > 0).sum(axis=1) for side in sides)) >= MIN_CLUSTERS
    mixture = np.maximum(experiment.expected_effect * control.value, np.finfo(np.float64).tiny)
    p = always_valid_p(np.where(ready, found.value, np.nan), found.error, mixture)
    width = float(reach(found.error, mixture, alpha)[-1]) if ready[-1] else np.nan
    below = np.flatnonzero(p < alpha)
    stop_day = int(below[0]) + 1 if len(below) else None
    return float(found.value[-1]) - width, float(found.value[-1]) + width, float(p[-1]), stop_day


def _with_look(
    control: PolicyResult, one: PolicyResult, low: float, high: float, p_value: float, stop_day: int | None
) -> PolicyResult:
    differences = {metric: difference(one.rates[metric], control.rates[metric]) for metric in METRICS}
    return PolicyResult(
        one.name, one.n_clusters, one.n_owners, one.n_impressions, one.n_shares, one.n_kept, one.rates,
        differences, low, high, p_value, stop_day,
    )  # fmt: skip
