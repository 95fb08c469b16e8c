"""What a dataset leaves off: each optional table and column, what needs it, as data."""

from __future__ import annotations

from collections.abc import Collection

# (what needs it, table, column or None for the whole table)
NEEDS: tuple[tuple[str, str, str | None], ...] = (
    ("taste and co-purchase", "orders", None),
    ("rising and rebuy-due products", "orders", None),
    ("picks for a circle", "circle", None),
    ("share graph, share fatigue and what similar owners sold", "shares", None),
    ("what the scene of a share changes", "shares", "scene"),
    ("what the channel of a share changes", "shares", "channel"),
    ("clicks and reactions to shares", "share_events", None),
    ("prices, price history and earnings", "offers", None),
    ("earnings from commission", "offers", "commission_rate"),
    ("comparison with the public price", "offers", "public_price_minor"),
    ("stock gate", "stock", None),
    ("owner profiles and the upline fallback", "owners", None),
    ("the upline fallback", "owners", "upline_owner_id"),
    ("the region fallback", "owners", "region"),
    ("supplier quality and new products of proven suppliers", "suppliers", None),
    ("supplier of a product", "products", "supplier_id"),
    ("price per unit of measure", "products", "unit_quantity"),
    ("circle demand told from an owner's own orders", "orders", "owner_id"),
    ("credit of orders to shares, and what a share is expected to bring", "orders", "share_id"),
    ("mature orders counted from delivery", "orders", "delivered_time"),
    ("return rates", "returns", None),
    ("ratings", "reviews", None),
    ("complaint rates", "complaints", None),
    ("group buys and their chances", "group_buys", None),
    ("members of group buys", "group_buy_joins", None),
    ("learning from what was shown", "impressions", None),
)


def what_is_off(
    filled: Collection[tuple[str, str | None]], *, timeless: bool, priceless: bool
) -> tuple[tuple[str, str], ...]:
    """Features that are off, each with the reason.

    `filled` holds (table, None) for every table with rows and (table, column) for every column with a value.
    """
    off = []
    for feature, table, column in NEEDS:
        if column is not None and (table, None) not in filled:
            continue  # the table's own line says it
        if (table, column) not in filled:
            off.append((feature, f"{table} is absent" if column is None else f"{table}.{column} is absent"))
    if timeless:
        off.append(
            (
                "seasons, decay, rising, rebuy-due, new and cold products, "
                "what a share is expected to bring, evaluation by time",
                "the dataset is timeless",
            )
        )
    if priceless:
        off.append(("good value, price gates and test orders", "the dataset is priceless"))
    return tuple(off)
