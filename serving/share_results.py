"""What came of an owner's shares, from the rows of the online store: clicks, orders, what was kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from features.row_check import DAY, EPOCH, MICROSECOND
from serving.store.rows import EXPECTED

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credit:
    """Which orders a share is credited with.

    `days`: within so many after it. `hops`: how often a link of hers may have been passed on, as a share of
    hers that names the one before as its parent; 0: not at all.
    """

    days: int = 30
    hops: int = 1


@dataclass(frozen=True, slots=True)
class OwnersRows:
    """An owner's rows of the store by table, and the orders that came back: (order_id, product_id)."""

    shares: list[Row]
    share_events: list[Row]
    orders: list[Row]
    own_member_ids: frozenset[str]
    returned: frozenset[tuple[str, str]]
    expected: Mapping[str, Row] = field(default_factory=dict)  # share: kept orders, low, mid and high
    credit: Credit = Credit()

    def came_back(self, line: Row) -> bool:
        """Whether an order line was sent back."""
        return (line["order_id"], line["product_id"]) in self.returned


def owners_rows(
    owner_id: str, rows: Iterable[tuple[str, Row]], returned: Iterable[Row], credit: Credit = Credit()
) -> OwnersRows:
    """The rows sorted by table; an owner is the member of her own id, and the one her shop names."""
    by_table: dict[str, list[Row]] = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
    named = {row["member_id"] for row in by_table["owners"] if "member_id" in row}
    return OwnersRows(
        by_table["shares"], by_table["share_events"], by_table["orders"], frozenset(named | {owner_id}),
        frozenset((row["order_id"], row["product_id"]) for row in returned),
        {row["share_id"]: row["kept"] for row in by_table[EXPECTED]}, credit,
    )  # fmt: skip


def results_of(owner_id: str, rows: OwnersRows, n: int) -> dict[str, Any]:
    """The newest n shares with what came of each, and the sums of all.

    An order line counts for the share whose link it carries, as `credited_lines` says. A line that came back
    is not kept.
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
    rule = {"credit_days": rows.credit.days, "credit_hops": rows.credit.hops}
    return {"owner_id": owner_id, **rule, "n_shares": len(found), **sums, "shares": found[:n]}


def credited_lines(rows: OwnersRows) -> dict[str, list[Row]]:
    """The order lines that each share is credited with, each line once.

    A line belongs to the share whose link it carries, the last on its way: where that was passed on, not to
    the one it came from. It lies within the days of credit after it, the link was passed on no oftener than
    the hops allow, and the buyer is not the owner herself.
    """
    shared_at = {row["share_id"]: row["share_time"] for row in rows.shares}
    parents = {row["share_id"]: row.get("parent_share_id") for row in rows.shares}
    found: dict[str, list[Row]] = defaultdict(list)
    for line in rows.orders:
        share_time = shared_at.get(line.get("share_id"))
        if share_time is None or line["member_id"] in rows.own_member_ids:
            continue
        in_time = 0 <= line["order_time"] - share_time <= rows.credit.days * DAY
        if in_time and n_hops(line["share_id"], parents, rows.credit.hops) <= rows.credit.hops:
            found[line["share_id"]].append(line)
    return found


def n_hops(share_id: str, parents: Mapping[str, str | None], most: int) -> int:
    """How often a link was passed on before it became this share; what lies above `most` is `most` + 1.

    `parents`: of the shares of one owner. Where the parent is another owner's the way begins anew: whoever
    takes up a product and shares it by a link of her own sells it herself.
    """
    n, parent = 0, parents.get(share_id)
    while (
        parent is not None and parent in parents and n <= most
    ):  # bounded, so that parents in a ring end too
        n, parent = n + 1, parents[parent]
    return n
