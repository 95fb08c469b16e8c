"""`sharepicks batch`: the best products of many owners into one Parquet file, resumable after a kill.

Owners are ranked in parts. Each finished part is a whole file in a hidden folder beside the output,
`.NAME.parts`, named by the key of the job: snapshot id, owners, n, target and unseen. The same command goes
on from there; another snapshot or other arguments start anew and clear the old parts away. When all parts are
there, they are put together, the output appears in one step and the folder goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.domain import Target
from recsys.exposure import utility_of
from recsys.model import Model
from recsys.model_files import model_of
from recsys.ranking import chunk_size
from recsys.recommend import SOURCE_NAMES, RankedChunk, rank_many_of
from recsys.snapshot import Snapshot
from recsys.threads import thread_count
from serving.bulk import (
    arrow_strings,
    known_figures,
    lock,
    refuse_bad_output,
    strings_of,
    whole_parquet,
)
from serving.bulk_caps import Caps, caps_for, n_lists_shorter, places_kept, pool_depth, relisted
from serving.bulk_score import rows_of

Rows = npt.NDArray[np.int32]
Progress = Callable[[int, int], None]  # how many owners are done, of how many

OWNERS_PER_PART = 2_048
LAYOUT = 2  # of a part; another number starts every job anew
KEY_DIGITS = 16
SCHEMA = pa.schema([
    ("owner_id", pa.string()), ("rank", pa.int32()), ("product_id", pa.string()), ("score", pa.float32()),
    ("value_score", pa.float64()), ("source", pa.string()),
])  # fmt: skip
# what a part of a capped batch holds besides: the places are given away when all parts are there
POOL_SCHEMA = SCHEMA.append(pa.field("product_row", pa.int32())).append(pa.field("utility", pa.float32()))


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What is asked of every owner; `owner_ids` None asks for all that the snapshot knows.

    A share of None is the snapshot's own (`[list]` of its configuration), 0 caps nothing.
    """

    n: int = 200
    target: Target = "circle"
    unseen: bool = False
    owner_ids: pa.Array | None = None
    owners_per_part: int = OWNERS_PER_PART
    max_product_share: float | None = None
    max_supplier_share: float | None = None


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What was written; `n_owners_resumed` were ranked by an earlier run of the same job.

    `n_owners_shortened` got fewer than asked for because caps had given away what was left of their pools.
    """

    n_owners: int
    n_unknown_owners: int
    n_picks: int
    n_owners_resumed: int
    n_owners_shortened: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Owners:
    """Who is asked about, in the order of the output: ids as Arrow strings, rows -1 where unknown."""

    ids: pa.Array
    rows: Rows


def write_batch(
    snapshot: Snapshot, out: Path, options: BatchOptions, progress: Progress = lambda _done, _all: None
) -> BatchSummary:
    """Rank the owners and write owner_id, rank (from 1), product_id, score, value_score, source.

    Rows stand by owner, then rank. An owner the snapshot does not know gets the popular list. value_score is
    null where nothing tells how orders ended, or too few products compare. With a cap on exposure no product
    (no supplier) has more places than its share, and the others move up. UsageError when `out` cannot be a
    file or is being written.
    """
    model = model_of(snapshot)
    caps = caps_for(model, options.max_product_share, options.max_supplier_share)
    refuse_bad_output(out)
    owners = _owners(model, options)
    firsts = range(0, len(owners.rows), options.owners_per_part)
    n_picks = n_resumed = n_shortened = 0
    key = _job_key(snapshot, options, caps)
    with _parts_folder(out, key) as folder:
        parts = [folder / f"{key}-{first}.parquet" for first in firsts]
        for first, part in zip(firsts, parts, strict=True):
            span = slice(first, min(first + options.owners_per_part, len(owners.rows)))
            if _is_whole(part, caps):
                n_resumed += span.stop - span.start
            else:
                asked = _Owners(owners.ids[span], owners.rows[span])
                table = _rank_part(model, asked, _pooled(options) if caps else options)
                table = table if caps else table.select(SCHEMA.names)
                with whole_parquet(part, table.schema) as writer:
                    writer.write_table(table)
            progress(span.stop, len(owners.rows))
        with whole_parquet(out, SCHEMA) as writer:
            kept = places_kept(parts, model, options.n, len(owners.rows), caps) if caps else repeat(None)
            for part, places in zip(parts, kept, strict=False):
                table = pq.read_table(part)
                if places is not None:
                    n_shortened += n_lists_shorter(table, places, options.n)
                    table = relisted(table, places, SCHEMA)
                n_picks += table.num_rows
                writer.write_table(table)
        shutil.rmtree(folder, ignore_errors=True)
    n_unknown = int((owners.rows < 0).sum())
    return BatchSummary(len(owners.rows), n_unknown, n_picks, n_resumed, n_shortened)


def parts_folder_of(out: Path) -> Path:
    """Where the finished parts of an unfinished job stand."""
    return out.with_name(f".{out.name}.parts")


def _owners(model: Model, options: BatchOptions) -> _Owners:
    if options.owner_ids is None:
        known = model.people.owners
        return _Owners(arrow_strings(known), np.arange(len(known), dtype=np.int32))
    return _Owners(options.owner_ids, rows_of(options.owner_ids, model.people.owners))


def _pooled(options: BatchOptions) -> BatchOptions:
    return replace(options, n=pool_depth(options.n))


def _job_key(snapshot: Snapshot, options: BatchOptions, caps: Caps) -> str:
    """Equal only for jobs whose parts are the same."""
    ids = None if options.owner_ids is None else options.owner_ids.to_pylist()
    asked = [snapshot.manifest.snapshot_id, ids, options.n, options.target, options.unseen]
    asked += [caps.product_share, caps.supplier_share]
    whole = json.dumps([LAYOUT, options.owners_per_part, *asked]).encode()
    return hashlib.sha256(whole).hexdigest()[:KEY_DIGITS]


@contextmanager
def _parts_folder(out: Path, key: str) -> Iterator[Path]:
    """The folder of a job's parts, held against other processes; parts of another job go.

    It stays when the job is stopped half-way; without a finished part it goes.
    """
    folder = parts_folder_of(out)
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        lock(descriptor, out)
        for left in folder.iterdir():
            if not left.name.startswith(f"{key}-"):
                left.unlink()
        try:
            yield folder
        except BaseException:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
            raise
    finally:
        os.close(descriptor)


def _is_whole(part: Path, caps: Caps) -> bool:
    """Whether a part of this name is there and readable; each was put there in one step."""
    try:
        return bool(pq.read_schema(part).equals(POOL_SCHEMA if caps else SCHEMA))
    except (FileNotFoundError, pa.ArrowInvalid):
        return False


def _rank_part(model: Model, owners: _Owners, options: BatchOptions) -> pa.Table:
    """The lists of some owners, columns of `POOL_SCHEMA`."""
    known = np.flatnonzero(owners.rows >= 0)
    place_of = np.full(len(model.people.owners), -1, dtype=np.int32)
    place_of[owners.rows[known]] = known
    chunks = _rank_rows(model, owners.rows[known], options)
    placed = [(place_of[chunk.owner_row], chunk) for chunk in chunks]
    placed += _fallback_lists(model, np.flatnonzero(owners.rows < 0), options)
    if not placed:
        return POOL_SCHEMA.empty_table()
    place = np.concatenate([p for p, _ in placed])
    order = np.argsort(place, kind="stable")  # within an owner the order of ranks stays
    columns = [
        np.concatenate([getattr(chunk, name) for _, chunk in placed])[order]
        for name in ("rank", "product_row", "score", "source")
    ]
    rank, product_row, score, source = columns
    worth = None
    if all(chunk.worth is not None for _, chunk in placed):
        worth = np.concatenate([chunk.worth for _, chunk in placed if chunk.worth is not None])[order]
    return pa.table(
        [
            strings_of(owners.ids, place[order]),
            pa.array(rank),
            strings_of(arrow_strings(model.products.ids), product_row),
            pa.array(score),
            _value_scores(model, product_row),
            strings_of(pa.array(SOURCE_NAMES), source),
            pa.array(product_row),
            pa.array(utility_of(place[order], score, worth)),
        ],
        schema=POOL_SCHEMA,
    )


def _value_scores(model: Model, product_row: Rows) -> pa.Array:
    if model.value is None:
        return pa.nulls(len(product_row), pa.float64())
    return known_figures(model.value.value_score[product_row])


def _rank_rows(model: Model, rows: Rows, options: BatchOptions) -> list[RankedChunk]:
    """Ranks chunks side by side: nearly all of the work runs outside Python's lock."""
    step = chunk_size(model)

    def ranked(start: int) -> list[RankedChunk]:
        chunk = rows[start : start + step]
        return list(rank_many_of(model, chunk, options.n, options.target, options.unseen))

    with ThreadPoolExecutor(thread_count()) as pool:
        return [chunk for chunks in pool.map(ranked, range(0, len(rows), step)) for chunk in chunks]


def _fallback_lists(
    model: Model, places: npt.NDArray[np.int64], options: BatchOptions
) -> list[tuple[Rows, RankedChunk]]:
    """The list of an owner nobody knows, ranked once and repeated for each of them."""
    if not len(places):
        return []
    nobody = np.full(1, -1, dtype=np.int32)
    (one,) = rank_many_of(model, nobody, options.n, options.target, options.unseen)
    n_picks, n_owners = len(one.rank), len(places)
    repeated = RankedChunk(
        np.full(n_picks * n_owners, -1, dtype=np.int32), np.tile(one.rank, n_owners),
        np.tile(one.product_row, n_owners), np.tile(one.score, n_owners), np.tile(one.source, n_owners),
        None if one.worth is None else np.tile(one.worth, n_owners),
    )  # fmt: skip
    return [(np.repeat(places, n_picks).astype(np.int32), repeated)]
