"""Guards of the lists as they stand, whatever follows: what they show, what it is worth, what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from training import metrics
from training.audits import audits
from training.gate.evidence import N_PLACES, Evidence, Side
from training.gate.finding import Finding, passed, refused

SEED = 3
ALONE = "nothing serves to compare with"


def commission(seen: Evidence) -> Finding:
    """Commission decides inside its band and nowhere else, and is the dataset's."""
    name, model = "commission", seen.candidate.model
    if model.rules.commission_band > seen.bounds.commission_band:
        return refused(
            name, f"its band of commission is {model.rules.commission_band:.0%}; at most "
            f"{seen.bounds.commission_band:.0%} is allowed: set [list] commission_band",
            band=model.rules.commission_band,
        )  # fmt: skip
    known, told = model.commission, seen.truth.commission
    if (known is None) != (told is None):
        return refused(name, "commissions stand in one of dataset and candidate alone: train it anew")
    if known is not None and told is not None:
        same = _agree(known, told)
        if same < seen.bounds.same_catalogue:
            return refused(
                name, f"only {same:.1%} of its commissions are the dataset's: train it anew", part=same
            )
    found: Any = audits(model, SEED)["commission"]
    if isinstance(found, str):
        return passed(name, found)
    if found["inversions_above_band"] or found["shuffle_tau"] < seen.bounds.shuffle_tau:
        return refused(
            name, f"{found['inversions_above_band']} places stand above something worth more than the band "
            "more, "
            f"and with commissions shuffled among equals lists agree by τ {found['shuffle_tau']:.3f} (at "
            "least "
            f"{seen.bounds.shuffle_tau:g}): narrow [list] commission_band", tau=found["shuffle_tau"],
        )  # fmt: skip
    return passed(
        name, f"shuffled among equals, lists agree by τ {found['shuffle_tau']:.3f}", tau=found["shuffle_tau"]
    )


def _agree(known: Any, told: Any) -> float:
    return float(np.isclose(known, told).mean()) if len(known) == len(told) else 0.0


def scores(seen: Evidence) -> Finding:
    """Scores tell the products of a list apart."""
    flat = seen.candidate.flat
    if flat > seen.bounds.flat_lists:
        return refused(
            "scores", f"{flat:.0%} of the lists have one score for every product, or none that is a "
            "number; at most "
            f"{seen.bounds.flat_lists:.0%} may: look at the rankers", part=flat,
        )  # fmt: skip
    return passed("scores", f"{flat:.1%} of the lists have one score for every product", part=flat)


def knows(seen: Evidence) -> Finding:
    """Every operator and ranker puts what a profile holds above what is drawn at random, as before."""
    name, now = "operators", seen.candidate.knows
    before = {} if seen.serving is None else seen.serving.knows
    for part, rate in now.items():
        bound = max(seen.bounds.knows, before.get(part, 0.0) - seen.bounds.knows_less)
        if rate < bound:
            return refused(
                name, f"{part}: in {rate:.0%} of pairs what a profile holds stands above a product drawn at "
                f"random; at least {bound:.0%} must: its rows may stand in another order than the ids",
                rate=rate,
            )  # fmt: skip
    least = min(now.values(), default=1.0)
    return passed(name, f"what profiles hold stands above products drawn at random in {least:.0%} or more")


def short_lists(seen: Evidence) -> Finding:
    """Owners get as many picks as before."""
    name, now = "short lists", _short(seen.candidate)
    before = 0.0 if seen.serving is None else _short(seen.serving)
    if now > before + seen.bounds.short_lists:
        return refused(
            name, f"{now:.0%} of the owners get fewer than {N_PLACES} picks, {before:.0%} before: look at "
            "stock, "
            "prices and value of the dataset", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"{now:.1%} of the owners get fewer than {N_PLACES} picks", now=now, before=before)


def coverage(seen: Evidence) -> Finding:
    """About as many products stand in any list as before."""
    name = "coverage"
    if seen.serving is None:
        return passed(name, ALONE)
    now, before = (metrics.coverage(_shown(seen, side)) for side in (seen.candidate, seen.serving))
    if now < seen.bounds.coverage * before:
        return refused(
            name, f"{now:.1%} of the products stand in any list, {before:.1%} before; at least "
            f"{seen.bounds.coverage:.0%} of that must: everybody gets the same", now=now, before=before,
        )  # fmt: skip
    return passed(
        name, f"{now:.1%} of the products stand in any list, {before:.1%} before", now=now, before=before
    )


def concentration(seen: Evidence) -> Finding:
    """Places are not much more concentrated on few products than before."""
    name = "concentration"
    if seen.serving is None:
        return passed(name, ALONE)
    now, before = (metrics.gini(_shown(seen, side)) for side in (seen.candidate, seen.serving))
    if now > before + min(seen.bounds.gini, (1 - before) / 2):
        return refused(
            name, f"the Gini of exposure rose from {before:.2f} to {now:.2f}; by {seen.bounds.gini:g} it "
            "may: few "
            "products take the places of many", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"the Gini of exposure is {now:.2f}, {before:.2f} before", now=now, before=before)


def returns_of_lists(seen: Evidence) -> Finding:
    """What stands in lists comes back about as often as before."""
    name, value = "returns of lists", seen.truth.value
    if seen.serving is None or value is None or not (value.return_rate >= 0).any():
        return passed(name, ALONE if seen.serving is None else "the dataset tells of no return")
    now, before = (_mean_of(side, value.return_rate) for side in (seen.candidate, seen.serving))
    if now > seen.bounds.returns * before + 1e-3:
        return refused(
            name, f"of what it lists {now:.2%} is expected to come back, {before:.2%} before; at most "
            f"{seen.bounds.returns:g} times as much may", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"{now:.2%} is expected to come back, {before:.2%} before", now=now, before=before)


def value_of_lists(seen: Evidence) -> Finding:
    """What stands in lists is worth about as much as before, by the value worked out anew."""
    name, value = "value of lists", seen.truth.value
    if seen.serving is None or value is None or not (value.value_score >= 0).any():
        return passed(name, ALONE if seen.serving is None else "the dataset tells of no value")
    now, before = (_mean_of(side, value.value_score) for side in (seen.candidate, seen.serving))
    if now < seen.bounds.worth * before:
        return refused(
            name, f"the mean value score of what it lists is {now:.2f}, {before:.2f} before; at least "
            f"{seen.bounds.worth:.0%} of that must be", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"the mean value score is {now:.2f}, {before:.2f} before", now=now, before=before)


def churn(seen: Evidence) -> Finding:
    """Some of what owners saw yesterday they see today."""
    name = "churn"
    if seen.serving is None:
        return passed(name, ALONE)
    known = (seen.candidate.rows.owner >= 0) & (seen.serving.rows.owner >= 0)
    pairs = zip(seen.candidate.lists[known], seen.serving.lists[known], strict=True)
    stays = [len(np.intersect1d(a[a >= 0], b[b >= 0])) / max((b >= 0).sum(), 1) for a, b in pairs]
    if not stays:
        return refused(name, "it and the one that serves have no owner in common: it is of another world")
    found = float(np.mean(stays))
    if found < seen.bounds.stays:
        return refused(
            name, f"{found:.0%} of the first {N_PLACES} places stay; at least {seen.bounds.stays:.0%} "
            "shall: nobody "
            "would find her list again", stays=found,
        )  # fmt: skip
    return passed(name, f"{found:.0%} of the first {N_PLACES} places stay", stays=found)


def latency(seen: Evidence) -> Finding:
    """Replies take about as long as those of the one that serves, timed in the same run."""
    name, now = "latency", seen.candidate.reply_ms
    before = now if seen.serving is None else seen.serving.reply_ms
    if now > max(seen.bounds.slower * before, seen.bounds.slow_ms):
        return refused(
            name, f"a reply takes {now:.1f} ms in the median, {before:.1f} ms before; at most "
            f"{seen.bounds.slower:g} times as long is allowed", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"a reply takes {now:.1f} ms, {before:.1f} ms before", now=now, before=before)


def size(seen: Evidence) -> Finding:
    """It takes about as much memory; a snapshot is mapped, so its bytes on disk are what it may take."""
    name, now = "size", seen.candidate.n_bytes
    before = now if seen.serving is None else seen.serving.n_bytes
    if now > seen.bounds.larger * before:
        return refused(
            name, f"it has {now / 1e6:,.0f} MB, {before / 1e6:,.0f} MB before; at most "
            f"{seen.bounds.larger:g} times as "
            "much is allowed", now=now, before=before,
        )  # fmt: skip
    return passed(name, f"it has {now / 1e6:,.1f} MB, {before / 1e6:,.1f} MB before", now=now, before=before)


def _short(side: Side) -> float:
    return float((side.lists < 0).any(axis=1).mean()) if len(side.lists) else 0.0


def _shown(seen: Evidence, side: Side) -> Any:
    return metrics.exposure(side.lists, seen.truth.inputs.n_products, N_PLACES)


def _mean_of(side: Side, values: Any) -> float:
    """The mean of a column over every place that has a value; 0 without any."""
    found = np.asarray(values, np.float64)[side.lists[side.lists >= 0]]
    found = found[found >= 0]
    return float(found.mean()) if len(found) else 0.0
