"""The words of the store: rows that go in, what became of each, and how an implementation writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from recsys.errors import SharepicksError

Outcome = Literal["stored", "duplicate", "conflict", "erased", "left_out"]
# stored: new, and durable · duplicate: there already with the same content · conflict: there already with
# other content · erased: it names somebody who was erased · left_out: new, and not kept, because another row
# of its event was refused


class StoreError(SharepicksError):
    """The store cannot do it now: it is down, busy or full. Nothing of the call was acknowledged."""


def failed(error: BaseException) -> StoreError:
    """What is said of a driver's error: its kind alone, since its message may quote a row."""
    return StoreError(f"the store failed ({type(error).__name__}); nothing of this was acknowledged")


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One checked row on its way in.

    `row_key`: the values of the table's key. `owner_id`, `member_id`: whose row it is, and the member it
    names (recipient and initiator are members too). `order_id`: the order it speaks of, where it is not the
    order itself. `content`: the row as canonical JSON; equal rows have equal text. `received_time`:
    microseconds since 1970, no part of the content. `n_together`: so many rows, this one first, are one
    event and kept all or none; what the rows after it say here is not read.
    """

    table_name: str
    row_key: str
    owner_id: str | None
    member_id: str | None
    order_id: str | None
    content: str
    received_time: int
    n_together: int = 1


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it lies in the store. `seq` grows with every row in the order in which rows became visible.

    `received_time`: microseconds since 1970 by the receiver; 0 where it was not asked for.
    """

    seq: int
    table_name: str
    content: str
    received_time: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """Somebody was erased: the salted hash of the id, see `Store.hash_of`."""

    seq: int
    id_hash: str


class RowWriter(Protocol):
    """What differs between databases: many rows in one durable transaction. Used by one thread."""

    def write(self, rows: Sequence[StoreRow]) -> list[Outcome]:
        """What became of each row, in their order, durable when it returns.

        Of several rows with one key the first counts. StoreError when nothing is known to be kept.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
