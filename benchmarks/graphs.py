"""Time and peak memory of the graphs at 1 and 10 million order lines.

    python benchmarks/graphs.py 1000000 10000000

Synthetic orders: 10 lines a member on average (log-normal, σ 1), baskets of 2.5, 100 lines a product with
Zipf popularity, seven lines of ten near the member's taste, 90 days. One line of JSON per size, with the
processor's seconds beside the clock's, for a machine that is shared; each size
runs in a process of its own, so that the peak is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.dataset import DatasetWriter, open_dataset
from features.graphs.co_purchase import co_purchase
from features.graphs.substitutes import substitutes
from features.interactions import member_product
from features.window import Window, open_window

CHUNK_LINES = 1_000_000
LINES_PER_MEMBER = 10
START_US = 1_700_000_000_000_000
N_DAYS = 90


def write_orders(path: Path, n_lines: int, rng: np.random.Generator) -> None:
    """A dataset of products and about `n_lines` order lines, streamed."""
    n_products, n_members = max(500, n_lines // 100), max(50, n_lines // LINES_PER_MEMBER)
    activity = np.cumsum(rng.lognormal(0.0, 1.0, n_members))
    popularity = np.cumsum(1.0 / (np.arange(n_products) + 10.0))
    with DatasetWriter(path) as writer:
        products = _ids("p", np.arange(n_products))
        leaves = [f"Home > Room {row % 97}" for row in range(n_products)]
        writer.append("products", {"product_id": products, "title": products, "category": leaves})
        n_orders = 0
        for start in range(0, n_lines, CHUNK_LINES):
            n_chunk = min(CHUNK_LINES, n_lines - start)
            order = np.repeat(np.arange(n_chunk), rng.geometric(0.4, n_chunk))[:n_chunk]
            n_here = int(order[-1]) + 1
            member = np.searchsorted(activity, rng.random(n_here) * activity[-1])
            taste = (member * 2_654_435_761) % n_products
            near = (taste[order] + rng.geometric(0.01, n_chunk)) % n_products
            popular = np.searchsorted(popularity, rng.random(n_chunk) * popularity[-1])
            product = np.where(rng.random(n_chunk) < 0.7, near, popular)
            order, product = np.unique(np.stack([order, product]), axis=1)
            times = START_US + rng.integers(0, N_DAYS * 86_400_000_000, n_here)
            writer.append(
                "orders",
                {
                    "order_id": _ids("o", n_orders + order),
                    "order_time": pa.array(times[order]).cast(pa.timestamp("us", tz="UTC")),
                    "member_id": _ids("m", member[order]),
                    "product_id": _ids("p", product),
                    "quantity": np.ones(len(order), dtype=np.int64),
                    "price_minor": rng.integers(100, 10_000, len(order)),
                },
            )
            n_orders += n_here


def measure(n_lines: int, memory_limit_mb: int, threads: int) -> dict[str, Any]:
    """Seconds of each step and the peak memory of the process."""
    found: dict[str, Any] = {"n_lines": n_lines, "memory_limit_mb": memory_limit_mb, "threads": threads}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders"
        write_orders(path, n_lines, np.random.default_rng(7))
        started, worked = time.perf_counter(), time.process_time()
        with open_window(open_dataset(path), memory_limit_mb=memory_limit_mb, threads=threads) as window:
            window.table("orders")
            found["open_seconds"] = round(time.perf_counter() - started, 1)
            found["open_cpu_seconds"] = round(time.process_time() - worked, 1)
            for name, step in STEPS.items():
                started, worked = time.perf_counter(), time.process_time()
                n_edges = step(window)
                found[f"{name}_seconds"] = round(time.perf_counter() - started, 1)
                found[f"{name}_cpu_seconds"] = round(time.process_time() - worked, 1)
                found[f"n_{name}"] = n_edges
                found[f"{name}_peak_mb"] = peak_mb()
    return found


STEPS: dict[str, Callable[[Window], int]] = {
    "interactions": lambda window: len(member_product(window, half_life_days=90.0).weight),
    "co_purchase": lambda window: len(co_purchase(window).weight),
    "substitutes": lambda window: len(substitutes(window).weight),
}


def _ids(letter: str, numbers: Any) -> pa.Array:
    return pc.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")


def peak_mb() -> int:
    """Peak memory of this process, megabytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(kilobytes // 1024)


def measure_sizes(measure: Callable[[int, int, int], dict[str, Any]], described: str | None) -> None:
    """Measure each size asked for on the command line, in a process of its own; one line of JSON each."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--memory-limit-mb", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    for n_lines in asked.sizes:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (n_lines, asked.memory_limit_mb, asked.threads))
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    measure_sizes(measure, __doc__)
