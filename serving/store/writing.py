"""How rows are written, the same for every database: gather what is there, decide, act.

Whoever calls `write_rows` holds the store's write lock, so that nothing changes between the three.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from serving.store.erased import ErasedIds
from serving.store.seam import Outcome, StoreRow

Key = tuple[str, str]  # table_name, row_key

COLUMNS = ("table_name", "row_key", "owner_id", "member_id", "order_id", "content", "received_time")


class RowTable(Protocol):
    """`contract_rows` and `erased_ids` inside one transaction that holds the write lock."""

    def erased_after(self, seq: int) -> Iterable[tuple[int, str]]:
        """The (seq, id_hash) of whoever was erased after this seq."""
        ...

    def contents(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """The content of each key that is there."""
        ...

    def insert(self, rows: Sequence[StoreRow]) -> None:
        """Add rows whose keys are not there, with growing seq in their order."""
        ...


def write_rows(table: RowTable, rows: Sequence[StoreRow], erased: ErasedIds) -> list[Outcome]:
    """What becomes of each row once the transaction is committed."""
    erased.refresh(table.erased_after)
    there = table.contents({key_of(row) for row in rows})
    outcomes = decide(rows, there, erased.names_one)
    table.insert([row for row, outcome in zip(rows, outcomes, strict=True) if outcome == "stored"])
    return outcomes


def decide(
    rows: Sequence[StoreRow], there: Mapping[Key, str], is_erased: Callable[[StoreRow], bool]
) -> list[Outcome]:
    """What becomes of each row beside what is there and what came before it.

    The rows of one event are kept all or none.
    """
    kept = dict(there)
    outcomes: list[Outcome] = []
    for event in _events(rows):
        new: dict[Key, str] = {}
        told = [_outcome(row, kept, new, is_erased) for row in event]
        if len(event) > 1 and ("conflict" in told or "erased" in told):
            told = ["left_out" if outcome == "stored" else outcome for outcome in told]
        else:
            kept |= new
        outcomes += told
    return outcomes


def key_of(row: StoreRow) -> Key:
    """What a row is known by."""
    return row.table_name, row.row_key


def values_of(row: StoreRow) -> tuple[str | int | None, ...]:
    """The values of COLUMNS."""
    return (row.table_name, row.row_key, row.owner_id, row.member_id, row.order_id, row.content,
            row.received_time)  # fmt: skip


def _events(rows: Sequence[StoreRow]) -> Iterator[Sequence[StoreRow]]:
    start = 0
    while start < len(rows):
        end = start + rows[start].n_together
        yield rows[start:end]
        start = end


def _outcome(
    row: StoreRow, kept: Mapping[Key, str], new: dict[Key, str], is_erased: Callable[[StoreRow], bool]
) -> Outcome:
    if is_erased(row):
        return "erased"
    key = key_of(row)
    found = new.get(key, kept.get(key))
    if found is None:
        new[key] = row.content
        return "stored"
    return "duplicate" if found == row.content else "conflict"
