"""A part of a dataset to choose by, that `evaluate` never judges by.

What `evaluate` would judge (the orders after its cut, or its held-out fold) is set aside first. The rest is
cut again the same way: the earlier part is trained on, the later one is what a choice is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from features.dataset import Dataset
from recsys.threads import thread_count
from training.draws import rng_for
from training.facts import MEMORY_LIMIT_MB, gather_facts, judging_window, order_times
from training.holding_out import write_without_held_out
from training.problem import Facts
from training.split import datetime_of, time_cut


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What to train on (`early` up to `cut`; None: a timeless fold), and the facts to judge by.

    `said` is a sentence on where the parts came from.
    """

    early: Dataset
    cut: datetime | None
    facts: Facts
    said: str


def validation_of(dataset: Dataset, folder: Path, seed: int) -> Validation:
    """The validation part of a dataset; `folder` takes the smaller datasets of a timeless one."""
    if dataset.timeless:
        return _of_folds(dataset, folder, seed)
    with judging_window(dataset) as everything:
        times = order_times(everything)
    judged_us = time_cut(times)
    cut_us = time_cut(times[times <= judged_us])
    judged, cut = datetime_of(judged_us), datetime_of(cut_us)
    with judging_window(dataset, judged) as late, judging_window(dataset, cut) as early:
        facts = gather_facts(early, late, cut)
    said = (
        f"Chosen by the orders after {cut:%Y-%m-%d %H:%M} UTC; nothing after {judged:%Y-%m-%d %H:%M} UTC, "
        "which is what evaluate judges by, was looked at."
    )
    return Validation(dataset, cut, facts, said)


def _of_folds(dataset: Dataset, folder: Path, seed: int) -> Validation:
    # the same fold as evaluate's with this seed
    rest = _without_fold(dataset, folder / "rest", seed, "hold out")
    early = _without_fold(rest, folder / "early", seed, "hold out to choose by")
    with judging_window(rest) as late, judging_window(early) as before:
        facts = gather_facts(before, late, None)
    said = (
        "Chosen by a fifth of each person's purchases, held out; another fifth, which is what evaluate "
        f"judges by with seed {seed}, was not looked at."
    )
    return Validation(early, None, facts, said)


def _without_fold(dataset: Dataset, folder: Path, seed: int, purpose: str) -> Dataset:
    rng = rng_for(seed, purpose)
    return write_without_held_out(
        dataset, folder, rng, memory_limit_mb=MEMORY_LIMIT_MB, threads=thread_count()
    )
