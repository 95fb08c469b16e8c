"""What attacks with 3 % of the events do to lists for circles and to the targets' good value.

    python benchmarks/attacks.py [--keep DIR] [--attacks owner_ring brushing …] [--part 0.03]

A town of 600 owners, 8,000 members and 2,000 products is simulated, and attacked in the 30 days up to 14 days
before its end. On lists (rings, brushing, coattails): snapshots as of that moment of the town as it is and of
the attacked one, with the defences and without (`[graphs] weigh_orders = 0`; for coattails the fake clicks
taken for orders), judged by what members of circles really ordered and kept afterwards, for the owners who
are in no attack; and the list of what is ordered most, which everybody gets of whom nothing is known. On
value (reviews, prices): the targets' good value before and after, with the defences and without (the check of
the buyer left out; a badge that looks back 30 days only). With --keep the town and the clean lists stay in
DIR for the next run. JSON lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from features.columns import outcomes, payable
from features.dataset import open_dataset
from features.interactions import member_product
from features.window import open_window
from recsys.good_value import GoodValue
from recsys.model import Model
from recsys.model_files import model_of
from recsys.recommend import rank_many_of
from recsys.snapshot import open_snapshot
from recsys.value import GOOD_VALUE
from training.config import Config
from training.facts import gather_facts, judging_window
from training.good_value import good_value
from training.metrics import hit_gains
from training.problem import Problem, build_problem
from training.read_inputs import read_inputs
from training.town.attacks import ATTACKS, Attacked, attack, clicks_as_orders, read_tables, write_attacked
from training.town.config import TownConfig
from training.town.simulate import simulate
from training.train import train

DAYS_AFTER = 14
K = 10
TOWN = TownConfig(n_owners=600, n_members=8_000, n_products=2_000, n_days=75, seed=11)
OPEN = Config()
UNDEFENDED = replace(OPEN, graphs=replace(OPEN.graphs, weigh_orders=0))
ON_VALUE = ("five_stars", "raise_then_cut")


@contextmanager
def without_checks() -> Iterator[None]:
    """Whatever calls itself a review of an order is one, and a badge looks back 30 days only."""
    before = outcomes.verified_reviews, payable.LONG_DAYS
    outcomes.verified_reviews = trusting  # type: ignore[assignment]
    payable.LONG_DAYS = payable.HISTORY_DAYS
    try:
        yield
    finally:
        outcomes.verified_reviews, payable.LONG_DAYS = before


def trusting(window: Any, lines: Any, at: int) -> Any:
    """Every review counts, each as one buyer's."""
    import ibis

    reviews = window.table("reviews")
    reviews = reviews.filter(outcomes.epoch_seconds(reviews.review_time) <= at)
    number = ibis.row_number().over(order_by=reviews.review_id)
    return reviews.mutate(
        member_row=number.cast("int32"), of=reviews.product_row, reviewed=reviews.order_code
    )


def lists_of(model: Model, problem: Problem) -> np.ndarray:
    """int32 (n judged owners, 10): rows of the problem's products, -1 where a list is shorter."""
    owners = model.people.owners.rows([str(o) for o in problem.owner_ids])
    place = np.searchsorted(problem.product_ids, np.array(list(model.products.ids), dtype=np.str_))
    found = np.full((len(owners), K), -1, dtype=np.int64)
    row_of = {int(row): at for at, row in enumerate(owners)}
    for chunk in rank_many_of(model, owners.astype(np.int32), K, "circle", False):
        at = np.array([row_of[int(o)] for o in chunk.owner_row])
        found[at, chunk.rank - 1] = place[chunk.product_row]
    return found


def judged(lists: np.ndarray, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Per owner: whether any of the ten is right, and how many of them are."""
    right = hit_gains(lists.astype(np.int32), problem.truth) > 0
    return right.any(axis=1), right.mean(axis=1)


def problem_of(path: Path, cut: datetime) -> Problem:
    """What circles ordered and kept after the cut, in the town as it was."""
    dataset = open_dataset(path)
    with judging_window(dataset) as late, judging_window(dataset, cut) as early:
        facts = gather_facts(early, late, cut)
    return build_problem(facts, "circle", np.random.default_rng(0))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--attacks", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--popular-only", action="store_true", help="no learned lists: seconds, not minutes")
    parser.add_argument("--part", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = asked.keep or Path(folder)
        path = place / "town"
        if not path.exists():
            simulate(TOWN, path)
        tables = read_tables(path)
        cut = max(tables["orders"]["order_time"].to_pylist()) - timedelta(days=DAYS_AFTER)
        lists = Lists(problem_of(path, cut), cut, place)
        for name in asked.attacks:
            done = attack(name, tables, cut, asked.part, asked.seed)
            with tempfile.TemporaryDirectory() as work:
                attacked = Path(work) / "attacked"
                write_attacked(path, attacked, done)
                if name in ON_VALUE:
                    attack_value(name, path, attacked, done, cut)
                    continue
                naive = attacked
                if name == "coattails":
                    naive = Path(work) / "naive"
                    write_attacked(path, naive, clicks_as_orders(done, tables))
                attack_popular(name, lists, {"defended": attacked, "undefended": naive}, done)
                if not asked.popular_only:
                    attack_lists(name, lists, {"defended": attacked, "undefended": naive}, done)


def attack_value(name: str, path: Path, attacked: Path, done: Attacked, cut: datetime) -> None:
    """Prints the targets' good value before and after, with the checks and without."""
    for defences in ("defended", "undefended"):
        with nullcontext() if defences == "defended" else without_checks():
            before, after = (value_at(where, cut) for where in (path, attacked))
        say(
            attack=name, defences=defences, rows=done.n_rows, before=figures(*before, done.targets),
            after=figures(*after, done.targets),
        )  # fmt: skip


def value_at(path: Path, cut: datetime) -> tuple[Any, GoodValue]:
    """The ids of the products, and their good value."""
    with open_window(open_dataset(path), cut) as window:
        inputs = read_inputs(window, OPEN.graphs)
        found = good_value(window, inputs, 0)
    assert found is not None
    return inputs.catalogue.product_ids.astype(str), found


def figures(ids: Any, value: GoodValue, targets: tuple[str, ...]) -> dict[str, Any]:
    """The targets' mean value and quality, and how many have the badge."""
    rows = np.searchsorted(ids, np.array(targets))
    known = rows[value.value_score[rows] >= 0]
    return {
        "value_score": round(float(value.value_score[known].mean()), 4),
        "quality": round(float(value.quality[known].mean()), 4),
        "badges": int((value.badge[rows] == GOOD_VALUE).sum()), "targets": len(targets),
        "badges_of_all": int((value.badge == GOOD_VALUE).sum()),
    }  # fmt: skip


@dataclass(frozen=True)
class Lists:
    """Trains, lists and judges; what the clean town gives is kept in `place`."""

    problem: Problem
    cut: datetime
    place: Path

    def of(self, dataset: Path, defences: str, keep_as: str | None = None) -> np.ndarray:
        """int32 (n judged owners, 10) of a snapshot of the dataset with or without the defences."""
        kept = self.place / f"{keep_as}-{defences}.npy"
        if keep_as and kept.exists():
            return np.asarray(np.load(kept))
        with tempfile.TemporaryDirectory() as folder:
            config = OPEN if defences == "defended" else UNDEFENDED
            train(dataset, Path(folder) / "s", as_of=self.cut, config=config)
            found = lists_of(model_of(open_snapshot(Path(folder) / "s")), self.problem)
        if keep_as:
            np.save(kept, found)
        return found


def popular_at(dataset: Path, lists: Lists, *, weigh: bool) -> np.ndarray:
    """int32 (n judged owners, 10): what is ordered most, the same for everybody."""
    with open_window(open_dataset(dataset), lists.cut) as window:
        ids = window.ids["products"].astype(str)
        found = member_product(window, half_life_days=OPEN.graphs.order_half_life_days, weigh=weigh)
    total = np.bincount(found.product_row, found.weight, len(ids))
    best = np.searchsorted(lists.problem.product_ids, ids[np.argsort(-total, kind="stable")[:K]])
    return np.tile(best, (len(lists.problem.owner_ids), 1))


def attack_popular(name: str, lists: Lists, datasets: Mapping[str, Path], done: Attacked) -> None:
    """Prints how the list of what is ordered most changes."""
    honest = ~np.isin(lists.problem.owner_ids, done.owners)
    targets = np.searchsorted(lists.problem.product_ids, np.array(done.targets))
    for defences, dataset in datasets.items():
        weigh = defences == "defended"
        clean = popular_at(lists.place / "town", lists, weigh=weigh)
        now = popular_at(dataset, lists, weigh=weigh)
        (before, _), (after, _) = (judged(found, lists.problem) for found in (clean, now))
        say(
            attack=name, lists="popular", defences=defences, rows=done.n_rows,
            hit_clean=before[honest].mean(),
            hit=after[honest].mean(), hit_moved=change(after[honest], before[honest]),
            targets_in_lists=np.isin(now, targets)[honest].mean(),
        )  # fmt: skip


def attack_lists(name: str, lists: Lists, datasets: Mapping[str, Path], done: Attacked) -> None:
    """Prints how the lists of owners who are in no attack change."""
    problem = lists.problem
    honest = ~np.isin(problem.owner_ids, done.owners)
    targets = np.searchsorted(problem.product_ids, np.array(done.targets))
    for defences, dataset in datasets.items():
        clean = lists.of(lists.place / "town", defences, "clean")
        before, after = judged(clean, problem), judged(now := lists.of(dataset, defences), problem)
        say(
            attack=name, lists="learned", defences=defences, rows=done.n_rows, owners=int(honest.sum()),
            hit_clean=before[0][honest].mean(), hit=after[0][honest].mean(),
            hit_moved=change(after[0][honest], before[0][honest]),
            precision_clean=before[1][honest].mean(), precision=after[1][honest].mean(),
            precision_moved=change(after[1][honest], before[1][honest]),
            targets_in_lists_clean=np.isin(clean, targets)[honest].mean(),
            targets_in_lists=np.isin(now, targets)[honest].mean(),
        )  # fmt: skip


def change(after: np.ndarray, before: np.ndarray) -> list[float]:
    """The mean difference in points, and its 95 % interval, paired by owner."""
    gaps = 100 * (after.astype(float) - before.astype(float))
    spread = 1.96 * gaps.std() / np.sqrt(len(gaps))
    return [round(float(v), 2) for v in (gaps.mean(), gaps.mean() - spread, gaps.mean() + spread)]


def say(**figures: Any) -> None:
    """One line of JSON."""
    plain = {k: round(float(v), 4) if isinstance(v, np.floating) else v for k, v in figures.items()}
    sys.stdout.write(json.dumps(plain) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
