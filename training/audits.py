"""Whether a model's lists deserve trust, asked of a sample of owners and written into every run card.

Of commission: how alike the lists stay when it is shuffled among products of equal value, what it has to do
with the places once value is known, and what the lists lose by it. Of exposure: how much one product is
shown, and what each cap would cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau, rankdata

from recsys.exposure import Cap, assign, pool_of, utility_of
from recsys.list_rules import ListRules
from recsys.model import Model
from recsys.pairs import places_within
from recsys.recommend import rank_many_of
from recsys.selection import order_of, rungs_of
from training import metrics

N_OWNERS = 60
N = 20  # places of a list
DEPTH = 120  # places of a pool
CAPS = (0.2, 0.1, 0.05, 0.02)

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The pools of some owners as the model ranks them: `owner` 0, 1, 2 …, sorted by owner, then place."""

    owner: Rows
    product: Rows
    score: Floats
    worth: Floats | None
    commission: Floats | None


def audits(model: Model, seed: int, n_owners: int = N_OWNERS) -> dict[str, Any]:
    """Every audit, JSON values only; a sentence in place of what cannot be asked here."""
    sample = sample_of(model, np.random.default_rng([seed, 31]), n_owners)
    return {
        "n_owners": len(np.unique(sample.owner)), "n_places": N,
        "commission": _commission_part(sample, model, np.random.default_rng([seed, 37])),
        "exposure": exposure_curve(sample, model.n_products),
    }  # fmt: skip


def _commission_part(sample: Sample, model: Model, rng: np.random.Generator) -> dict[str, float] | str:
    if sample.worth is None:
        return "not audited: nothing tells how orders ended, so lists stand by score, which never reads it"
    if sample.commission is None:
        return "not audited: no offer names a commission"
    return {
        "band": model.rules.commission_band,
        "rung": model.order_rules.commission_band,
        "inversions_above_band": n_inversions(sample, model.rules),
        "shuffle_tau": shuffle_tau(sample, model.rules, rng, model.order_rules),
        **commission_and_places(sample),
        "regret": regret(sample, model.order_rules),
    }


def n_inversions(sample: Sample, rules: ListRules) -> int:
    """How many places have something below them, in the same pool, that is worth more than the band more."""
    assert sample.worth is not None
    return sum(
        int((np.maximum.accumulate(worth[::-1])[::-1][1:] > worth[:-1] * (1 + rules.commission_band)).sum())
        for worth in np.split(sample.worth.astype(np.float64), _starts(sample.owner)[1:])
    )


def shuffle_tau(
    sample: Sample, rules: ListRules, rng: np.random.Generator, order_rules: ListRules | None = None
) -> float:
    """Mean Kendall τ of the lists when commissions change hands among products of equal value.

    Of equal value: of one owner, and within the band of `rules` of each other. `order_rules` (by default the
    same): what the lists stand by.
    """
    assert sample.worth is not None
    assert sample.commission is not None
    rungs = rungs_of(sample.worth, rules.commission_band)
    home = np.lexsort((np.arange(len(rungs)), rungs, sample.owner))
    drawn = np.lexsort((rng.random(len(rungs)), rungs, sample.owner))
    shuffled = sample.commission.copy()
    shuffled[home] = sample.commission[drawn]
    by = order_rules or rules
    before, after = _ordered(sample, by), _ordered(replace(sample, commission=shuffled), by)
    place = np.argsort(after)
    heads = [before[start : min(start + N, stop)] for start, stop in _spans(sample.owner)]
    found = [kendalltau(np.arange(len(h)), place[h]).statistic for h in heads if len(h) > 1]
    return float(np.mean(found)) if found else 1.0


def commission_and_places(sample: Sample) -> dict[str, float]:
    """What commission has to do with the places once value is known: ranks within each owner's list.

    `partial_rank_correlation`: Spearman's, of a high place with commission, given expected good value.
    Places follow value so closely that little is left of them, and inside the band that little is meant to be
    commission's; so `places_explained` tells how little: the part of all variance of places that commission
    explains beyond value.
    """
    assert sample.worth is not None
    assert sample.commission is not None
    spans = [slice(start, min(start + N, stop)) for start, stop in _spans(sample.owner)]
    place, commission, worth = (
        np.concatenate([_centred(values[span]) for span in spans])
        for values in (-np.arange(len(sample.owner)), sample.commission, sample.worth)
    )
    with_both, with_worth, of_both = (
        _correlation(a, b) for a, b in ((place, commission), (place, worth), (commission, worth))
    )
    own, left = with_both - with_worth * of_both, 1 - of_both**2
    spare = left * (1 - with_worth**2)
    return {
        "partial_rank_correlation": float(own / np.sqrt(spare)) if spare > 1e-9 else 0.0,
        "places_explained": float(own**2 / left) if left > 1e-9 else 0.0,
    }


def regret(sample: Sample, rules: ListRules) -> float:
    """The part of expected good value in the first places that is lost by looking at commission at all.

    Places are discounted by the logarithm of their number, so that order within the list counts too.
    """
    assert sample.worth is not None
    discount = 1 / np.log2(np.arange(2, N + 2))

    def total(of: Sample) -> float:
        assert of.worth is not None
        worth = of.worth.astype(np.float64)[_ordered(of, rules)]
        heads = [worth[start : min(start + N, stop)] for start, stop in _spans(of.owner)]
        return sum(float(head @ discount[: len(head)]) for head in heads)

    best = total(replace(sample, commission=None))
    return 1 - total(sample) / best if best > 0 else 0.0


def exposure_curve(sample: Sample, n_products: int) -> dict[str, Any]:
    """How concentrated the lists are, and the part of their expected worth that is left under each cap."""
    utility = utility_of(sample.owner, sample.score, sample.worth)
    pool = pool_of(sample.owner, places_within(sample.owner), sample.product, utility)
    n_owners = len(pool.product)
    shown = metrics.exposure(pool.product, n_products, N)
    free = float(pool.utility[:, :N].sum(dtype=np.float64))
    every = np.arange(n_products, dtype=np.int32)
    kept = {}
    for cap in CAPS:
        chosen = assign(pool, N, [Cap(every, max(1, int(cap * n_owners)))])
        kept[f"{cap:g}"] = round(float(pool.utility[chosen].sum(dtype=np.float64)) / max(free, 1e-12), 4)
    return {
        "largest_share": float(shown.max(initial=0) / max(n_owners, 1)),
        "coverage": metrics.coverage(shown), "gini": metrics.gini(shown), "worth_kept_at_cap": kept,
    }  # fmt: skip


def sample_of(model: Model, rng: np.random.Generator, n_owners: int) -> Sample:
    """The pools of owners drawn at random, as the model ranks them."""
    n_known = len(model.people.owners)
    rows = np.sort(rng.choice(n_known, min(n_owners, n_known), replace=False)).astype(np.int32)
    chunks = list(rank_many_of(model, rows, DEPTH, "circle", False))
    if not any(len(chunk.owner_row) for chunk in chunks):
        nothing = np.zeros(0, np.float32)
        return Sample(nothing.astype(np.int32), nothing.astype(np.int32), nothing, None, None)
    owner = np.concatenate([chunk.owner_row for chunk in chunks])
    product = np.concatenate([chunk.product_row for chunk in chunks])
    worth = [chunk.worth for chunk in chunks if chunk.worth is not None]
    return Sample(
        np.unique(owner, return_inverse=True)[1].astype(np.int32), product,
        np.concatenate([chunk.score for chunk in chunks]), np.concatenate(worth) if worth else None,
        None if model.commission is None else np.asarray(model.commission)[product],
    )  # fmt: skip


def _ordered(sample: Sample, rules: ListRules) -> npt.NDArray[np.int64]:
    assert sample.worth is not None
    return order_of(sample.owner, sample.worth, sample.score, sample.product, sample.commission, rules)


def _starts(owner: Rows) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else np.zeros(0, np.int64)


def _spans(owner: Rows) -> list[tuple[int, int]]:
    starts = _starts(owner)
    return list(zip(starts.tolist(), np.r_[starts[1:], len(owner)].tolist(), strict=True))


def _centred(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    ranks = rankdata(values)
    return np.asarray(ranks - ranks.mean(), dtype=np.float64)


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    length = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / length if length > 0 else 0.0
