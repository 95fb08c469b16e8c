"""What a cap on exposure costs on Beidian: accuracy, coverage and concentration at each cap.

By our own commands: trains on the training lines and shares, ranks everybody without a cap and with
`--max-product-share` (`batch --target self --unseen -n 10`), and judges the held-out purchases over the whole
catalogue. Beside each cap stands the plain post-filter: owner after owner takes the best that is left of the
same pool. The difference to no cap is paired over the held-out purchases, with a 95 % interval.

    python benchmarks/exposure.py                      caps of 20, 10, 5 and 2 %
    python benchmarks/exposure.py --snapshot S --caps 0.05 --json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits
import pyarrow.parquet as pq  # noqa: E402

from recsys.exposure import Cap, Pool, after_greedy, utility_of  # noqa: E402
from serving.bulk_caps import pool_depth  # noqa: E402
from training import metrics  # noqa: E402
from training.bootstrap import resample  # noqa: E402

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "beidian"
N = 10
CAPS = (0.2, 0.1, 0.05, 0.02)
Lists = dict[str, list[str]]  # owner → products, best first


def main() -> None:
    """Prints the exposure curve as a table or as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--snapshot", type=Path, help="one of Beidian's training lines; trained when not given"
    )
    parser.add_argument("--caps", type=float, nargs="+", default=CAPS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not DATA.is_dir():
        sys.stderr.write(f"exposure: {DATA} is not there; skipped\n")
        return
    with tempfile.TemporaryDirectory(prefix="sharepicks-exposure-") as folder:
        rows = _measure(asked.snapshot or _trained(Path(folder)), Path(folder), asked.caps)
    sys.stdout.write(json.dumps(rows) + "\n" if asked.json else _table(rows))


def _trained(work: Path) -> Path:
    _sharepicks("import", "beidian", DATA, work / "dataset")
    _sharepicks("train", work / "dataset", "--out", work / "snapshot")
    return work / "snapshot"


def _measure(snapshot: Path, work: Path, caps: list[float]) -> list[dict[str, Any]]:
    held_out = [tuple(line.strip().split(",")[:2]) for line in (DATA / "data.val").open()]
    deep = _batch(snapshot, work / "pool.parquet", pool_depth(N), 0.0)[0]
    free, seconds = _batch(snapshot, work / "free.parquet", N, 0.0)
    judged = [("no cap", 0.0, free, seconds)]
    for cap in caps:
        judged.append((f"{cap:.0%}", cap, *_batch(snapshot, work / f"{cap}.parquet", N, cap)))
        judged.append((f"{cap:.0%} greedy", cap, _greedy(deep, cap), None))
    n_products = 1 + max(int(p) for products in deep.values() for p in products)
    hits = {name: _hits(lists, held_out) for name, _, lists, _ in judged}
    return [
        {"cap": name, "seconds": took}
        | _accuracy(hits[name], hits["no cap"])
        | _concentration(lists, n_products)
        for name, _, lists, took in judged
    ]  # fmt: skip


def _batch(snapshot: Path, out: Path, n: int, cap: float) -> tuple[dict[str, Any], float]:
    """(owner → products, seconds); of the pool also the scores."""
    started = time.perf_counter()
    _sharepicks(
        "batch", snapshot, "--out", out, "-n", n, "--target", "self", "--unseen", "--max-product-share", cap
    )
    seconds = time.perf_counter() - started
    table = pq.read_table(out, columns=["owner_id", "product_id", "score"]).to_pydict()
    lists: dict[str, Any] = {}
    for owner, product, score in zip(table["owner_id"], table["product_id"], table["score"], strict=True):
        lists.setdefault(owner, {})[product] = score
    return lists, seconds


def _greedy(deep: Mapping[str, Mapping[str, float]], cap: float) -> Lists:
    """What a plain post-filter over the same pools leaves."""
    products = sorted({product for pool in deep.values() for product in pool})
    row = {product: at for at, product in enumerate(products)}
    shape = (len(deep), max(len(pool) for pool in deep.values()))
    pool = Pool(np.full(shape, -1, np.int32), np.zeros(shape, np.float32))
    for at, scored in enumerate(deep.values()):
        pool.product[at, : len(scored)] = [row[product] for product in scored]
        scores = np.array(list(scored.values()), np.float32)
        pool.utility[at, : len(scored)] = utility_of(np.zeros(len(scores), np.int32), scores, None)
    every = Cap(np.arange(len(products), dtype=np.int32), max(1, int(cap * len(deep))))
    chosen = after_greedy(pool, N, [every])
    return {owner: [products[p] for p in pool.product[at][chosen[at]]] for at, owner in enumerate(deep)}


def _hits(lists: Mapping[str, Any], held_out: list[Any]) -> np.ndarray[Any, Any]:
    """bool (n_held_out, N): where in her list the right product stands."""
    found = np.zeros((len(held_out), N), dtype=bool)
    for at, (owner, product) in enumerate(held_out):
        places = list(lists.get(owner, ()))[:N]
        if product in places:
            found[at, places.index(product)] = True
    return found


def _accuracy(hits: np.ndarray[Any, Any], free: np.ndarray[Any, Any]) -> dict[str, float]:
    one = np.ones(len(hits), dtype=np.int64)
    columns = [
        values for h in (hits, free) for values in (metrics.recall(h, one, N), metrics.ndcg(h, one, N))
    ]
    drawn = resample(np.column_stack(columns), np.random.default_rng(0))
    recall, ndcg = drawn.interval(0), drawn.interval(1)
    lost = drawn.difference(0, 2)
    return {
        "recall@10": recall.mean, "ndcg@10": ndcg.mean, "recall@10_against_none": lost.mean,
        "low": lost.low, "high": lost.high, "recall@10_kept": recall.mean / drawn.interval(2).mean,
    }  # fmt: skip


def _concentration(lists: Mapping[str, Any], n_products: int) -> dict[str, float]:
    ranked = np.full((len(lists), N), -1, dtype=np.int32)
    for at, products in enumerate(lists.values()):
        rows = [int(product) for product in products][:N]
        ranked[at, : len(rows)] = rows
    shown = metrics.exposure(ranked, n_products, N)
    return {
        "coverage": metrics.coverage(shown), "gini": metrics.gini(shown),
        "largest_share": float(shown.max() / len(lists)), "short_lists": int((ranked < 0).any(axis=1).sum()),
    }  # fmt: skip


def _sharepicks(*words: object) -> None:
    command = [str(Path(sys.executable).with_name("sharepicks")), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"exposure: {' '.join(command[1:3])} failed: {done.stderr.strip()}")


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{'cap':14}{'Recall@10':>10}{'kept':>8}{'against none (95 %)':>28}{'NDCG@10':>9}{'coverage':>10}"
        f"{'Gini':>7}{'largest':>9}{'short':>7}{'s':>7}\n"
    ]
    for row in rows:
        against = f"{row['recall@10_against_none']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        lines.append(
            f"{row['cap']:14}{row['recall@10']:>10.4f}{row['recall@10_kept']:>8.1%}{against:>28}"
            f"{row['ndcg@10']:>9.4f}{row['coverage']:>10.1%}{row['gini']:>7.3f}{row['largest_share']:>9.1%}"
            f"{row['short_lists']:>7,}{seconds:>7}\n"
        )
    return "".join(lines)


if __name__ == "__main__":
    main()
