"""A dataset as it was known at a moment, with ids turned into rows: what graphs and columns are made from.

Nothing later than `as_of` gets past `known_at`, which every table goes through before anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Any

import ibis
import numpy as np

from features.arrays import NO_ROW, Array, read_only
from features.categories import CategoryTree
from features.coding import Coder
from features.contract import EVENT_TABLES, TABLE_BY_NAME
from features.dataset import Dataset
from features.engine import DuckDBEngine, Engine, OpenEngine
from features.off import what_is_off
from features.reading import columns_present, read_table
from recsys.errors import DataError, UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window:
    """The tables of a dataset as of a moment; made by `open_window`, closed when its `with` block ends."""

    def __init__(
        self,
        dataset: Dataset,
        engine: Engine,
        coder: Coder,
        as_of: datetime | None,
        columns: Mapping[str, frozenset[str]],
    ) -> None:
        self.dataset = dataset
        self.engine = engine
        self.as_of = as_of
        self.timeless = dataset.timeless
        self.priceless = dataset.priceless
        self.ids: Mapping[str, Array] = coder.ids
        self._coder = coder
        self._columns = columns
        self._once: dict[Hashable, ibis.Table] = {}
        filled: set[tuple[str, str | None]] = {(table, None) for table in columns}
        filled |= {(table, column) for table, names in columns.items() for column in names}
        self.off: list[tuple[str, str]] = list(
            what_is_off(filled, timeless=dataset.timeless, priceless=dataset.priceless)
        )

    @property
    def connection(self) -> Any:
        """The Ibis backend that holds the tables."""
        return self.engine.backend

    @property
    def as_of_second(self) -> int | None:
        """`as_of` in whole seconds since 1970, rounded down; None in a timeless dataset."""
        if self.as_of is None:
            return None
        return (self.as_of - _EPOCH) // timedelta(seconds=1)

    @property
    def as_of_us(self) -> int | None:
        """`as_of` in microseconds since 1970; None in a timeless dataset."""
        return None if self.as_of is None else (self.as_of - _EPOCH) // timedelta(microseconds=1)

    def count(self, kind: str) -> int:
        """How many "products", "members", "owners" or "suppliers" there are."""
        return len(self.ids[kind])

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the dataset has that table and, when asked, that column of it."""
        return table in self._columns and (column is None or column in self._columns[table])

    def table(self, name: str) -> ibis.Table:
        """One table, known rows only, duplicates once, ids of people and things as int32 rows.

        `product_id` → `product_row`, and so `member_row`, `owner_row`, `supplier_row`, `upline_owner_row`,
        `recipient_member_row`; NULL where there is none. `order_id` → `order_code` (int64). Times are
        naive UTC `timestamp(6)`. Absent columns are NULLs of their type, an absent table has no rows.
        Rows about a product that the catalogue does not have (yet) are left out.

        `products` has one row per `product_row` and its `category_row` (-1: none). `orders` has `is_test`
        (0 or 1 minor unit) and `is_self` (an owner buying through her own link) besides; in `orders` and
        `share_events` the owner and product come from the share where the row itself does not say.
        `orders.status` is not there, and `group_buys.status` is NULL until the group's time is over.
        """
        return self._coder.coded(name)

    @cached_property
    def categories(self) -> CategoryTree:
        """The tree of the categories of the products known."""
        return self._coder.categories

    @cached_property
    def owner_member(self) -> Array:
        """Each owner's own member_row, -1 where she is none: int32, one per owner_row.

        The owners table says it; where it does not, the member with the owner's id.
        """
        found = self.engine.fetch(self._coder.own_members, ("owner_row",))
        own = np.full(self.count("owners"), NO_ROW, dtype=np.int32)
        own[found["owner_row"]] = found["member_row"]
        return read_only(own)

    @property
    def owner_members(self) -> ibis.Table:
        """`owner_member` as a table (owner_row, member_row) of the owners who are members."""
        return self._coder.own_members

    def once(self, key: Hashable, build: Callable[[], ibis.Table]) -> ibis.Table:
        """What `build` gives, computed the first time that `key` is asked for and held until the close."""
        if key not in self._once:
            self._once[key] = self.engine.keep(build())
        return self._once[key]

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the engine and remove its folder."""
        self.engine.close()


def open_window(
    dataset: Dataset,
    as_of: datetime | None = None,
    *,
    memory_limit_mb: int = 4000,
    threads: int = 2,
    open_engine: OpenEngine = DuckDBEngine,
) -> Window:
    """The dataset as of a moment; use it in a `with` block.

    `as_of` None means the last event of the dataset; a timeless dataset has no moment at all. The engine
    uses at most `memory_limit_mb` and `threads`, and spills to a temporary folder that is removed.
    Raises UsageError for a moment without an offset or in a timeless dataset, DataError when two rows
    describe one product or the dataset has no event to take a moment from.
    """
    if as_of is not None and as_of.tzinfo is None:
        raise UsageError(f"as_of must have an offset from UTC; got {as_of.isoformat()}; add Z or +08:00")
    if as_of is not None and dataset.timeless:
        raise UsageError(
            f"{dataset.path}: has no times (timeless = true), so as_of must be left out; got {as_of}"
        )
    engine = open_engine(memory_limit_mb=memory_limit_mb, threads=threads)
    try:
        columns = columns_present(engine, dataset)
        moment = as_of.astimezone(UTC) if as_of else None
        if moment is None and not dataset.timeless:
            moment = _last_event(dataset, engine)
        return Window(dataset, engine, Coder(dataset, engine, moment, columns), moment, columns)
    except BaseException:
        engine.close()
        raise


def _last_event(dataset: Dataset, engine: Engine) -> datetime:
    """When the last thing happened; prices and announcements may lie ahead and do not count."""
    latest: list[datetime] = []
    for name in EVENT_TABLES:
        if name in dataset.tables:
            time_column = TABLE_BY_NAME[name].time_column
            rows = read_table(engine, dataset, name, unique=False)
            found = engine.arrow(rows.agg(last=rows[time_column].max()))["last"][0].as_py()
            latest += [found.replace(tzinfo=UTC)] if found else []
    if not latest:
        raise DataError(
            f"{dataset.path}: no event has a time, so there is no moment to look back from; "
            "give as_of, or say timeless = true in dataset.toml"
        )
    return max(latest)
