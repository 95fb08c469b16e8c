"""How long `sharepicks simulate` takes, and how much memory, from a tiny town to 10 million order lines.

    python benchmarks/simulate.py                     # tiny, default
    python benchmarks/simulate.py serving million     # 100,000 owners × 100,000 products; 1 million lines
    python benchmarks/simulate.py ten-million

Each town is played in a process of its own, in a temporary folder that is removed; one JSON line for each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOWNS: dict[str, dict[str, int]] = {
    "tiny": {"n_owners": 20, "n_members": 100, "n_products": 50, "n_days": 14},
    "default": {},
    "serving": {"n_owners": 100_000, "n_members": 100_000, "n_products": 100_000, "n_days": 30},
    "million": {"n_owners": 5_000, "n_members": 100_000, "n_products": 20_000, "n_orders": 1_000_000},
    "ten-million": {"n_owners": 10_000, "n_members": 200_000, "n_products": 20_000, "n_orders": 10_000_000},
}

CHILD = """
import json, resource, sys, time
from pathlib import Path
begin = time.perf_counter()
from training.town.config import TownConfig
from training.town.simulate import simulate
done = simulate(TownConfig(**json.loads(sys.argv[2])), Path(sys.argv[1]))
print(json.dumps({
    "seconds": round(time.perf_counter() - begin, 1), "cpu_seconds": round(time.process_time(), 1),
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "rows": dict(done.n_rows),
}))
"""


def measure(name: str) -> dict[str, object]:
    """Seconds, CPU seconds, peak resident MB and rows of one town, and the MB it takes on disk."""
    with tempfile.TemporaryDirectory(prefix="sharepicks-simulate-") as folder:
        path = Path(folder) / "town"
        command = [sys.executable, "-c", CHILD, str(path), json.dumps(TOWNS[name])]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        return {"town": name, **json.loads(said), "disk_mb": size >> 20}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("towns", nargs="*", metavar="TOWN", help=", ".join(TOWNS))
    wanted = parser.parse_args().towns or ["tiny", "default"]
    for name in wanted:
        if name not in TOWNS:
            parser.error(f"TOWN must be one of {', '.join(TOWNS)}; got {name}")
    for name in wanted:
        sys.stdout.write(json.dumps(measure(name)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
