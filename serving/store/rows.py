"""Rows of the data contract as the store keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from features.contract import TABLE_BY_NAME
from features.row_check import EPOCH, MICROSECOND, Cell
from serving.store.seam import StoreRow

# The column that names a member, where it has another name.
MEMBER_COLUMN = {"shares": "recipient_id", "group_buys": "initiator_id"}
# Tables whose rows belong to somebody else and only name her: the row stays, without her.
KEPT_WITHOUT_MEMBER = ("owners", "shares", "group_buys")
# Tables whose rows say how an order of hers went on, and go with the order.
ABOUT_ORDERS = ("returns", "reviews", "complaints")
# Two tables of the store's own, which an export turns into rows of the contract: products and prices as
# Segment's events showed them, and Segment's refunds, which say what came back only beside their order.
SEGMENT_PRODUCTS = "segment_products"
SEGMENT_REFUNDS = "segment_refunds"
FEEDBACK = "feedback"  # what an owner said of a pick; of the store alone
EXPECTED = "expected"  # what a share was expected to bring when it was made; of the store alone
INTERESTS = "interests"  # categories that a new owner chose; of the store alone
NOBODY = "erased"  # stands where a row that stays must name a member

_KEYS = {name: table.key for name, table in TABLE_BY_NAME.items()}


def store_row(table_name: str, values: Mapping[str, Cell], received_time: int) -> StoreRow:
    """A checked row (`features.row_check`) ready for the store; times are microseconds since 1970."""
    return StoreRow(
        table_name,
        "\x1f".join([str(values[name]) for name in _KEYS[table_name]]),  # no id holds that mark
        _text(values.get("owner_id")),
        _text(values.get(MEMBER_COLUMN.get(table_name, "member_id"))),
        _text(values.get("order_id")) if table_name in ABOUT_ORDERS else None,
        orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode(),
        received_time,
    )


def own_row(
    table_name: str,
    row_key: str,
    values: Mapping[str, Cell | None],
    received_time: int,
    *,
    member_id: str | None = None,
    order_id: str | None = None,
    owner_id: str | None = None,
) -> StoreRow:
    """A row of a table of the store's own; it goes with the member or the order that it came from."""
    content = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    return StoreRow(table_name, row_key, owner_id, member_id, order_id, content, received_time)


def key_text(row: StoreRow) -> str:
    """The id of a row, for the caller who sent it: its key columns with their values."""
    columns = _KEYS.get(row.table_name, ("messageId",))
    parts = row.row_key.split("\x1f")
    return ", ".join(f"{name} {_shown(name, part)}" for name, part in zip(columns, parts, strict=False))


def without_member(table_name: str, content: str) -> str:
    """The content of a row of KEPT_WITHOUT_MEMBER, naming no member any more."""
    values: dict[str, Any] = orjson.loads(content)
    if table_name == "group_buys":
        values["initiator_id"] = NOBODY
    else:
        values.pop(MEMBER_COLUMN.get(table_name, "member_id"), None)
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def named_ids(row: StoreRow) -> list[tuple[str, str]]:
    """The ids in a row that may have been erased, each with its kind: member or order."""
    found = [] if row.member_id is None else [("member", row.member_id)]
    if row.order_id is not None:
        found.append(("order", row.order_id))
    return found


def id_hash(salt: bytes, kind: str, value: str) -> str:
    """The salted hash of an id, in hex; one id as member and as order has two."""
    return hashlib.blake2b(f"{kind}\x1f{value}".encode(), key=salt, digest_size=32).hexdigest()


def _shown(name: str, part: str) -> str:
    return (EPOCH + int(part) * MICROSECOND).isoformat() if name.endswith("_time") else part


def _text(value: Cell | None) -> str | None:
    assert value is None or isinstance(value, str)
    return value
