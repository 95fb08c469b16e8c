"""Good value per share of the lists for circles in a simulated town, by its hidden truth.

Behind the same gates stand: our lists as served (by expected good value), by the ranker's score alone, the
most ordered products, the highest commission, and the oracle, who sorts by the truth. Good value is the
truth's own: buyers · [P(kept) · value_score − P(bad) · cost of a spoiled tie], as the first share of its day.
Means per share over owners with their 95 % interval, and ours as a multiple of each, paired by owner.

    python benchmarks/list_value.py --town DIR                      trains a snapshot of the end of the town
    python benchmarks/list_value.py --town DIR --snapshot S --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits

from recsys.domain import Query  # noqa: E402
from recsys.gates import gates  # noqa: E402
from recsys.model import Model  # noqa: E402
from recsys.model_files import model_of  # noqa: E402
from recsys.profiles import profiles_of  # noqa: E402
from recsys.recommend import rank_many_of  # noqa: E402
from recsys.snapshot import open_snapshot  # noqa: E402
from training.bootstrap import Interval, resample  # noqa: E402
from training.by_score import ordering_by_score  # noqa: E402
from training.town.truth import World  # noqa: E402
from training.train import train  # noqa: E402

METHODS = ("as served", "by score", "popular", "commission", "oracle")
Array = np.ndarray[Any, Any]


def main() -> None:
    """Prints one table, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--town", type=Path, required=True, help="a simulated dataset, its truth beside it")
    parser.add_argument("--snapshot", type=Path, help="of the end of the town: used, not trained")
    parser.add_argument("--owners", type=int, default=300)
    parser.add_argument("--n", type=int, default=10, help="length of each list")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sharepicks-list-value-") as folder:
        snapshot = asked.snapshot or Path(folder) / "snapshot"
        if asked.snapshot is None:
            train(asked.town, snapshot)
        found = _measured(model_of(open_snapshot(snapshot)), World.load(asked.town), asked.owners, asked.n)
    sys.stdout.write(f"{json.dumps(found)}\n" if asked.json else _table(found))


def _measured(model: Model, world: World, n_owners: int, n: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    owners = np.sort(rng.permutation(len(model.people.owners))[:n_owners]).astype(np.int32)
    ids = list(model.products.ids)
    served, scored = _lists(model, owners, n), _lists(ordering_by_score(model), owners, n)
    popularity = model.products.popularity.astype(np.float64)
    commission = np.zeros(len(ids)) if model.commission is None else np.asarray(model.commission)
    commission = commission + 1e-6 * popularity / max(popularity.max(), 1)
    good, kept = np.zeros((len(owners), len(METHODS))), np.zeros((len(owners), len(METHODS)))
    for at, row in enumerate(owners.tolist()):
        owner_id, is_open = model.people.owners[row], _open(model, row)
        truth = world.good_value([owner_id] * len(ids), ids)
        orders = world.expected_kept_of_all(owner_id)[world.products(ids)]
        heads = (_best(values, is_open, n) for values in (popularity, commission, truth))
        for column, head in enumerate((served[row], scored[row], *heads)):
            good[at, column], kept[at, column] = truth[head].mean(), orders[head].mean()
    drawn = resample(np.column_stack([good, kept]), rng)
    place = {name: at for at, name in enumerate(METHODS)}
    return {
        name: {
            "good_value": _ends(drawn.interval(at)),
            "kept_orders": _ends(drawn.interval(len(METHODS) + at)),
            "served_as_multiple": _ends(drawn.ratio(0, at)),
        }
        for name, at in place.items()
    }


def _lists(model: Model, owners: Array, n: int) -> dict[int, Array]:
    chunks = list(rank_many_of(model, owners, n, "circle", False))
    row = np.concatenate([chunk.owner_row for chunk in chunks])
    product = np.concatenate([chunk.product_row for chunk in chunks])
    return {int(owner): product[row == owner] for owner in owners}


def _open(model: Model, owner_row: int) -> Array:
    found = np.ones(model.n_products, dtype=bool)
    profiles = profiles_of(model, np.array([owner_row], dtype=np.int32), "circle")
    for gate in gates(model, profiles, Query("", target="circle")).values():
        found[gate if isinstance(gate, np.ndarray) else gate.indices] = False
    return found


def _best(values: Array, is_open: Array, n: int) -> Array:
    return np.argsort(np.where(is_open, -values, np.inf), kind="stable")[:n]


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(v, 4) for v in (interval.mean, interval.low, interval.high)]


def _table(found: dict[str, Any]) -> str:
    heads = ("good_value", "kept_orders", "served_as_multiple")
    lines = [f"{'per share':14}" + "".join(f"{head:>28}" for head in heads)]
    for name, measures in found.items():
        cells = (
            "-" if (m := measures[h]) is None else f"{m[0]:.3f} ({m[1]:.3f} to {m[2]:.3f})" for h in heads
        )
        lines.append(f"{name:14}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
