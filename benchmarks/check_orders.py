"""How long `sharepicks check` takes, and how much memory, on many order lines.

    python benchmarks/check_orders.py --rows 10000000 --format parquet

Writes a clean dataset (orders, products, shares, owners, offers, returns) in a temporary folder, a chunk at a
time, checks it in a process of its own and prints the rows, the seconds and the peak resident memory of that
process as one JSON line. The folder is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.dataset import DatasetWriter

CHUNK_ROWS = 1_000_000
N_PRODUCTS, N_MEMBERS, N_OWNERS = 100_000, 500_000, 50_000
LINES_PER_ORDER = 3
DAY_US = 86_400_000_000
START_US = 1_700_000_000_000_000

CHILD = """
import json, resource, sys, time
from pathlib import Path
begin = time.perf_counter()
from features.check import check_dataset, dataset_hash
from features.dataset import open_dataset
dataset = open_dataset(Path(sys.argv[1]))
if sys.argv[2] == "hash":
    text = dataset_hash(dataset)
else:
    report = check_dataset(dataset)
    report.raise_if_broken()
    assert not report.errors
    text = str(dict(report.flags))
print(json.dumps({
    "what": sys.argv[2], "seconds": round(time.perf_counter() - begin, 1),
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "result": text,
}))
"""


def ids(prefix: str, codes: np.ndarray) -> pa.Array:
    """Ids like `p123` for codes, as an arrow string array."""
    return pc.binary_join_element_wise(prefix, pa.array(codes).cast(pa.string()), "")


def times(rng: np.random.Generator, n: int, first_us: int, days: int) -> pa.Array:
    """Random instants in `days` days, UTC microseconds."""
    return pa.array(first_us + rng.integers(0, days * DAY_US, n)).cast(pa.timestamp("us", tz="UTC"))


def write_dataset(path: Path, n_rows: int) -> None:
    """A clean dataset with `n_rows` order lines, a tenth as many shares and a twentieth as many returns."""
    rng = np.random.default_rng(7)
    with DatasetWriter(path) as writer:
        products = ids("p", np.arange(N_PRODUCTS))
        category = pa.array([f"Home > Part {i % 300}" for i in range(N_PRODUCTS)])
        writer.append("products", {"product_id": products, "title": products, "category": category})
        writer.append("owners", {"owner_id": ids("w", np.arange(N_OWNERS))})
        offers = {
            "product_id": products,
            "effective_time": times(rng, N_PRODUCTS, START_US, 1),
            "price_minor": rng.integers(100, 90_000, N_PRODUCTS),
            "currency": pa.array(["CNY"] * N_PRODUCTS),
        }
        writer.append("offers", offers)
        n_shares = n_rows // 10
        share_owner = rng.integers(0, N_OWNERS, n_shares)
        shares = {
            "share_id": ids("s", np.arange(n_shares)),
            "share_time": times(rng, n_shares, START_US, 10),
            "owner_id": ids("w", share_owner),
            "product_id": ids("p", rng.integers(0, N_PRODUCTS, n_shares)),
        }
        writer.append("shares", shares)
        for begin in range(0, n_rows, CHUNK_ROWS):
            _append_orders(writer, rng, begin, min(CHUNK_ROWS, n_rows - begin), share_owner)


def _append_orders(
    writer: DatasetWriter, rng: np.random.Generator, begin: int, n: int, share_owner: np.ndarray
) -> None:
    line = np.arange(begin, begin + n)
    order_ids = ids("order-", line // LINES_PER_ORDER)
    product_ids = ids("p", (line * 7919) % N_PRODUCTS)
    order_us = START_US + 10 * DAY_US + (line // LINES_PER_ORDER) * 1_000_000
    order_time = pa.array(order_us).cast(pa.timestamp("us", tz="UTC"))
    share = rng.integers(0, len(share_owner), n)
    credited = pa.array(rng.random(n) < 0.5)
    orders = {
        "order_id": order_ids,
        "order_time": order_time,
        "member_id": ids("m", rng.integers(0, N_MEMBERS, n)),
        "product_id": product_ids,
        "quantity": rng.integers(1, 4, n),
        "price_minor": rng.integers(0, 90_000, n),
        "owner_id": pc.if_else(credited, ids("w", share_owner[share]), pa.scalar(None, pa.string())),
        "share_id": pc.if_else(credited, ids("s", share), pa.scalar(None, pa.string())),
        "delivered_time": pa.array(order_us + 2 * DAY_US).cast(pa.timestamp("us", tz="UTC")),
    }
    writer.append("orders", orders)
    returned = pa.array(np.arange(0, n, 20))
    returns = {
        "return_id": ids("r", line[::20]),
        "order_id": order_ids.take(returned),
        "product_id": product_ids.take(returned),
        "request_time": pa.array(order_us[::20] + 3 * DAY_US).cast(pa.timestamp("us", tz="UTC")),
    }
    writer.append("returns", returns)


def as_csv(path: Path, ending: str) -> None:
    """Rewrite every Parquet table of a dataset as CSV or CSV.gz with RFC 3339 times."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    for file in sorted(path.glob("*.parquet")):
        source = connection.read_parquet(str(file))
        columns = [
            f"strftime({name}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ') AS {name}" if "TIME" in str(kind) else name
            for name, kind in zip(source.columns, source.types, strict=True)
        ]
        target = file.with_suffix(ending)
        connection.execute(f"COPY (SELECT {', '.join(columns)} FROM source) TO '{target}' (FORMAT csv)")
        file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--format", choices=("parquet", "csv", "csv.gz"), default="parquet")
    parser.add_argument("--keep", type=Path, help="use this folder and keep it, instead of a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sharepicks-bench-") as folder:
        path = asked.keep or Path(folder) / "dataset"
        if not path.exists():
            begin = time.perf_counter()
            write_dataset(path, asked.rows)
            if asked.format != "parquet":
                as_csv(path, "." + asked.format)
            sys.stderr.write(f"written in {time.perf_counter() - begin:.0f} s\n")
        for what in ("check", "hash"):
            command = [sys.executable, "-c", CHILD, str(path), what]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            figures = {"rows": asked.rows, "format": asked.format, **json.loads(done.stdout)}
            sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
