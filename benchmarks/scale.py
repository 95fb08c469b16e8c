"""How the time and the memory of `sharepicks train` grow with the order lines: 1, 3 and 10 million.

    python benchmarks/scale.py FOLDER                       # all three sizes; towns are made once, in FOLDER
    python benchmarks/scale.py FOLDER --sizes 1 3

A platform of this kind, the same at every size: for each million order lines 2,000 owners, 50,000 members of
their circles and 5,000 products, over half a year; half of the orders come through a share, and every other
table of the data contract is there too. `sharepicks train` runs as a process of its own with the shipped
configuration, rankers, audience, good value and audits included; its seconds are from outside (start-up and
the check of the dataset too), its memory is the peak of resident pages as the kernel counts them, mapped
files and all. Prints one JSON line for each size with the stages of its run card, then a table. An exponent
is the slope of a line through the logarithms, by least squares: 1 is proportional. The load before each
training (running processes, mean of a minute) says how far its seconds can be trusted, and processor seconds
what they would be at least on two cores of its own: half as many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

MILLION = 1_000_000
OWNERS, MEMBERS, PRODUCTS, DAYS = 2_000, 50_000, 5_000, 180  # for each million lines; days: at every size
SHAREPICKS = (sys.executable, "-c", "from recsys.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Trained:
    """One training: what it read, how long it took from outside and its peak of resident memory."""

    order_lines: int
    owners: int
    members: int
    products: int
    load_before: float
    seconds: float
    cpu_seconds: float
    peak_memory_mb: int
    snapshot_mb: int
    stages: tuple[dict[str, Any], ...]


def town(folder: Path, millions: float) -> Path:
    """The town of this size; played when the folder does not hold it yet."""
    path = folder / f"town-{millions:g}m"
    if path.exists():
        return path
    sizes = {"owners": OWNERS, "members": MEMBERS, "products": PRODUCTS, "orders": MILLION}
    told = [word for name, n in sizes.items() for word in (f"--{name}", str(round(n * millions)))]
    subprocess.run([*SHAREPICKS, "simulate", str(path), *told, "--days", str(DAYS)], check=True)
    return path


def trained(folder: Path, millions: float) -> Trained:
    """Trains the town of this size into a snapshot that is removed again."""
    path, snapshot = town(folder, millions), folder / f"town-{millions:g}m.snap"
    card_file = snapshot.with_name(f"{snapshot.name}.run-card.json")
    shutil.rmtree(snapshot, ignore_errors=True)
    load, started = os.getloadavg()[0], time.monotonic()
    child = subprocess.Popen([*SHAREPICKS, "train", str(path), "--out", str(snapshot)])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if child.returncode:
        raise SystemExit(f"{path}: sharepicks train ended with {child.returncode}")
    card = json.loads(card_file.read_text("utf-8"))
    size = sum(file.stat().st_size for file in snapshot.rglob("*") if file.is_file())
    shutil.rmtree(snapshot)
    card_file.unlink()
    counts = card["counts"]
    return Trained(
        n_lines(path), counts["owners"], counts["members"], counts["products"], round(load, 1),
        round(seconds, 1), round(used.ru_utime + used.ru_stime, 1),
        used.ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10), size >> 20,
        tuple(card["stages"]),
    )  # fmt: skip


def n_lines(dataset: Path) -> int:
    """Order lines in a dataset."""
    import pyarrow.parquet as parquet

    return int(parquet.read_metadata(dataset / "orders.parquet").num_rows)


def exponent(sizes: list[int], values: list[float]) -> float:
    """The slope of log(values) over log(sizes)."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def table(found: list[Trained]) -> list[str]:
    """The sizes side by side: seconds of each stage, seconds and peak memory of the whole, exponents."""
    lines = [one.order_lines for one in found]
    names = list(dict.fromkeys(stage["stage"] for one in found for stage in one.stages))
    of_stage = [{stage["stage"]: float(stage["seconds"]) for stage in one.stages} for one in found]
    rows = [(name, [taken.get(name, 0.0) for taken in of_stage]) for name in names]
    rows += [("seconds", [one.seconds for one in found])]
    rows += [("processor seconds", [one.cpu_seconds for one in found])]
    rows += [("peak memory, MB", [float(one.peak_memory_mb) for one in found])]
    told = [f"{'order lines':40}" + "".join(f"{n:>14,}" for n in lines) + f"{'exponent':>10}"]
    for name, values in rows:
        slope = f"{exponent(lines, values):10.2f}" if len(found) > 1 and min(values) > 0 else f"{'':10}"
        told.append(f"{name[:40]:40}" + "".join(f"{value:14,.1f}" for value in values) + slope)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the towns are kept")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 3, 10], help="millions of order lines")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    found = []
    for millions in sorted(asked.sizes):
        one = trained(asked.folder, millions)
        sys.stdout.write(json.dumps(asdict(one)) + "\n")
        sys.stdout.flush()
        found.append(one)
    sys.stdout.write("\n".join(table(found)) + "\n")


if __name__ == "__main__":
    main()
