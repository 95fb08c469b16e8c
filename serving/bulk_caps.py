"""Caps on exposure over a whole batch: every owner's pool is ranked first, then the places are given away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.exposure import Cap, assign, pool_of
from recsys.model import Model
from recsys.pairs import places_within

SPARE_PLACES = 90  # that a pool has at least beyond the list


@dataclass(frozen=True, slots=True)
class Caps:
    """Part of all lists that may show one product, of all places that one supplier may have; 0: no cap."""

    product_share: float = 0.0
    supplier_share: float = 0.0

    def __bool__(self) -> bool:
        return self.product_share > 0 or self.supplier_share > 0


def caps_for(model: Model, product_share: float | None, supplier_share: float | None) -> Caps:
    """What is asked for; where nothing is, what the snapshot was configured with."""
    rules = model.rules
    return Caps(
        rules.max_product_share if product_share is None else product_share,
        rules.max_supplier_share if supplier_share is None else supplier_share,
    )


def pool_depth(n: int) -> int:
    """How many products each owner's pool has, for lists of n."""
    return max(2 * n, n + SPARE_PLACES)


def places_kept(
    parts: Sequence[Path], model: Model, n: int, n_lists: int, caps: Caps
) -> Iterator[npt.NDArray[np.bool_]]:
    """Which rows of each part become lists of at most n: bool (n_rows,).

    The parts hold rank, product_row and utility, by owner, then rank. A share of lists is rounded down, one
    list is the least.
    """
    tables = [pq.read_table(part, columns=["rank", "product_row", "utility"]) for part in parts]
    table = pa.concat_tables(tables)
    if not table.num_rows:
        yield from (np.zeros(0, dtype=bool) for _ in parts)
        return
    rank = table["rank"].to_numpy()
    owner = np.cumsum(rank == 1) - 1
    pool = pool_of(owner, rank - 1, table["product_row"].to_numpy(), table["utility"].to_numpy())
    kept = assign(pool, n, _caps(model, n, n_lists, caps))[owner, rank - 1]
    stops = np.cumsum([part.num_rows for part in tables])
    yield from np.split(kept, stops[:-1])


def relisted(table: pa.Table, kept: npt.NDArray[np.bool_], schema: pa.Schema) -> pa.Table:
    """The rows kept, with the columns of `schema`, ranked anew from 1."""
    owner = np.cumsum(table["rank"].to_numpy() == 1)[kept]
    found = table.filter(pa.array(kept)).select(schema.names)
    ranks = pa.array(places_within(owner) + 1, pa.int32())
    return found.set_column(found.column_names.index("rank"), "rank", ranks).cast(schema)


def n_lists_shorter(table: pa.Table, kept: npt.NDArray[np.bool_], n: int) -> int:
    """How many owners of a part keep fewer than n and than their pool holds."""
    owner = np.cumsum(table["rank"].to_numpy() == 1) - 1
    pools = np.bincount(owner)
    return int((np.bincount(owner[kept], minlength=len(pools)) < np.minimum(pools, n)).sum())


def _caps(model: Model, n: int, n_lists: int, caps: Caps) -> list[Cap]:
    found = []
    if caps.product_share > 0:
        every = np.arange(model.n_products, dtype=np.int32)
        found.append(Cap(every, max(1, int(caps.product_share * n_lists))))
    if caps.supplier_share > 0:
        suppliers = np.asarray(model.products.supplier_row)
        found.append(Cap(suppliers, max(1, int(caps.supplier_share * n_lists * n))))
    return found
