"""What was known at a moment: the one place where rows and values from later are left out."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis

from features import contract

# Times that are announced beforehand: an offer says when it ends on the day it begins.
ANNOUNCED = {("offers", "expire_time"), ("group_buys", "expire_time")}
# Overwritten as time goes on, so they tell the future whatever the row's own time: never read.
OVERWRITTEN = {("orders", "status")}
# Times at which something was recorded whose row may already have been in force before.
TIME = "timestamp(6)"


def known_at(rows: ibis.Table, table: contract.Table, moment: datetime | None) -> ibis.Table:
    """The rows of a table that were known at a moment, and in them only the values known then.

    `rows` has its times as naive UTC. A row without a time in an optional time column counts as always
    known. `moment` None means a world without times: nothing is left out.
    """
    rows = rows.drop(
        *[column for name, column in OVERWRITTEN if name == table.name and column in rows.columns]
    )
    if moment is None:
        return rows
    limit = ibis.literal(moment.astimezone(UTC).replace(tzinfo=None), type=TIME)
    for column in table.columns:
        if column.kind != "time" or column.name not in rows.columns:
            continue
        time = rows[column.name]
        if column.name == table.time_column:
            rows = rows.filter(time <= limit if column.required else time.isnull() | (time <= limit))
        elif (table.name, column.name) not in ANNOUNCED:
            rows = rows.mutate(**{column.name: ibis.ifelse(time <= limit, time, ibis.null(TIME))})
    if table.name == "group_buys":  # `status` is what became of the group: known once its time is over
        over = rows.expire_time <= limit
        rows = rows.mutate(status=ibis.ifelse(over, rows.status, ibis.null("string")))
    return rows
