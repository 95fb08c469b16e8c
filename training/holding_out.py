"""A timeless dataset without a held-out part of its purchases, as a folder that anything can train on."""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa

from features.contract import TABLE_BY_NAME
from features.dataset import Dataset, DatasetWriter, open_dataset
from features.engine import DuckDBEngine, Engine
from features.reading import columns_present, read_table
from training.split import hold_out

# What tells of a held-out purchase goes with it: rows of its order line, and rows of its member and product.
# Shares stay: a share is what is known of a product before anybody bought it.
_KEYS = (("order_id", "product_id"), ("member_id", "product_id"))


def write_without_held_out(
    dataset: Dataset, folder: Path, rng: np.random.Generator, *, memory_limit_mb: int = 4000, threads: int = 2
) -> Dataset:
    """Writes the dataset to `folder` less a fold of each person's purchases (see `split.hold_out`)."""
    engine = DuckDBEngine(memory_limit_mb=memory_limit_mb, threads=threads)
    try:
        held = engine.upload(_held_lines(engine, dataset, rng))
        with DatasetWriter(folder, timeless=dataset.timeless, priceless=dataset.priceless) as writer:
            for note in dataset.notes:
                writer.note(note)
            for name in dataset.tables:
                writer.append(name, _sorted(_without(_rows(engine, dataset, name), held), name))
    finally:
        engine.close()
    return open_dataset(folder)


def _held_lines(engine: Engine, dataset: Dataset, rng: np.random.Generator) -> pa.Table:
    """order_id, member_id, product_id of the order lines that are held out."""
    orders = _sorted(_rows(engine, dataset, "orders").select("order_id", "member_id", "product_id"), "orders")
    held = hold_out(_codes(orders["member_id"]), _codes(orders["product_id"]), rng)
    return orders.filter(pa.array(held))


def _rows(engine: Engine, dataset: Dataset, name: str) -> ibis.Table:
    """A table's contract columns that its file has."""
    there = columns_present(engine, dataset)[name]
    columns = [column.name for column in TABLE_BY_NAME[name].columns if column.name in there]
    return read_table(engine, dataset, name).select(*columns)


def _without(rows: ibis.Table, held: ibis.Table) -> ibis.Table:
    for keys in _KEYS:
        if set(keys) <= set(rows.columns):
            rows = rows.anti_join(held.select(*keys).distinct(), list(keys))
    return rows


def _sorted(rows: ibis.Table, name: str) -> pa.Table:
    """In the order of the table's key, so that a seed always means the same fold and the same file."""
    key = [column for column in TABLE_BY_NAME[name].key if column in rows.columns]
    return rows.order_by(key).to_pyarrow() if key else rows.to_pyarrow()


def _codes(ids: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Ids as dense codes in the order of the ids."""
    _, codes = np.unique(ids.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return np.asarray(codes, dtype=np.int32)
