"""What attacks with 3 % of the events do to lists for circles and to the targets' good value.

    python benchmarks/attacks.py [--town DIR] [--attacks owner_ring brushing …] [--part 0.03]

Without --town a town of 600 owners, 8,000 members and 2,000 products is simulated. Trained are snapshots as
of 14 days before its end: of the town as it is, and of each attacked one with the defences and without them
(`[graphs] weigh_orders = 0`; for coattails the fake clicks taken for orders; for reviews the check of the
buyer left out; for prices a badge that looks back 30 days only). Judged are the lists of the owners who are
in no attack, by what members of their circles really ordered and kept in those 14 days. JSON lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from features.columns import outcomes, payable
from features.dataset import open_dataset
from recsys.model import Model
from recsys.model_files import model_of
from recsys.recommend import rank_many_of
from recsys.snapshot import open_snapshot
from recsys.value import BADGES
from training.config import Config
from training.facts import gather_facts, judging_window
from training.metrics import hit_gains
from training.problem import Problem, build_problem
from training.town.attacks import ATTACKS, attack, clicks_as_orders, read_tables, write_attacked
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


def values_at(model: Model, targets: tuple[str, ...]) -> dict[str, Any]:
    """The targets' mean value and quality, and how many have the badge."""
    rows = model.products.ids.rows(list(targets))
    value = model.value
    assert value is not None
    known = rows[value.value_score[rows] >= 0]
    badges = [BADGES[int(b)] for b in value.badge[rows]]
    return {
        "value_score": round(float(value.value_score[known].mean()), 4),
        "quality": round(float(value.quality[known].mean()), 4),
        "badges": sum(b == "good_value" for b in badges), "targets": len(targets),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--town", type=Path)
    parser.add_argument("--attacks", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--part", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        path = asked.town or simulate(TOWN, place / "town").path
        run(path, place, asked.attacks, asked.part, asked.seed)


def run(path: Path, place: Path, attacks: list[str], part: float, seed: int) -> None:
    """Prints one line for the clean town and two for each attack."""
    tables = read_tables(path)
    cut = max(tables["orders"]["order_time"].to_pylist()) - timedelta(days=DAYS_AFTER)
    problem = problem_of(path, cut)

    def trained(dataset: Path, name: str, config: Config) -> Model:
        train(dataset, place / name, as_of=cut, config=config)
        return model_of(open_snapshot(place / name))

    clean = {
        "defended": trained(path, "clean", OPEN),
        "undefended": trained(path, "clean-undefended", UNDEFENDED),
    }
    before = {name: judged(lists_of(model, problem), problem) for name, model in clean.items()}
    for name, (hit, precision) in before.items():
        say(attack="none", defences=name, owners=len(hit), hit=hit.mean(), precision=precision.mean())
    for name in attacks:
        done = attack(name, tables, cut, part, seed)
        write_attacked(path, place / name, done)
        honest = ~np.isin(problem.owner_ids, done.owners)
        naive = place / f"{name}-naive"
        if name == "coattails":
            write_attacked(path, naive, clicks_as_orders(done, tables))
        else:
            naive = place / name
        for defences in ("defended", "undefended"):
            if defences == "defended":
                model = trained(place / name, f"{name}-{defences}", OPEN)
            else:
                with without_checks():
                    model = trained(naive, f"{name}-{defences}", UNDEFENDED)
            lists = lists_of(model, problem)
            hit, precision = judged(lists, problem)
            told: dict[str, Any] = {}
            if name in ON_VALUE:
                told = {
                    "before": values_at(clean[defences], done.targets),
                    "after": values_at(model, done.targets),
                }
            pushed = np.isin(lists, np.searchsorted(problem.product_ids, np.array(done.targets)))
            say(
                attack=name, defences=defences, rows=done.n_rows, hit=hit[honest].mean(),
                hit_moved=change(hit[honest], before[defences][0][honest]),
                precision=precision[honest].mean(),
                precision_moved=change(precision[honest], before[defences][1][honest]),
                targets_in_lists=pushed[honest].mean(), **told,
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
