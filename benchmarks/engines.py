"""Both engines on the same dataset: whether graphs and columns are equal, and the time of each.

    python benchmarks/engines.py DATASET [--workers 2]

Reads one window with DuckDB on one thread a worker, then on a Spark master with workers of one core each, all
on loopback. Prints the seconds of each part as it ends, and what differs; exit code 1 if anything
does. `read` opens the window and puts `as_of` on every table; the start of Spark is told apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from features.columns.circle import circle_columns
from features.columns.momentum import momentum
from features.columns.outcomes import outcomes
from features.columns.owners import owner_columns
from features.columns.payable import payable
from features.columns.products import product_columns
from features.columns.rebuy import rebuy_gaps
from features.dataset import Dataset, open_dataset
from features.engine import DuckDBEngine, OpenEngine
from features.spark_engine import SparkCluster
from features.window import Window, open_window
from tests.features.all_of_a_window import differences, plain
from tests.features.spark_on_loopback import standalone_cluster
from training.config import Graphs
from training.read_inputs import read_inputs

PARTS: dict[str, Callable[[Window], Any]] = {
    "inputs": lambda window: read_inputs(window, Graphs()),  # every graph that training reads
    "products": product_columns,
    "owners": owner_columns,
    "circle": circle_columns,
    "momentum": momentum,
    "rebuy": rebuy_gaps,
    "outcomes": outcomes,
    "payable": lambda window: payable(window, product_columns(window)),
}


def tell(line: str) -> None:
    """One line, at once: a run may be stopped."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def everything(dataset: Dataset, engine: str, open_engine: OpenEngine, threads: int) -> dict[str, Any]:
    """All parts of a window, each with its seconds printed."""
    begun = last = time.perf_counter()
    found = {}
    with open_window(dataset, memory_limit_mb=4000, threads=threads, open_engine=open_engine) as window:
        for name in ("read", *PARTS):
            if name != "read":
                found[name] = plain(PARTS[name](window))
            now = time.perf_counter()
            tell(f"{engine:>6} {name:>9} {now - last:8.1f} s")
            last = now
    tell(f"{engine:>6} {'all':>9} {time.perf_counter() - begun:8.1f} s")
    return found


def main() -> int:
    """0 when both engines give the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    dataset = open_dataset(asked.dataset)
    duck = everything(dataset, "duckdb", DuckDBEngine, asked.workers)
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        standalone_cluster(Path(folder), n_workers=asked.workers, memory_mb=3000, bound_s=3600) as master,
        SparkCluster(master) as cluster,
    ):
        tell(f" spark     start {time.perf_counter() - begun:8.1f} s")
        spark = everything(dataset, "spark", cluster.open, asked.workers)
    differ = differences(duck, spark)
    tell("\n".join(differ) if differ else f"equal: {', '.join(duck)}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
