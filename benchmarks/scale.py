"""How the time and the memory of `sharepicks train` grow with the order lines: 1, 3 and 10 million.

    python benchmarks/scale.py FOLDER                       # all three sizes; towns are made once, in FOLDER
    python benchmarks/scale.py FOLDER --sizes 1 3
    python benchmarks/scale.py FOLDER --sizes 3 --known EARLIER.json --reach 10 100 1000

A platform of this kind, the same at every size: for each million order lines 2,000 owners, 50,000 members of
their circles and 5,000 products, over half a year; half of the orders come through a share, and every other
table of the data contract is there too. `sharepicks train` runs as a process of its own with the shipped
configuration, rankers, audience, good value and audits included; its seconds are from outside (start-up and
the check of the dataset too), its memory is the peak of resident pages as the kernel counts them, mapped
files and all. Prints one JSON line for each size with the stages of its run card, then a table. An exponent
is the slope of a line through the logarithms, by least squares: 1 is proportional. The load before each
training (running processes, mean of a minute) says how far its seconds can be trusted, and processor seconds
what they would be at least on two cores of its own: half as many.

`--known` takes JSON lines that were printed before instead of running those sizes again. `--reach` adds
columns for sizes that nobody ran, in millions, and their heading says that they are computed: each stage
grown from the largest measured size by the exponent between the two largest, or kept as it is where it fell;
the whole is the sum of its stages, as the steepest of them decides in the end. Memory is not computed: up to
the sizes measured here bounded parts hide what grows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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


def known(file: Path) -> list[Trained]:
    """What an earlier run printed: its JSON lines, other lines left out."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line.startswith("{")]
    return [Trained(**{**fields, "stages": tuple(fields["stages"])}) for fields in map(json.loads, lines)]


def grown(sizes: list[int], values: list[float], size: float) -> float:
    """The last value grown to this size by the exponent of the last two, or as it is where they fell.

    As it is, too, where the smaller town had no such stage: then what is computed is too little.
    """
    if min(values[-2:]) <= 0:
        return values[-1]
    return values[-1] * float(size / sizes[-1]) ** max(exponent(sizes[-2:], values[-2:]), 0.0)


def table(found: list[Trained], reach: list[float]) -> list[str]:
    """The sizes side by side: seconds of each stage, seconds, memory and snapshot of the whole, exponents.

    The first exponent is of all sizes, the second of the two largest, by which stages grow.
    """
    lines = [one.order_lines for one in found]
    of_stage = [{_place(stage["stage"]): float(stage["seconds"]) for stage in one.stages} for one in found]
    names = list(dict.fromkeys(name for taken in of_stage for name in taken))
    rows = [(name, [taken.get(name, 0.0) for taken in of_stage]) for name in names]
    rows += [("seconds", [one.seconds for one in found])]
    rows += [("processor seconds", [one.cpu_seconds for one in found])]
    rows += [("peak memory, MB", [float(one.peak_memory_mb) for one in found])]
    rows += [("snapshot, MB", [float(one.snapshot_mb) for one in found])]
    asked = [round(millions * MILLION) for millions in reach]
    heading = [f"{n:>14,}" for n in lines] + [f"{'exponent':>10}", f"{'last two':>10}"]
    told = [f"{'order lines':40}" + "".join(heading) + "".join(f"{n:>16,}" for n in asked)]
    if asked:
        told += [" " * (60 + 14 * len(lines)) + f"{'computed':>16}" * len(asked)]
    for name, values in rows:
        slopes = [
            f"{exponent(lines[start:], values[start:]):10.2f}"
            if len(values[start:]) > 1 and min(values[start:]) > 0
            else f"{'':10}"
            for start in (0, -2)
        ]
        far = [grown(lines, values, size) for size in asked] if name in names else []
        if name == "seconds":
            far = [sum(grown(lines, stage, size) for _, stage in rows[: len(names)]) for size in asked]
        told.append(
            f"{name[:40]:40}"
            + "".join(f"{value:14,.1f}" for value in values)
            + "".join(slopes)
            + "".join(f"{value:16,.0f}" for value in far)
        )
    return told


def _place(stage: str) -> str:
    """A stage without how many of its kind there were: larger towns look at one past only."""
    return re.sub(r" of \d+$", "", stage)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the towns are kept")
    parser.add_argument(
        "--sizes", type=float, nargs="*", default=[1, 3, 10], help="millions of order lines to run"
    )
    parser.add_argument("--known", type=Path, help="JSON lines of an earlier run, not run again")
    parser.add_argument("--reach", type=float, nargs="+", default=[], help="millions to compute for")
    asked = parser.parse_args()
    found = known(asked.known) if asked.known else []
    n_sizes = len(found) + len(asked.sizes)
    if n_sizes < (2 if asked.reach else 1):
        parser.error("--reach needs two measured sizes; add one to --sizes or --known")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for millions in asked.sizes:
        one = trained(asked.folder, millions)
        sys.stdout.write(json.dumps(asdict(one)) + "\n")
        sys.stdout.flush()
        found.append(one)
    found.sort(key=lambda one: one.order_lines)
    sys.stdout.write("\n".join(table(found, asked.reach)) + "\n")


if __name__ == "__main__":
    main()
