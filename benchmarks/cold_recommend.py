"""How long one cold reply takes in one thread, and how soon a snapshot is ready.

    python benchmarks/cold_recommend.py SNAPSHOT [--owners 2000] [--target circle]

Every owner is asked once, none was asked before (20 other owners warm up the code, not the answers). Prints
milliseconds at the median and p99, and the seconds from opening the snapshot to its first reply. Files are
checked as the service checks them, by as many threads as it has; replies are given by one.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ["SHAREPICKS_THREADS"] = "1"

from recsys.threads import limit_threads

limit_threads()

import faiss  # noqa: E402
import numpy as np  # noqa: E402

from recsys.domain import Query  # noqa: E402
from recsys.recommend import recommend  # noqa: E402
from recsys.snapshot import open_snapshot  # noqa: E402

WARM_UP = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--owners", type=int, default=2_000)
    parser.add_argument("--target", choices=("circle", "self"), default="circle")
    asked = parser.parse_args()
    faiss.omp_set_num_threads(1)
    del os.environ["SHAREPICKS_THREADS"]
    started = time.perf_counter()
    snapshot = open_snapshot(asked.snapshot)
    opened = time.perf_counter() - started
    os.environ["SHAREPICKS_THREADS"] = "1"
    ids = snapshot.ids("owners")
    rows = np.random.default_rng(0).permutation(len(ids))[: asked.owners + WARM_UP]
    recommend(snapshot, Query(ids[int(rows[0])], target=asked.target))
    ready = time.perf_counter() - started
    milliseconds = []
    for place, row in enumerate(rows):
        query = Query(ids[int(row)], target=asked.target)
        begun = time.perf_counter()
        recommend(snapshot, query)
        if place >= WARM_UP:
            milliseconds.append(1_000 * (time.perf_counter() - begun))
    middle, late = np.percentile(milliseconds, [50, 99])
    size_mb = sum(file.stat().st_size for file in asked.snapshot.iterdir()) / 1e6
    print(  # noqa: T201
        f"{len(ids):,} owners, {len(snapshot.ids('products')):,} products, {size_mb:,.0f} MB: "
        f"opened in {opened:.2f} s, first reply after {ready:.2f} s; "
        f"{len(milliseconds):,} cold replies: median {middle:.1f} ms, p99 {late:.1f} ms"
    )


if __name__ == "__main__":
    main()
