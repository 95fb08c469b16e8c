"""The good value of every product as one Parquet file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.model_files import model_of
from recsys.snapshot import Snapshot
from recsys.value import BADGES, GOOD_VALUE, PROMISING
from serving.bulk import arrow_strings, known_figures, refuse_bad_output, whole_parquet

FIGURES = ("value_score", "value_low", "quality", "quality_low", "return_rate")
SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        *((name, pa.float64()) for name in FIGURES),
        ("n_mature", pa.int32()), ("n_comparables", pa.int32()), ("price_percentile", pa.float64()),
        ("badge", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """What was written."""

    n_products: int
    n_scored: int
    n_good_value: int
    n_promising: int


def write_values(snapshot: Snapshot, out: Path) -> ValueSummary:
    """Write one row for each product, in the order of the ids; UsageError when `out` cannot be a file."""
    model = model_of(snapshot)
    refuse_bad_output(out)
    ids, n = arrow_strings(model.products.ids), len(model.products)
    value = model.value
    if value is None:
        table = pa.table(
            [ids.cast(pa.string()), *(pa.nulls(n, field.type) for field in list(SCHEMA)[1:])], schema=SCHEMA
        )
        badge, scored = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=bool)
    else:
        badge, scored = np.asarray(value.badge), np.asarray(value.value_score >= 0)
        table = pa.table(
            [
                ids.cast(pa.string()),
                *(known_figures(getattr(value, name)) for name in FIGURES),
                pa.array(value.n_mature), pa.array(value.n_comparables),
                known_figures(value.price_percentile),
                pa.array(BADGES, pa.string()).take(pa.array(badge.astype(np.int64))),
            ],
            schema=SCHEMA,
        )  # fmt: skip
    with whole_parquet(out, SCHEMA) as writer:
        writer.write_table(table)
    return ValueSummary(
        n, int(scored.sum()), int((badge == GOOD_VALUE).sum()), int((badge == PROMISING).sum())
    )
