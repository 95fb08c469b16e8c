"""What customers buy next that they never bought before: Online Retail, full ranking, split by time.

Trains on what was ordered before the cut and ranks the whole catalogue for every customer known by then;
what she orders for the first time in the days that follow is relevant. Prints NDCG@20 and Recall@20 of
Sharepicks (target self, unseen), co-purchase kNN (cosine) and popular with 95 % bootstrap intervals, and the
paired ratio of ours to kNN. The baselines see the same orders and the same lists of what is left out.

    python benchmarks/next_purchases.py                          the cut of 2011-07-01
    python benchmarks/next_purchases.py DATA --cut 2011-05-01 --config mine.toml --json

DATA is a folder with online_retail.csv.gz, or a dataset that was imported before.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits
import scipy.sparse as sp  # noqa: E402

from features.dataset import Dataset, open_dataset  # noqa: E402
from features.importers import import_into  # noqa: E402
from features.interactions import real_orders  # noqa: E402
from features.window import open_window  # noqa: E402
from recsys.model_files import model_of  # noqa: E402
from recsys.recommend import rank_many_of  # noqa: E402
from recsys.snapshot import open_snapshot  # noqa: E402
from training import metrics  # noqa: E402
from training.baselines import fit_baseline  # noqa: E402
from training.baselines.seam import Asked  # noqa: E402
from training.bootstrap import Interval, resample  # noqa: E402
from training.config import Config, read_config  # noqa: E402
from training.judging import top_rows  # noqa: E402
from training.train import train  # noqa: E402

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "online-retail"
DEPTH = 20
BASELINES = ("co_purchase_knn", "popular")


@dataclass(frozen=True, slots=True)
class Problem:
    """Customers by sorted id, products by sorted id; `before` and `new` are bool CSR of one shape."""

    customers: list[str]
    products: list[str]
    before: sp.csr_array
    new: sp.csr_array


def main() -> None:
    """Prints one table, or one JSON object."""
    asked = _arguments()
    if not asked.data.is_dir():
        sys.exit(f"next_purchases: {asked.data} is not there; name the folder of the data")
    cut = datetime.fromisoformat(asked.cut).replace(tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="sharepicks-next-") as folder:
        dataset = _dataset(asked.data, Path(folder))
        problem = _problem(dataset, cut, timedelta(days=asked.days))
        judged = np.flatnonzero(np.diff(problem.new.indptr))
        started = time.process_time()
        snapshot = asked.snapshot or Path(folder) / "snapshot"
        if not snapshot.exists():
            config = read_config(asked.config) if asked.config else Config()
            train(dataset.path, snapshot, as_of=cut - timedelta(microseconds=1), config=config)
        seconds = time.process_time() - started
        lists = {"sharepicks": _ours(snapshot, problem, judged)}
        lists |= {name: _baseline(name, problem, judged) for name in BASELINES}
    found = _measured(lists, problem, judged)
    found |= {"customers": len(judged), "pairs": int(problem.new.nnz), "train_cpu_seconds": round(seconds, 1)}
    text = json.dumps(found) if asked.json else _table(asked, found)
    sys.stdout.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", default=DATA)
    parser.add_argument("--cut", default="2011-07-01")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--config", type=Path, help="a configuration to train with")
    parser.add_argument("--snapshot", type=Path, help="a snapshot of the cut: used, or made where absent")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _dataset(data: Path, folder: Path) -> Dataset:
    if not (data / "orders.parquet").exists():
        import_into("online-retail", data, folder / "dataset")
        data = folder / "dataset"
    return open_dataset(data)


def _problem(dataset: Dataset, cut: datetime, days: timedelta) -> Problem:
    with open_window(dataset) as window:
        orders = real_orders(window).select("member_row", "product_row", "order_time")
        lines = window.engine.fetch(orders, ("member_row", "product_row", "order_time"))
        customers, products = window.ids["members"].tolist(), window.ids["products"].tolist()
    shape = (len(customers), len(products))
    cut_us, end_us = (int(moment.timestamp()) * 1_000_000 for moment in (cut, cut + days))
    early = lines["order_time"] < cut_us
    then = ~early & (lines["order_time"] < end_us)
    before = _ones(lines["member_row"][early], lines["product_row"][early], shape)
    after = _ones(lines["member_row"][then], lines["product_row"][then], shape)
    known = np.diff(before.indptr) > 0
    new = sp.csr_array(after - after.multiply(before))
    new = sp.csr_array(sp.diags_array(known.astype(np.float32)) @ new)
    new.eliminate_zeros()
    return Problem(customers, products, before, new)


def _ones(rows: np.ndarray[Any, Any], columns: np.ndarray[Any, Any], shape: tuple[int, int]) -> sp.csr_array:
    matrix = sp.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    matrix.data[:] = 1
    return matrix


def _ours(snapshot: Path, problem: Problem, judged: np.ndarray[Any, Any]) -> metrics.Ranked:
    model = model_of(open_snapshot(snapshot))
    rows = model.people.owners.rows([problem.customers[row] for row in judged])
    place = {product: at for at, product in enumerate(problem.products)}
    column = np.array([place[product] for product in model.products.ids])
    ranked = np.full((len(judged), DEPTH), -1, dtype=np.int32)
    at = {int(row): place for place, row in enumerate(rows)}
    for chunk in rank_many_of(model, rows, DEPTH, "self", True):
        lines = np.array([at[int(row)] for row in chunk.owner_row])
        ranked[lines, chunk.rank - 1] = column[chunk.product_row]
    return ranked


def _baseline(name: str, problem: Problem, judged: np.ndarray[Any, Any]) -> metrics.Ranked:
    fitted = fit_baseline(name, problem.before, np.random.default_rng(0))
    parts = []
    for start in range(0, len(judged), 500):
        rows = judged[start : start + 500]
        had = sp.csr_array(problem.before[rows])
        people = _ones(np.arange(len(rows)), rows, (len(rows), problem.before.shape[0]))
        scores = fitted.scores(Asked(people, had, sp.csr_array(had.shape, dtype=np.float32)))
        scores[np.repeat(np.arange(len(rows)), np.diff(had.indptr)), had.indices] = -np.inf
        parts.append(top_rows(scores, DEPTH))
    return np.concatenate(parts)


def _measured(
    lists: dict[str, metrics.Ranked], problem: Problem, judged: np.ndarray[Any, Any]
) -> dict[str, Any]:
    truth = sp.csr_array(problem.new[judged])
    n_relevant = np.diff(truth.indptr)
    columns = []
    for ranked in lists.values():
        hits = metrics.hit_gains(ranked, truth) > 0
        columns += [metrics.ndcg(hits, n_relevant, DEPTH), metrics.recall(hits, n_relevant, DEPTH)]
    drawn = resample(np.column_stack(columns), np.random.default_rng(0))
    found: dict[str, Any] = {}
    for at, name in enumerate(lists):
        found[name] = {
            "ndcg@20": _ends(drawn.interval(2 * at)),
            "recall@20": _ends(drawn.interval(2 * at + 1)),
        }
    ratio = drawn.ratio(0, 2)
    found["ratio to co_purchase_knn"] = None if ratio is None else _ends(ratio)
    return found


def _ends(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def _table(asked: argparse.Namespace, found: dict[str, Any]) -> str:
    lines = [
        f"cut {asked.cut}, {asked.days} days, {found['customers']:,} customers, "
        f"{found['pairs']:,} new pairs; "
        f"trained in {found['train_cpu_seconds']} CPU seconds",
        f"{'':<18}{'NDCG@20':>24}{'Recall@20':>24}",
    ]
    for name in ("sharepicks", *BASELINES):
        cells = [
            "{:.4f} ({:.4f} to {:.4f})".format(*found[name][measure]) for measure in ("ndcg@20", "recall@20")
        ]
        lines.append(f"{name:<18}{cells[0]:>24}{cells[1]:>24}")
    if found["ratio to co_purchase_knn"]:
        lines.append(
            "NDCG@20 of ours to co-purchase kNN: {:.2f} ({:.2f} to {:.2f})".format(
                *found["ratio to co_purchase_knn"]
            )
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
