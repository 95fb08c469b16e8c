"""Accuracy on the real data sets beside the project, by the protocols that the published figures use.

Every baseline, and Sharepicks through its own commands (import, train, batch, score), on the fixed split of
each data set in ../shared/data that is there. Full ranking over the catalogue, training purchases masked,
Recall@20 and NDCG@20; on Beidian also the published protocol of 100 sampled products.

    python benchmarks/accuracy.py                      every data set, every baseline
    python benchmarks/accuracy.py --sets beidian --ours --json
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits
import pyarrow.parquet as pq  # noqa: E402
import scipy.sparse as sp  # noqa: E402

from training import metrics  # noqa: E402
from training.baselines import NAMES, REGISTRY, fit_baseline  # noqa: E402
from training.baselines.seam import Asked, DoesNotFitError  # noqa: E402
from training.bootstrap import resample  # noqa: E402
from training.judging import top_rows  # noqa: E402

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SETS = ("beidian", "amazon-electronics", "ml-1m")
BEIDIAN_PRODUCTS = 4544
N_SAMPLED = 100
DEPTH = 20
Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Split:
    """A fixed split: rows are the ids of the files themselves."""

    train: sp.csr_array
    test: sp.csr_array
    shares: sp.csr_array
    held_out: Pairs  # the test lines in the file's order


def main() -> None:
    """Prints one table per data set found, or one JSON object."""
    asked = _arguments()
    results = {}
    for name in asked.sets:
        if not (DATA / name).is_dir():
            sys.stderr.write(f"accuracy: {DATA / name} is not there; skipped\n")
            continue
        split = _read(name)
        rows = [_judge_baseline(name, baseline, split) for baseline in asked.baselines]
        if asked.ours:
            rows.insert(0, _judge_ours(name, split))
        results[name] = rows
        if not asked.json:
            sys.stdout.write(_table(name, split, rows))
            sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps(results) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--baselines", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--ours", action="store_true", help="train and judge Sharepicks too")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _judge_baseline(set_name: str, name: str, split: Split) -> dict[str, Any]:
    if name == "friends_only" and not split.shares.nnz:
        return {"method": REGISTRY[name][1], "left_out": "nobody's friends are known in this data set"}
    started = time.process_time()
    try:
        fitted = fit_baseline(name, split.train, np.random.default_rng(0))
    except DoesNotFitError as error:
        return {"method": REGISTRY[name][1], "left_out": str(error)}
    seconds = time.process_time() - started

    def scores(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        people = _ones([(i, int(row)) for i, row in enumerate(rows)], (len(rows), split.train.shape[0]))
        history = sp.csr_array(split.train[rows])
        return fitted.scores(Asked(people, history, sp.csr_array(split.shares[rows] @ split.train)))

    owners = np.flatnonzero(np.diff(split.test.indptr))
    ranked = np.concatenate([_ranked(scores(rows), split.train, rows) for rows in _chunks(owners)])
    found = {"method": REGISTRY[name][1], "seconds": seconds} | _full(ranked, owners, split)
    if set_name == "beidian":
        negatives = _sampled_products(split)
        people = np.array([person for person, _ in split.held_out])
        parts = [
            np.take_along_axis(scores(people[at]), negatives[at], axis=1)
            for at in _chunks(np.arange(len(people)))
        ]
        found |= _sampled(np.concatenate(parts))
    return found


def _judge_ours(name: str, split: Split) -> dict[str, Any]:
    """Sharepicks through its own commands, as anybody would run it."""
    with tempfile.TemporaryDirectory(prefix="sharepicks-accuracy-") as folder:
        work = Path(folder)
        dataset, snapshot = work / "dataset", work / "snapshot"
        if name == "beidian":
            _sharepicks("import", "beidian", DATA / name, dataset)
        else:
            _sharepicks("import", "interactions", DATA / name / "train.txt.gz", dataset)
        before = _child_seconds()
        _sharepicks("train", dataset, "--out", snapshot)
        seconds = _child_seconds() - before
        picks = work / "picks.parquet"
        _sharepicks("batch", snapshot, "--out", picks, "-n", 60, "--target", "self", "--unseen")
        owners = np.flatnonzero(np.diff(split.test.indptr))
        ranked = _batch_lists(picks, owners, split.train)
        found = {"method": "Sharepicks", "seconds": seconds} | _full(ranked, owners, split)
        if name == "beidian":
            found |= _sampled(_our_sampled_scores(work, snapshot, split))
        return found


def _batch_lists(file: Path, owners: np.ndarray[Any, Any], train: sp.csr_array) -> metrics.Ranked:
    """The first 20 of each owner's list that she has not bought; -1 where there are fewer."""
    lists: dict[int, list[tuple[int, int]]] = {}
    table = pq.read_table(file, columns=["owner_id", "rank", "product_id"]).to_pydict()
    for owner, rank, product in zip(table["owner_id"], table["rank"], table["product_id"], strict=True):
        lists.setdefault(int(owner), []).append((rank, int(product)))
    ranked = np.full((len(owners), DEPTH), -1, dtype=np.int32)
    for row, owner in enumerate(owners.tolist()):
        had = set(train.indices[train.indptr[owner] : train.indptr[owner + 1]].tolist())
        kept = [product for _, product in sorted(lists.get(owner, ())) if product not in had][:DEPTH]
        ranked[row, : len(kept)] = kept
    return ranked


def _our_sampled_scores(work: Path, snapshot: Path, split: Split) -> np.ndarray[Any, Any]:
    products = _sampled_products(split)
    people = [person for person, _ in split.held_out]
    pairs = sorted({(u, int(i)) for u, row in zip(people, products, strict=True) for i in row})
    with (work / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("owner_id", "product_id"), *pairs])
    _sharepicks(
        "score", snapshot, "--pairs", work / "pairs.csv", "--out", work / "scores.parquet", "--target", "self"
    )
    table = pq.read_table(work / "scores.parquet").to_pydict()
    found = dict(zip(zip(table["owner_id"], table["product_id"], strict=True), table["score"], strict=True))
    rows = zip(people, products, strict=True)
    return np.array([[found[str(u), str(i)] for i in row] for u, row in rows])


def _sharepicks(*words: object) -> None:
    command = [str(Path(sys.executable).with_name("sharepicks")), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"accuracy: {' '.join(command[1:3])} failed: {done.stderr.strip()}")


def _child_seconds() -> float:
    """Processor seconds of the commands run so far: unlike the clock's, they bear a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ranked(scores: np.ndarray[Any, Any], train: sp.csr_array, rows: np.ndarray[Any, Any]) -> metrics.Ranked:
    had = train[rows]
    scores[np.repeat(np.arange(len(rows)), np.diff(had.indptr)), had.indices] = -np.inf
    return top_rows(scores, DEPTH)


def _full(ranked: metrics.Ranked, owners: np.ndarray[Any, Any], split: Split) -> dict[str, Any]:
    truth = sp.csr_array(split.test[owners])
    hits = metrics.hit_gains(ranked, truth) > 0
    n_relevant = np.diff(truth.indptr)
    values = np.column_stack([metrics.recall(hits, n_relevant, DEPTH), metrics.ndcg(hits, n_relevant, DEPTH)])
    drawn = resample(values, np.random.default_rng(0))
    recall, ndcg = drawn.interval(0), drawn.interval(1)
    return {
        "recall@20": recall.mean, "recall@20_low": recall.low, "recall@20_high": recall.high,
        "ndcg@20": ndcg.mean, "ndcg@20_low": ndcg.low, "ndcg@20_high": ndcg.high,
    }  # fmt: skip


def _sampled_products(split: Split) -> np.ndarray[Any, Any]:
    """Per held-out line the true product and 100 others, int[n_lines, 101], drawn as SHGCN's authors do.

    NumPy's old generator with their seed, one draw at a time, rejecting what the person bought in either
    file: another way of drawing would judge on other products.
    """
    bought = set(split.held_out) | set(zip(*(part.tolist() for part in split.train.nonzero()), strict=True))
    draws = np.random.RandomState(213)
    rows = []
    for person, product in split.held_out:
        row = [product]
        while len(row) <= N_SAMPLED:
            other = int(draws.randint(BEIDIAN_PRODUCTS))
            if (person, other) not in bought and other != product:
                row.append(other)
        rows.append(row)
    return np.array(rows)


def _sampled(scores: np.ndarray[Any, Any]) -> dict[str, float]:
    """Recall@10 and NDCG@10 of the first column among the others; ties count against it."""
    place = (scores[:, 1:] >= scores[:, :1]).sum(axis=1)
    hit = place < 10
    return {
        "sampled_recall@10": float(hit.mean()),
        "sampled_ndcg@10": float((hit / np.log2(place + 2)).mean()),
    }


def _read(name: str) -> Split:
    folder = DATA / name
    if name == "beidian":
        train, held_out = _comma_pairs(folder / "data.train"), _comma_pairs(folder / "data.val")
        shares = _comma_pairs(folder / "social.share")
    else:
        train, held_out = (list(_line_pairs(folder / f"{part}.txt.gz")) for part in ("train", "test"))
        shares = []
    n_persons = 1 + max(max(pair[0] for pair in train + held_out), max((max(p) for p in shares), default=0))
    n_products = BEIDIAN_PRODUCTS if name == "beidian" else 1 + max(pair[1] for pair in train + held_out)
    shape = (n_persons, n_products)
    return Split(_ones(train, shape), _ones(held_out, shape), _ones(shares, (n_persons, n_persons)), held_out)


def _comma_pairs(file: Path) -> Pairs:
    with file.open() as lines:
        return [(int(row[0]), int(row[1])) for row in csv.reader(lines)]


def _line_pairs(file: Path) -> Iterator[tuple[int, int]]:
    lines: IO[str]
    with gzip.open(file, "rt") as lines:
        for line in lines:
            person, *products = map(int, line.split())
            yield from ((person, product) for product in products)


def _ones(pairs: Iterable[tuple[int, int]], shape: tuple[int, int]) -> sp.csr_array:
    found = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    matrix = sp.csr_array((np.ones(len(found), np.float32), (found[:, 0], found[:, 1])), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _chunks(rows: np.ndarray[Any, Any], size: int = 1000) -> Iterator[np.ndarray[Any, Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _table(name: str, split: Split, rows: list[Mapping[str, Any]]) -> str:
    lines = [f"\n{name}: {split.train.nnz:,} purchases to train on, {split.test.nnz:,} held out\n"]
    lines.append(f"{'':26}{'Recall@20':>26}{'NDCG@20':>26}{'R@10 of 101':>13}{'N@10':>8}{'CPU s':>8}\n")
    for row in rows:
        if "left_out" in row:
            lines.append(f"{row['method']:26}{row['left_out']}\n")
            continue
        cells = "".join(
            f"{row[m]:.4f} ({row[m + '_low']:.4f}-{row[m + '_high']:.4f})".rjust(26)
            for m in ("recall@20", "ndcg@20")
        )
        sampled = "".join(
            f"{row[m]:>{width}.3f}" if m in row else " " * width
            for m, width in (("sampled_recall@10", 13), ("sampled_ndcg@10", 8))
        )
        lines.append(f"{row['method']:26}{cells}{sampled}{row['seconds']:>8.1f}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
