"""Learns the rankers: past moments or held-out folds are assembled, examples drawn, trees grown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import get_args

import numpy as np

from features.arrays import NO_TIME, places_in
from features.dataset import Dataset
from features.engine import DuckDBEngine, OpenEngine
from features.window import open_window
from recsys.calibration import Calibration
from recsys.domain import Target
from recsys.model import Model
from recsys.pair_features import feature_names
from recsys.ranker import BoostedTrees, Ranker
from training.assemble import assemble
from training.config import Config
from training.examples import Examples, Labelled, examples, joined
from training.fit_ranker import fit_ranker
from training.idle import Columns, idle_columns, may_leave_out, without_columns
from training.inputs import Inputs, Purchases
from training.labels import folds, labels_for, sampled_owners
from training.learn_shares import Past as SharedPast
from training.learn_shares import ShareLearner
from training.read_inputs import read_inputs
from training.share_examples import SharedPairs, sampled_pairs, share_examples, shared_between

SHORTEST_DAYS = 14.0
PART_OF_HISTORY = 1 / 6
PART_OF_MEMORY = 0.5  # of the table engine's, for a past: today's inputs and model are in memory beside it

Say = Callable[[str], None]
SeenAs = Callable[[Inputs], Inputs]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A world as it was, and what followed in it; rows of `followed` are those of `inputs`."""

    inputs: Inputs
    followed: Purchases
    shared: SharedPairs | None = None  # and what its owners shared; None where nothing tells what came of it


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A ranker for each target, what its scores stand for, and what could not be learned from and why."""

    rankers: Mapping[Target, Ranker]
    off: tuple[tuple[str, str], ...]
    calibrations: Mapping[Target, Calibration] = field(default_factory=dict)


def learn_rankers(
    model: Model, pasts: Iterator[Past], n_pasts: int, config: Config, n_threads: int, say: Say,
    seen_as: SeenAs | None = None, has_circle: bool | None = None,
) -> Learned:  # fmt: skip
    """A ranker for each target; the model's own blend where too little followed to learn from.

    `seen_as` is what the model was shown of a world (an ablation); labels come from the world as it was.
    """
    plan, seed = config.ranker, config.run.seed
    if has_circle is None:
        has_circle = model.interests is not None or bool(len(model.people.circle_categories.indices))
    targets: tuple[Target, ...] = get_args(Target) if has_circle else ("self",)
    found: dict[Target, list[Examples]] = {target: [] for target in targets}
    budget = plan.max_pairs // max(1, n_pasts * len(targets))
    off: list[tuple[str, str]] = []
    shares: list[SharedPast] = []
    for number, past in enumerate(pasts):
        say(f"examples from past {number + 1} of {n_pasts}")
        seen = seen_as(past.inputs) if seen_as else past.inputs
        then = assemble(seen, config.operators, seed, model.settings)
        if feature_names(then) != feature_names(model):
            why = f"its features are not those of today: {_difference(then, model)}"
            say(f"past {number + 1} is left out: {why}")
            off.append((f"learning from past {number + 1} of {n_pasts}", why))
            continue
        for at, target in enumerate(targets):
            rng = np.random.default_rng([seed, number, at])  # what one target learns moves no other
            labelled = labels_for(past.inputs, past.followed, target)
            labelled = _within_budget(labelled, budget, plan.n_negatives, rng)
            if len(labelled.owner_row):
                found[target].append(examples(then, labelled, target, plan.n_negatives, rng))
            if target == "circle" and past.shared is not None:
                shared = share_examples(then, sampled_pairs(past.shared, budget, rng))
                shares.append(SharedPast(shared, found[target][-1] if len(labelled.owner_row) else None))
    learned: dict[Target, Ranker] = dict(model.rankers)
    enough = {
        target: joined(parts)
        for target, parts in found.items()
        if parts and sum(int((p.label > 0).sum()) for p in parts) >= plan.min_examples
    }
    for target in targets:
        if target not in enough:
            off.append((f"a learned ranker for {target}", "too little followed to learn from: a blend ranks"))
    if enough:
        say(f"growing trees for {' and '.join(enough)}")
        grown = _grown(enough, model, config, n_threads)
        learned |= {target: one.ranker for target, one in grown.items()}
        if "circle" in grown and len(idle := grown["circle"].idle):
            shares = [past.without_columns(idle) for past in shares]
    if "circle" not in targets:
        learned["circle"] = learned["self"]
    if not shares:
        return Learned(learned, tuple(off))
    say("learning what shares bring")
    of_orders = learned["circle"]
    of_shares = ShareLearner(feature_names(model), plan, seed, n_threads, may_leave_out(model)).learn(
        shares, of_orders if isinstance(of_orders, BoostedTrees) else None
    )
    if of_shares.ranker is None or of_shares.calibration is None:
        off.append(("what a share is expected to bring", "too little was kept after shares: orders rank"))
        return Learned(learned, tuple(off))
    return Learned(learned | {"circle": of_shares.ranker}, tuple(off), {"circle": of_shares.calibration})


def _difference(then: Model, now: Model) -> str:
    """Which features only one of two models has, the first three of them."""
    before, today = set(feature_names(then)), set(feature_names(now))
    parts = [
        f"{word} {', '.join(sorted(names)[:3])}{' …' if len(names) > 3 else ''}"
        for word, names in (("without", today - before), ("with", before - today))
        if names
    ]
    return " and ".join(parts) or "they stand in another order"


@dataclass(frozen=True, slots=True, eq=False)
class _Grown:
    """Trees of one target, and the columns that they were grown without as they hardly asked for them."""

    ranker: BoostedTrees
    idle: Columns


def _grown(
    found: Mapping[Target, Examples], model: Model, config: Config, n_threads: int
) -> dict[Target, _Grown]:
    """A ranker per target; one beside the other, as trees on so few rows share threads badly."""
    each = max(1, n_threads // len(found))
    names, leave_out = feature_names(model), may_leave_out(model)

    def grow(rows: Examples) -> _Grown:
        ranker = fit_ranker(rows, names, config.ranker, config.run.seed, each)
        idle = idle_columns(ranker, names, leave_out)
        if len(idle):
            ranker = fit_ranker(without_columns(rows, idle), names, config.ranker, config.run.seed, each)
        return _Grown(ranker, idle)

    with ThreadPoolExecutor(min(n_threads, len(found))) as threads:
        return dict(zip(found, threads.map(grow, found.values()), strict=True))


def fold_count(inputs: Inputs, config: Config) -> int:
    """Folds to hold out: small worlds get several, a world with enough owners to learn from gets one."""
    n_owners = int((np.bincount(inputs.purchases.member_row) > 1).sum()) if len(inputs.purchases) else 0
    wanted = -(-config.ranker.enough_queries // max(1, n_owners))
    return min(config.ranker.max_folds, wanted)


def held_out_folds(inputs: Inputs, config: Config) -> Iterator[Past]:
    """The pasts of a timeless world."""
    rng = np.random.default_rng([config.run.seed, 7])
    for held_out in folds(inputs.purchases, fold_count(inputs, config), config.ranker.fold_fraction, rng):
        yield Past(inputs.without(held_out), inputs.purchases.where(held_out))


def past_moments(
    dataset: Dataset, as_of: datetime, inputs: Inputs, config: Config, n_threads: int,
    open_engine: OpenEngine = DuckDBEngine,
) -> Iterator[Past]:  # fmt: skip
    """Windows at earlier moments, the latest first, each with the orders of the days that followed it."""
    days = days_between_moments(inputs, as_of, config.ranker.moment_days)
    for number in range(1, moment_count(inputs, as_of, config) + 1):
        moment = as_of - timedelta(days=days * number)
        until = moment + timedelta(days=days)
        limit_mb = max(1, round(PART_OF_MEMORY * config.run.memory_limit_mb))
        with open_window(
            dataset, moment, memory_limit_mb=limit_mb, threads=n_threads, open_engine=open_engine
        ) as window:
            earlier = read_inputs(window, config.graphs)
        if len(earlier.purchases):
            followed = followed_between(inputs, earlier, moment, until)
            yield Past(earlier, followed, shared_between(inputs, earlier, moment, until))


def moment_count(inputs: Inputs, as_of: datetime, config: Config) -> int:
    """Past moments to learn from: one where the newest alone labels enough owners, else those of the plan.

    Counted are owners who ordered something in the days that would label it. A past costs a window and all
    operators anew, a third of a training of a million order lines.
    """
    times = inputs.purchases.last_time
    if times is None:
        return config.ranker.n_moments
    days = days_between_moments(inputs, as_of, config.ranker.moment_days)
    since = int((as_of - timedelta(days=days)).timestamp() * 1_000_000)
    lately = np.unique(inputs.purchases.member_row[times > since])
    n_owners = int(np.isin(inputs.owner_member, lately).sum())
    return 1 if n_owners >= config.ranker.enough_queries else config.ranker.n_moments


def days_between_moments(inputs: Inputs, as_of: datetime, wanted: float) -> float:
    """The days wanted; in a short history a sixth of it, but not below two weeks."""
    start_us = NO_TIME if inputs.movement is None else inputs.movement.momentum.start_time
    if start_us == NO_TIME:
        return wanted
    history_days = (as_of.timestamp() - start_us / 1_000_000) / 86_400
    return min(wanted, max(SHORTEST_DAYS, history_days * PART_OF_HISTORY))


def followed_between(inputs: Inputs, earlier: Inputs, after: datetime, until: datetime) -> Purchases:
    """What was ordered in (after, until] by members and of products that were known at `after`.

    Read from the later world's latest orders of each member and product, in rows of the earlier world.
    """
    later = inputs.purchases
    assert later.last_time is not None
    low, high = int(after.timestamp() * 1_000_000), int(until.timestamp() * 1_000_000)
    member = places_in(earlier.member_ids, inputs.member_ids)[later.member_row]
    product = places_in(earlier.catalogue.product_ids, inputs.catalogue.product_ids)[later.product_row]
    kept = (later.last_time > low) & (later.last_time <= high) & (member >= 0) & (product >= 0)
    found = later.where(kept)
    member, product = member[kept], product[kept]
    order = np.lexsort((product, member))
    return Purchases(
        member[order].astype(np.int32), product[order].astype(np.int32), found.weight[order],
        found.n[order], found.last_time[order] if found.last_time is not None else None,
    )  # fmt: skip


def _within_budget(labelled: Labelled, budget: int, n_negatives: int, rng: np.random.Generator) -> Labelled:
    n_owners = len(np.unique(labelled.owner_row))
    if not n_owners:
        return labelled
    per_owner = n_negatives + len(labelled.owner_row) / n_owners
    return sampled_owners(labelled, max(1, int(budget / per_owner)), rng)
