"""False alarms and the delay of the circuit breaker, day by day over simulated towns.

    python benchmarks/circuit_breaker.py TOWN [--bursts 40] [--seed 1]

TOWN is a folder of `sharepicks simulate`. First the town as it is, without bursts: the breaker is asked at
the end of every day, and a block is a false alarm where the product's true rate of bad endings is at or under
the limit. Then the same town with bursts: from a random day on, 6 in 10 orders of some products are
complained of within days; the delay is how many members' bad endings it took until the block, asked after
every event and asked once a day. The red control is the same with plain counts in place of the posterior.
JSON lines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.dataset import open_dataset
from features.expressions import SECONDS_PER_DAY
from features.window import open_window
from recsys.circuit_breaker import PLAN, blocked, limit_of
from training.bursts import bursts
from training.config import Graphs
from training.read_inputs import read_inputs
from training.town import behaviour
from training.town.goods import LATE_SPOILS
from training.town.outcomes import P_COMPLAINT, P_REVIEW
from training.town.truth import World

FIRST_DAY = 30
P_BURST = 0.6
P_LOW_OF_BAD, P_LOW_OF_SPOILED = 4 / 6, 1 / 5  # of the stars that the town's buyers give
P_FAULT_UNCLEAR = 0.08  # a late delivery that is sent back without a fault named


def true_bad_rates(world: World) -> np.ndarray:
    """P(an order of the product shows a bad ending) in the town's own rules, carrier's faults left out."""
    defect = world.town.products.defect_rate
    spoiled = world.town.late_rate() * (1 - defect) * LATE_SPOILS
    after_defect = 1 - (1 - behaviour.P_DEFECT_RETURNED) * (1 - P_COMPLAINT) * (1 - P_REVIEW * P_LOW_OF_BAD)
    late_back = P_FAULT_UNCLEAR * behaviour.P_LATE_RETURNED
    after_late = 1 - (1 - late_back) * (1 - P_COMPLAINT / 2) * (1 - P_REVIEW * P_LOW_OF_SPOILED)
    return np.asarray(defect * after_defect + spoiled * after_late)


def days_of(path: Path, n_days: int) -> list[Any]:
    """The evidence at the end of each day from the 30th on, and the ids of the products."""
    with open_window(open_dataset(path)) as window:
        inputs = read_inputs(window, Graphs())
        assert window.as_of is not None and window.as_of_second is not None
        last = window.as_of_second
        days = [last - back * SECONDS_PER_DAY for back in range(n_days - FIRST_DAY, -1, -1)]
        return [
            inputs.catalogue.product_ids,
            [bursts(window, inputs.catalogue.category_row, s) for s in days],
        ]


def inject(source: Path, target: Path, n_bursts: int, rng: np.random.Generator) -> dict[str, Any]:
    """Copies the town with complaints about what some products sent out from a day on; product id → day."""
    shutil.copytree(source, target)
    orders = pq.read_table(source / "orders.parquet")
    time = orders["order_time"].to_numpy()
    product = np.array(orders["product_id"].to_pylist())
    delivered = orders["delivered_time"].to_numpy()
    names, counts = np.unique(product, return_counts=True)
    chosen = rng.choice(names[counts >= 30], n_bursts, replace=False)
    start, end = time.min(), time.max()
    begins = {
        str(p): start + np.timedelta64(int(d * 86_400), "s")
        for p, d in zip(
            chosen, rng.uniform(40, (end - start) / np.timedelta64(1, "D") - 15, n_bursts), strict=True
        )
    }
    hit = np.array([p in begins and t >= begins[p] for p, t in zip(product, time, strict=True)])
    rows = np.flatnonzero(hit & (rng.random(len(hit)) < P_BURST) & ~np.isnat(delivered))
    when = delivered[rows] + (rng.exponential(2, len(rows)) * 86_400 + 3_600).astype("timedelta64[s]")
    rows, when = rows[when <= end], when[when <= end]
    old = pq.read_table(source / "complaints.parquet")
    told = {
        "complaint_id": [f"burst{r}" for r in rows],
        "complaint_time": when,
        "severity": [3] * len(rows),
        "product_id": product[rows],
        "order_id": orders["order_id"].take(pa.array(rows)),
    }
    columns = [
        pa.array(told[f.name]).cast(f.type)
        if f.name in told and not isinstance(told[f.name], pa.ChunkedArray)
        else told[f.name].cast(f.type)
        if f.name in told
        else pa.nulls(len(rows), f.type)
        for f in old.schema
    ]
    pq.write_table(
        pa.concat_tables([old, pa.table(columns, schema=old.schema)]), target / "complaints.parquet"
    )
    return begins


def simple(found: Any) -> np.ndarray:
    """The red control: three bad endings that are more than the limit of the exposure, no posterior."""
    return (found.n_bad >= PLAN.least_bad) & (found.n_bad > limit_of(found.usual) * found.exposure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("town", type=Path)
    parser.add_argument("--bursts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    world = World.load(asked.town)
    n_days = world.town.config.n_days
    ids, days = days_of(asked.town, n_days)
    true_rate = true_bad_rates(world)[world.products([str(i) for i in ids])]
    for name, ask in (("posterior", lambda b: b.blocked), ("plain count", simple)):
        closed = np.stack([ask(b) for b in days])
        under = np.stack([true_rate <= limit_of(b.usual) for b in days])
        sold = np.stack([b.n_lines > 0 for b in days])
        sys.stdout.write(json.dumps({
            "rule": name, "n_products": len(ids), "n_days": len(days),
            "product_days_with_orders": int(sold.sum()),
            "blocked_under_limit": int((closed & under).any(axis=0).sum()),
            "blocked_over_limit": int((closed & ~under).any(axis=0).sum()),
            "false_product_days": int((closed & under).sum()),
            "false_per_product_day": float((closed & under).sum() / sold.sum()),
            "products_over_limit": int((~under).any(axis=0).sum()),
            "mean_true_rate": float(true_rate.mean()),
        }) + "\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        begins = inject(asked.town, Path(folder) / "town", asked.bursts, np.random.default_rng(asked.seed))
        ids, days = days_of(Path(folder) / "town", n_days)
    row_of = {str(p): r for r, p in enumerate(ids)}
    live, daily, waits, missed = [], [], [], []
    for product in begins:
        row = row_of[product]
        n_bad = np.array([b.n_bad[row] for b in days])
        exposure, usual = (np.array([getattr(b, n)[row] for b in days]) for n in ("exposure", "usual"))
        closed = blocked(n_bad, exposure, usual)
        if not closed.any():
            missed.append(int(n_bad.max()))
            continue
        day = int(np.flatnonzero(closed)[0])
        daily.append(int(n_bad[day]))
        counts = np.arange(n_bad[day] + 1)
        live.append(int(counts[blocked(counts, exposure[day], usual[day])][0]))
        waits.append(float(exposure[day]))
    sys.stdout.write(json.dumps({
        "rule": "posterior", "bursts": len(begins), "never_blocked": len(missed),
        "most_bad_orders_of_those_in_14_days": quartiles(missed),
        "bad_orders_until_block_live": quartiles(live), "bad_orders_until_block_daily": quartiles(daily),
        "exposure_lines_at_block": quartiles(waits),
    }) + "\n")  # fmt: skip


def quartiles(values: list[Any]) -> list[float]:
    """Least, quartiles and most."""
    return [round(float(q), 1) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])] if values else []


if __name__ == "__main__":
    main()
