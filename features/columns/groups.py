"""Group buys as of a moment: who opened which, how many joined, and whether it filled in time."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import NO_ROW, NO_TIME, US_PER_DAY, Array, places_in, read_only
from features.window import Window

FAILED, SUCCEEDED, OPEN = 0, 1, -1


@dataclass(frozen=True, slots=True)
class GroupBuys:
    """One entry per group in every array, sorted by its id.

    `owner_row` int32 (-1: opened by somebody who owns no shop), `product_row` int32, `required` int32 and
    `n_joined` int32 members, `outcome` int8 (1 filled, 0 failed, -1 open), `expire_time` int64 µs.
    """

    owner_row: Array
    product_row: Array
    required: Array
    n_joined: Array
    outcome: Array
    expire_time: Array


def group_buys(window: Window) -> GroupBuys:
    """Every group opened up to the moment; only for a window with times.

    A group that names no deadline has one day. One that is full has succeeded, whatever else is said; one
    that is not and whose time is over has failed, unless its own status says otherwise.
    """
    groups, joins = window.table("group_buys"), window.table("group_buy_joins")
    joined = joins.group_by(of_group="group_buy_id").agg(n_joined=joins.member_row.nunique())
    rows = groups.left_join(joined, groups.group_buy_id == joined.of_group)
    rows = rows.mutate(
        n_joined=rows.n_joined.fill_null(0).cast("int32"),
        required=rows.required_count.cast("int32"),
        says=ibis.cases(
            (rows.status == "succeeded", SUCCEEDED), (rows.status == "failed", FAILED), else_=OPEN
        ),
    )
    named = ("group_buy_id", "product_row", "required", "n_joined", "says", "open_time", "expire_time")
    found = window.engine.fetch(rows.select(*named), ("group_buy_id",))
    initiators = window.engine.fetch_strings(groups, "initiator_id", "group_buy_id")
    assert window.as_of_us is not None
    expire = np.where(found["expire_time"] == NO_TIME, found["open_time"] + US_PER_DAY, found["expire_time"])
    filled = (found["says"] == SUCCEEDED) | (found["n_joined"] >= found["required"])
    failed = ~filled & ((found["says"] == FAILED) | (expire <= window.as_of_us))
    return GroupBuys(
        owner_row=_owner_rows(window, initiators),
        product_row=found["product_row"],
        required=found["required"],
        n_joined=found["n_joined"],
        outcome=read_only(np.where(filled, SUCCEEDED, np.where(failed, FAILED, OPEN)).astype(np.int8)),
        expire_time=read_only(expire),
    )


def _owner_rows(window: Window, initiators: Array) -> Array:
    """The owner that an initiator's id names, or whose own member it names; int32, -1 for none."""
    owners, members = window.ids["owners"], window.ids["members"]
    row = places_in(owners, initiators)
    owner_of = np.full(len(members) + 1, NO_ROW, dtype=np.int64)  # -1 takes the last place
    own = np.flatnonzero(window.owner_member >= 0)
    owner_of[window.owner_member[own]] = own
    by_member = owner_of[places_in(members, initiators)]
    return read_only(np.where(row >= 0, row, by_member).astype(np.int32))
