"""Erasing a member: her rows go, rows of others stay without her, and what still comes is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from features.row_check import micros
from serving.store.rows import KEPT_WITHOUT_MEMBER, id_hash, without_member
from serving.store.schema import contract_rows, erased_ids
from serving.store.store import Store

ORDERS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows went or lost her name, and whether the files hold no byte of them any more."""

    n_rows: int
    is_scrubbed: bool


def erase_member(
    store: Store,
    member_id: str,
    now: datetime,
    beside: Callable[[Connection], object] = lambda connection: None,
) -> Erased:
    """What was erased of a member; done again, it finds nothing and refuses on.

    Her orders, reactions, reviews, joins and her place in circles go, and with her orders their returns,
    reviews and complaints. A shop, a share to her and a group she opened belong to others too: they stay and
    no longer name her. `beside` runs in the same transaction (the audit log). StoreError when nothing was
    done.
    """
    with store.transaction() as connection:
        beside(connection)
        order_ids = _order_ids(connection, member_id)
        ids = [("member", member_id), *(("order", order_id) for order_id in order_ids)]
        _remember(connection, [id_hash(store.salt, kind, value) for kind, value in ids], now)
        n_rows = _keep_without(connection, member_id) + _delete(connection, member_id, order_ids)
    return Erased(n_rows, store.scrub())


def _order_ids(connection: Connection, member_id: str) -> list[str]:
    rows = contract_rows.c
    query = select(rows.row_key).where(rows.member_id == member_id, rows.table_name == "orders")
    return sorted({key.split("\x1f")[0] for key in connection.execute(query).scalars()})


def _remember(connection: Connection, hashes: list[str], now: datetime) -> None:
    known: set[str] = set()
    for start in range(0, len(hashes), ORDERS_AT_ONCE):
        some = hashes[start : start + ORDERS_AT_ONCE]
        query = select(erased_ids.c.id_hash).where(erased_ids.c.id_hash.in_(some))
        known.update(connection.execute(query).scalars())
    time = micros(now)
    new = [{"id_hash": value, "erased_time": time} for value in hashes if value not in known]
    if new:
        connection.execute(insert(erased_ids), new)


def _keep_without(connection: Connection, member_id: str) -> int:
    """Write the rows that stay anew, without her and with a new seq, so that replicas meet them again."""
    rows = contract_rows.c
    hers = (rows.member_id == member_id) & rows.table_name.in_(KEPT_WITHOUT_MEMBER)
    kept = connection.execute(select(contract_rows).where(hers)).mappings().all()
    connection.execute(contract_rows.delete().where(hers))
    for row in kept:
        content = without_member(row["table_name"], row["content"])
        values = {name: value for name, value in row.items() if name != "seq"}
        connection.execute(insert(contract_rows).values(values | {"member_id": None, "content": content}))
    return len(kept)


def _delete(connection: Connection, member_id: str, order_ids: list[str]) -> int:
    rows = contract_rows.c
    n_rows = connection.execute(contract_rows.delete().where(rows.member_id == member_id)).rowcount
    for start in range(0, len(order_ids), ORDERS_AT_ONCE):
        some = order_ids[start : start + ORDERS_AT_ONCE]
        n_rows += connection.execute(contract_rows.delete().where(rows.order_id.in_(some))).rowcount
    return n_rows
