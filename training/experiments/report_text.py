"""A report as text for a terminal and as JSON values."""

from __future__ import annotations

import math
from typing import Any

from recsys.experiment import METRICS
from training.experiments.clustered import Estimate
from training.experiments.report import ExperimentReport, PolicyResult

WORDS = {"kept_per_owner": "kept orders per owner", "kept_per_share": "kept orders per share"}


def report_text(report: ExperimentReport) -> str:
    """The report in lines: warnings, each policy, its differences, and what to do."""
    decides = WORDS[report.experiment.metric]
    head = f"experiment {report.experiment.name}, day {report.n_days}; decides by {decides}"
    lines = [head, *warnings(report)]
    for policy in report.policies:
        lines += [
            f"{policy.name}: {policy.n_owners:,} owners in {policy.n_clusters:,} clusters, "
            f"{policy.n_impressions:,} impressions, {policy.n_shares:,} shares, "
            f"{policy.n_kept:,} kept orders",
            *(f"  {WORDS[m]}: {_spread(policy.rates[m])}" for m in METRICS),
        ]
        if policy.differences is not None:
            lines += [f"  minus control, {WORDS[m]}: {_spread(policy.differences[m])}" for m in METRICS]
            lines.append(f"  {verdict(report, policy)}")
    return "\n".join(lines)


def warnings(report: ExperimentReport) -> list[str]:
    """What makes the figures doubtful, in sentences."""
    said = []
    if report.mismatched:
        said.append(
            f"WARNING: clusters are not in proportion to the weights (p = {report.mismatch_p:.2g}): "
            "something loses owners of one policy; find it before reading on"
        )
    if report.n_crossed:
        said.append(f"{report.n_crossed:,} impressions were shown by another policy than was assigned")
    if report.n_without_propensity:
        said.append(f"{report.n_without_propensity:,} impressions have no propensity: no off-policy estimate")
    return said


def verdict(report: ExperimentReport, policy: PolicyResult) -> str:
    """Whether to stop, by the always valid test."""
    if policy.p_value is None or policy.valid_low is None or policy.valid_high is None:
        return "the control"
    if report.mismatched:
        return "no verdict: the clusters do not match the weights"
    if math.isnan(policy.valid_low):
        return "go on: too few clusters to look at"
    between = f"{policy.valid_low:+.4f} to {policy.valid_high:+.4f}, p = {policy.p_value:.2g}"
    if policy.stop_day is None:
        return f"go on: no difference is shown yet (always valid {between})"
    assert policy.differences is not None
    better = float(policy.differences[report.experiment.metric].value) > 0
    return f"stop: {'better' if better else 'worse'}, shown on day {policy.stop_day} (always valid {between})"


def report_json(report: ExperimentReport) -> dict[str, Any]:
    """The same as JSON values; null where nothing tells."""
    return {
        "experiment": report.experiment.name,
        "metric": report.experiment.metric,
        "as_of": None if report.as_of is None else report.as_of.isoformat(),
        "n_days": report.n_days,
        "alpha": report.alpha,
        "mismatch_p": report.mismatch_p,
        "mismatched": report.mismatched,
        "n_crossed": report.n_crossed,
        "n_without_propensity": report.n_without_propensity,
        "warnings": warnings(report),
        "policies": [_policy_json(report, policy) for policy in report.policies],
    }


def _policy_json(report: ExperimentReport, policy: PolicyResult) -> dict[str, Any]:
    names = ("name", "n_clusters", "n_owners", "n_impressions", "n_shares", "n_kept", "stop_day")
    return {
        **{name: getattr(policy, name) for name in names},
        **{metric: _estimate_json(policy.rates[metric]) for metric in METRICS},
        "minus_control": None
        if policy.differences is None
        else {metric: _estimate_json(policy.differences[metric]) for metric in METRICS},
        **{name: _number(getattr(policy, name)) for name in ("valid_low", "valid_high", "p_value")},
        "verdict": verdict(report, policy),
    }


def _estimate_json(estimate: Estimate) -> dict[str, float | None]:
    return {name: _number(getattr(estimate, name)) for name in ("value", "low", "high")}


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _spread(estimate: Estimate) -> str:
    return f"{float(estimate.value):.4f} ({float(estimate.low):.4f} to {float(estimate.high):.4f})"
