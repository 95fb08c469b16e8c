"""Time and peak memory of quality and value scores at 1 and 10 million order lines.

    python benchmarks/good_value.py 1000000 10000000

The orders of `benchmarks/graphs.py`, 3 in 100 returned. From the open window to the quality of every
product (three past moments are read and fitted too) and to its value score. One line of JSON per size, each
in a process of its own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from graphs import measure_sizes, peak_mb, write_orders

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.sparse import CsrView
from recsys.value import comparables, scores_of, worth
from training.fit_quality import Groups, fit_quality


def add_returns(path: Path, rng: np.random.Generator) -> None:
    """Sends 3 in 100 lines back within 10 days."""
    orders = pq.read_table(path / "orders.parquet", columns=["order_id", "product_id", "order_time"])
    back = orders.take(pa.array(np.sort(rng.choice(len(orders), len(orders) // 33, replace=False))))
    wait = pa.array((rng.random(len(back)) * 10 * 86_400_000_000).astype("timedelta64[us]"))
    with DatasetWriter(path.with_name("returns-only")) as writer:
        writer.append("returns", {
            "return_id": [f"r{row}" for row in range(len(back))], "order_id": back["order_id"],
            "product_id": back["product_id"], "request_time": pc.add(back["order_time"], wait),
            "fault": ["supplier"] * len(back),
        })  # fmt: skip
    (path.with_name("returns-only") / "returns.parquet").rename(path / "returns.parquet")


def measure(n_lines: int, memory_limit_mb: int, threads: int) -> dict[str, Any]:
    """Seconds of each step and the peak memory of the process."""
    found: dict[str, Any] = {"n_lines": n_lines, "memory_limit_mb": memory_limit_mb, "threads": threads}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders"
        write_orders(path, n_lines, np.random.default_rng(7))
        add_returns(path, np.random.default_rng(8))
        with open_window(open_dataset(path), memory_limit_mb=memory_limit_mb, threads=threads) as window:
            window.table("orders")
            window.table("returns")
            n = window.count("products")
            category = np.arange(n, dtype=np.int32) % 97
            groups = Groups(category, np.full(n, -1, dtype=np.int32), np.ones(n))
            nobody = CsrView(
                np.zeros(n + 1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), n
            )
            started, worked = time.perf_counter(), time.process_time()
            fitted = fit_quality(window, groups, nobody)
            found["quality_seconds"] = round(time.perf_counter() - started, 1)
            found["quality_cpu_seconds"] = round(time.process_time() - worked, 1)
        assert fitted is not None
        started = time.perf_counter()
        price = np.random.default_rng(9).lognormal(7, 1, n)
        u, spread = worth(fitted.quality, price, np.full(n, 0.3))
        compared = comparables((category,), np.ones(n, dtype=bool), np.arange(n), None)
        scores = scores_of(compared, u, spread, price)
        found["score_seconds"] = round(time.perf_counter() - started, 1)
        found["n_products"], found["n_scored"] = n, int((~np.isnan(scores.value_score)).sum())
        found["peak_mb"] = peak_mb()
    return found


if __name__ == "__main__":
    measure_sizes(measure, __doc__)
