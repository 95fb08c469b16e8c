"""What circle lists bring in a simulated town, by its hidden truth: kept orders and good value per share.

Plays a town (or takes one), trains a snapshot as of its end, asks for every owner's list as `recommend`
would, and hands the lists to the truth that nobody in the town can see. Beside ours stand lists behind the
same gates: the most ordered products, those with the highest commission, any products, and the oracle, who
knows the truth and sorts by it. Printed per share, a mean over owners with its 95 % interval:

kept       expected orders that her circle places through the share and does not send back
good       expected orders that end well less those that do not (a defect, or so late that it was spoilt)
delivered  kept orders where the list is played out as shares of one day, one after the other

Every share is the first of its day and goes to everybody (channel "moments"), but for `delivered`.

    python benchmarks/town_truth.py                          the default town: 1,000 owners, 90 days
    python benchmarks/town_truth.py --small                  300 owners, 60 days: a minute
    python benchmarks/town_truth.py --town DIR --snapshot SNAPSHOT --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits

from features.dataset import open_dataset  # noqa: E402
from features.window import open_window  # noqa: E402
from recsys.domain import Query, Target  # noqa: E402
from recsys.gates import gates  # noqa: E402
from recsys.model import Model  # noqa: E402
from recsys.model_files import model_of  # noqa: E402
from recsys.profiles import profiles_of  # noqa: E402
from recsys.recommend import rank_many_of  # noqa: E402
from recsys.snapshot import open_snapshot  # noqa: E402
from training.bootstrap import Interval, Resamples, resample  # noqa: E402
from training.config import Config, read_config  # noqa: E402
from training.town.config import TownConfig  # noqa: E402
from training.town.simulate import simulate  # noqa: E402
from training.town.truth import World  # noqa: E402
from training.train import train  # noqa: E402

METHODS = ("sharepicks", "popular", "commission", "random", "oracle")
MEASURES = ("kept", "good", "delivered")
AGAINST = ("popular", "oracle")
TARGET: Target = "circle"

Rows = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Town:
    """A town's dataset, the model trained on it, and its truth."""

    path: Path
    model: Model
    world: World


def main() -> None:
    """Prints one table, or one JSON object."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="sharepicks-truth-") as folder:
        town = _town(asked, Path(folder))
        rng = np.random.default_rng(asked.seed)
        owners = np.sort(rng.permutation(len(town.model.people.owners))[: asked.owners]).astype(np.int32)
        values = _values(town, _lists(town, owners, asked.n, rng), owners, rng)
    found = _measured(values, rng) | {"owners": len(owners), "n": asked.n}
    sys.stdout.write(f"{json.dumps(found) if asked.json else _table(found)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a town of 300 owners, 60 days")
    parser.add_argument("--town", type=Path, help="a simulated dataset with its truth beside it")
    parser.add_argument("--snapshot", type=Path, help="a snapshot of the end of the town: used, not trained")
    parser.add_argument("--config", type=Path, help="a configuration to train with")
    parser.add_argument("--owners", type=int, default=300, help="owners judged, drawn by the seed")
    parser.add_argument("--n", type=int, default=10, help="length of each list")
    parser.add_argument("--seed", type=int, default=1, help="of the town, the owners and the random lists")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _town(asked: argparse.Namespace, folder: Path) -> Town:
    path = asked.town
    if path is None:
        path = folder / "town"
        size = TownConfig(300, 4_000, 1_000, 60, asked.seed) if asked.small else TownConfig(seed=asked.seed)
        simulate(size, path)
    snapshot = asked.snapshot
    if snapshot is None:
        snapshot = folder / "snapshot"
        train(path, snapshot, config=read_config(asked.config) if asked.config else Config())
    return Town(path, model_of(open_snapshot(snapshot)), World.load(path))


def _lists(town: Town, owners: Rows, n: int, rng: np.random.Generator) -> dict[str, list[Rows]]:
    """Per method one array of product rows of the model per owner, best first."""
    model = town.model
    ours: dict[int, Rows] = {}
    for chunk in rank_many_of(model, owners.astype(np.int32), n, TARGET, False):
        for row in np.unique(chunk.owner_row):
            ours[int(row)] = chunk.product_row[chunk.owner_row == row].astype(np.int64)
    popularity, commission = model.products.popularity, _commissions(town)
    world_row = town.world.products(list(model.products.ids))
    lists: dict[str, list[Rows]] = {name: [] for name in METHODS}
    for row, is_open in zip(owners, _open(model, owners), strict=True):
        truth = town.world.expected_kept_of_all(model.people.owners[int(row)])[world_row]
        lists["sharepicks"].append(ours[int(row)])
        lists["popular"].append(_best(popularity, is_open, n))
        lists["commission"].append(_best(commission + 1e-6 * _unit(popularity), is_open, n))
        lists["random"].append(_best(rng.random(len(is_open)), is_open, n))
        lists["oracle"].append(_best(truth, is_open, n))
    return lists


def _open(model: Model, owners: Rows) -> Iterator[np.ndarray[Any, np.dtype[np.bool_]]]:
    """Per owner the products that no gate of the snapshot closes to her."""
    query = Query("", target=TARGET)
    for row in owners:
        closed = gates(model, profiles_of(model, np.array([row], dtype=np.int32), TARGET), query)
        is_open = np.ones(model.n_products, dtype=bool)
        for gate in closed.values():
            is_open[gate if isinstance(gate, np.ndarray) else gate.indices] = False
        yield is_open


def _commissions(town: Town) -> Floats:
    """The commission rate of each product's newest offer that began, 0 without one."""
    found = np.zeros(town.model.n_products)
    with open_window(open_dataset(town.path)) as window:
        offers = window.table("offers").filter(lambda t: t.commission_rate.notnull())
        lines = window.engine.fetch(
            offers.select("product_row", "effective_time", "commission_rate"),
            ("product_row", "effective_time"),
        )
    found[lines["product_row"]] = lines["commission_rate"]  # the last one stands
    return found


def _unit(values: np.ndarray[Any, Any]) -> Floats:
    return np.asarray(values / max(float(values.max()), 1e-9), dtype=np.float64)


def _best(score: np.ndarray[Any, Any], is_open: np.ndarray[Any, Any], n: int) -> Rows:
    return np.argsort(np.where(is_open, -score.astype(np.float64), np.inf), kind="stable")[:n]


def _values(
    town: Town, lists: dict[str, list[Rows]], owners: Rows, rng: np.random.Generator
) -> dict[str, Floats]:
    """Per method float64 (n_owners, n_measures): means over each owner's list."""
    products, world = town.model.products.ids, town.world
    values = {}
    for name, picked in lists.items():
        rows = []
        for row, chosen in zip(owners, picked, strict=True):
            owner, ids = town.model.people.owners[int(row)], [products[int(p)] for p in chosen]
            asked = [owner] * len(ids)
            quality = world.quality[world.products(ids)]
            good = world.expected_orders(asked, ids) * (2 * quality - 1)
            played = world.deliver(owner, ids, rng).n_kept
            rows.append([world.expected_kept_orders(asked, ids).mean(), good.mean(), played.mean()])
        values[name] = np.array(rows)
    return values


def _measured(values: dict[str, Floats], rng: np.random.Generator) -> dict[str, Any]:
    drawn = resample(np.column_stack([values[name] for name in METHODS]), rng)
    found: dict[str, Any] = {
        name: {m: _ends(drawn.interval(_column(name, m))) for m in MEASURES} for name in METHODS
    }
    found["ratio"] = {other: {m: _ratio(drawn, other, m) for m in MEASURES} for other in AGAINST}
    return found


def _column(name: str, measure: str) -> int:
    return METHODS.index(name) * len(MEASURES) + MEASURES.index(measure)


def _ratio(drawn: Resamples, other: str, measure: str) -> list[float] | None:
    ratio = drawn.ratio(_column("sharepicks", measure), _column(other, measure))
    return None if ratio is None else _ends(ratio)


def _ends(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['owners']} owners, lists of {found['n']}; per share", f"{'':<22}" + _cells(MEASURES)]
    for name in METHODS:
        lines.append(f"{name:<22}" + _cells([_said(found[name][m], 4) for m in MEASURES]))
    for other in AGAINST:
        cells = [_said(found["ratio"][other][m], 2) for m in MEASURES]
        lines.append(f"{'ours / ' + other:<22}" + _cells(cells))
    return "\n".join(lines)


def _said(ends: list[float] | None, digits: int) -> str:
    if ends is None:
        return "-"
    mean, low, high = (f"{value:.{digits}f}" for value in ends)
    return f"{mean} ({low} to {high})"


def _cells(cells: Any) -> str:
    return "".join(f"{cell:>28}" for cell in cells)


if __name__ == "__main__":
    main()
