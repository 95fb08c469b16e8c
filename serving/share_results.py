"""What came of an owner's shares, from the rows of the online store: clicks, orders, what was kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from features.row_check import DAY, EPOCH, MICROSECOND
from serving.store.rows import EXPECTED

WINDOW_DAYS = 30  # after a share, in which an order through its link is credited to it
_WINDOW_US = WINDOW_DAYS * DAY

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OwnersRows:
    """An owner's rows of the store by table, and the orders that came back: (order_id, product_id)."""

    shares: list[Row]
    share_events: list[Row]
    orders: list[Row]
    own_member_ids: frozenset[str]
    returned: frozenset[tuple[str, str]]
    expected: Mapping[str, Row] = field(default_factory=dict)  # share: kept orders, low, mid and high

    def came_back(self, line: Row) -> bool:
        """Whether an order line was sent back."""
        return (line["order_id"], line["product_id"]) in self.returned


def owners_rows(owner_id: str, rows: Iterable[tuple[str, Row]], returned: Iterable[Row]) -> OwnersRows:
    """The rows sorted by table; an owner is the member of her own id, and the one her shop names."""
    by_table: dict[str, list[Row]] = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
    named = {row["member_id"] for row in by_table["owners"] if "member_id" in row}
    return OwnersRows(
        by_table["shares"], by_table["share_events"], by_table["orders"], frozenset(named | {owner_id}),
        frozenset((row["order_id"], row["product_id"]) for row in returned),
        {row["share_id"]: row["kept"] for row in by_table[EXPECTED]},
    )  # fmt: skip


def results_of(owner_id: str, rows: OwnersRows, n: int) -> dict[str, Any]:
    """The newest n shares with what came of each, and the sums of all.

    An order line counts where it carries the link of a share of hers, lies within 30 days after it, and was
    not bought by herself. A line that came back is not kept.
    """
    clicks = Counter(
        row["share_id"] for row in rows.share_events if row["event_type"] == "click" and "share_id" in row
    )
    credited = credited_lines(rows)
    shares = sorted(rows.shares, key=lambda row: (-row["share_time"], row["share_id"]))
    found = []
    for share in shares:
        lines = credited.get(share["share_id"], [])
        n_returned = sum(map(rows.came_back, lines))
        found.append({
            "share_id": share["share_id"], "share_time": EPOCH + share["share_time"] * MICROSECOND,
            "product_id": share["product_id"], "scene": share.get("scene"), "channel": share.get("channel"),
            "n_clicks": clicks[share["share_id"]], "n_orders": len(lines),
            "n_kept": len(lines) - n_returned, "n_returned": n_returned,
            "expected_kept": rows.expected.get(share["share_id"]),
        })  # fmt: skip
    sums = {
        name: sum(share[name] for share in found) for name in ("n_clicks", "n_orders", "n_kept", "n_returned")
    }
    return {"owner_id": owner_id, "n_shares": len(found), **sums, "shares": found[:n]}


def credited_lines(rows: OwnersRows) -> dict[str, list[Row]]:
    """The order lines that each share is credited with."""
    shared_at = {row["share_id"]: row["share_time"] for row in rows.shares}
    found: dict[str, list[Row]] = defaultdict(list)
    for line in rows.orders:
        share_time = shared_at.get(line.get("share_id"))
        if share_time is None or line["member_id"] in rows.own_member_ids:
            continue
        if 0 <= line["order_time"] - share_time <= _WINDOW_US:
            found[line["share_id"]].append(line)
    return found
