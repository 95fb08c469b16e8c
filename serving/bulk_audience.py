"""`sharepicks audience`: for each owner, product and moment, the members who would be glad of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.audience_events import named_events, named_owner_members
from features.dataset import open_dataset
from recsys.audience import Audience, rank_members, read_audience
from recsys.audience_names import Names, grown
from recsys.errors import DataError
from recsys.snapshot import Snapshot
from serving.bulk import whole_parquet
from serving.bulk_input import read_text_columns

COLUMNS = ("owner_id", "product_id", "query_time")
QUERIES_AT_ONCE = 20_000
RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
SCHEMA = pa.schema([
    ("owner_id", pa.string()), ("product_id", pa.string()), ("query_time", pa.timestamp("us", tz="UTC")),
    ("rank", pa.int32()), ("member_id", pa.string()), ("score", pa.float32()),
])  # fmt: skip
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AudienceSummary:
    """What was answered, and how much of it about owners nobody has seen."""

    n_queries: int
    n_unknown_owners: int
    n_rows: int
    n_events_added: int


def audience_file(
    snapshot: Snapshot,
    queries: Path,
    out: Path,
    n: int,
    events: Path | None = None,
    progress: Progress = lambda done, of: None,
) -> AudienceSummary:
    """Answer every query of a CSV or Parquet file, in its order, into a Parquet file of at most `n` each.

    With `events`, a dataset, its rows strictly before a query's time are known to it. DataError when a file
    is not what it should be; then `out` stays as it was.
    """
    table, time_us = read_queries(queries)
    audience = read_audience(snapshot)
    names, n_added = Names(snapshot, audience), 0
    if events is not None:
        audience, names, n_added = _with_dataset(snapshot, audience, events)
    owner = names.owners(table["owner_id"].to_numpy(zero_copy_only=False), add=False)
    product = names.products(table["product_id"].to_numpy(zero_copy_only=False), add=False)
    n_rows = 0
    with whole_parquet(out, SCHEMA) as writer:
        for start in range(0, len(owner), QUERIES_AT_ONCE):
            span = slice(start, start + QUERIES_AT_ONCE)
            ranked = rank_members(audience, owner[span], product[span], time_us[span], n)
            asked = table.slice(start, QUERIES_AT_ONCE).take(pa.array(ranked.query))
            batch = [
                asked["owner_id"], asked["product_id"],
                pa.array(time_us[span][ranked.query], pa.timestamp("us", tz="UTC")), pa.array(ranked.rank),
                pa.array(names.member_ids(ranked.member), pa.string()), pa.array(ranked.score),
            ]  # fmt: skip
            writer.write_table(pa.table(batch, schema=SCHEMA))
            n_rows += len(ranked.query)
            progress(min(start + QUERIES_AT_ONCE, len(owner)), len(owner))
    return AudienceSummary(len(owner), int((owner < 0).sum()), n_rows, n_added)


def _with_dataset(snapshot: Snapshot, audience: Audience, folder: Path) -> tuple[Audience, Names, int]:
    dataset = open_dataset(folder)
    found = named_events(dataset)
    names = Names(snapshot, audience, named_owner_members(dataset))
    more = grown(audience, names, found.owner, found.member, found.product, found.time_us, found.weight)
    return more, names, len(more.log) - len(audience.log)


def read_queries(file: Path) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """(owner_id and product_id, query times in µs since 1970 UTC); rows count from 2, the header is row 1."""
    if not file.is_file():
        raise DataError(f"{file}: there is no such file; name one that can be read")
    blocks = list(read_text_columns(file, COLUMNS))
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    table = pa.Table.from_batches([block.select(list(COLUMNS)) for block in blocks], schema)
    texts = table["query_time"].combine_chunks()
    formed = pc.match_substring_regex(texts, RFC_3339)
    upper = pc.if_else(formed, pc.utf8_upper(texts), pa.scalar(None, pa.string()))
    moments = pd.to_datetime(
        pd.Series(upper.to_pylist(), dtype=object), utc=True, format="ISO8601", errors="coerce"
    )
    if moments.isna().any():
        at = int(np.flatnonzero(moments.isna().to_numpy())[0])
        raise DataError(
            f"{file} row {at + 2}: query_time must be RFC 3339 with an offset, like "
            f"2026-03-31T08:00:00+08:00; got {texts[at].as_py()!r}"
        )
    naive = moments.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    time_us: npt.NDArray[np.int64] = naive.astype(np.int64)
    return table.select(["owner_id", "product_id"]), time_us
