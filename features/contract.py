"""The data contract: every table, its columns, their kinds and their keys, as data.

Everything that reads, writes, checks or exports a dataset reads this list; adding a table or a column is
one entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "time", "money", "count", "rate", "number", "currency", "flag", "choice"]
# id: 1 to 128 printable characters, never parsed · text: any string · time: RFC 3339 with an offset, kept as
# UTC microseconds · money: int64 minor units >= 0 · count: int64 · rate: fraction 0 to 1 · number: float64

CHANNELS = ("moments", "group", "private", "mini_program", "qr_poster", "live", "sms", "offline", "other")
REASON_CODES = (
    "quality_defect", "not_as_described", "wrong_item", "damaged_in_transit", "late_delivery", "size_fit",
    "changed_mind", "no_longer_needed", "counterfeit_suspected", "expired_or_spoiled", "other",
)  # fmt: skip
EVENT_TYPES = ("view", "click", "add_to_cart", "reply", "mute", "block")
FAULTS = ("supplier", "logistics", "customer", "unknown")
# What says nothing against the product: a fault of somebody else, or, where none is told, these reasons.
EXCUSED_FAULTS = ("customer", "logistics")
OWN_CHOICE = ("changed_mind", "no_longer_needed", "size_fit")
LOW_RATING = 2  # stars or fewer
# What one event says about "would be glad of it"; mute and block are no evidence of joy and stay out.
EVENT_WEIGHTS = {"view": 0.25, "click": 1.0, "add_to_cart": 1.5, "reply": 1.5}
SHARE_WEIGHT = 0.5  # a share to one person
ORDER_WEIGHT = 2.0  # an order credited to an owner
MAX_TEST_PRICE_MINOR = 1  # an order of 0 or 1 minor unit is somebody trying the checkout
GROUP_STATUSES = ("open", "succeeded", "failed")
RELATIONS = ("follower", "customer", "invited", "group_member", "friend")
UNIT_MEASURES = ("g", "ml", "piece")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its kind, whether every row must have it, and the values or the range it may take."""

    name: str
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, the columns that name a row, and the column that says when it happened."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time_column: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _id(name: str, required: bool = False) -> Column:
    return Column(name, "id", required)


def _text(name: str, required: bool = False) -> Column:
    return Column(name, "text", required)


def _time(name: str, required: bool = False) -> Column:
    return Column(name, "time", required)


def _money(name: str, required: bool = False) -> Column:
    return Column(name, "money", required, minimum=0)


def _count(name: str, required: bool = False, minimum: int = 0, maximum: int | None = None) -> Column:
    return Column(name, "count", required, minimum=minimum, maximum=maximum)


def _choice(name: str, choices: tuple[str, ...], required: bool = False) -> Column:
    return Column(name, "choice", required, choices=choices)


TABLES: tuple[Table, ...] = (
    Table(
        "products", "a product",
        (
            _id("product_id", True), _text("title", True), _text("category", True), _id("supplier_id"),
            _text("brand"), _text("image_url"), _choice("unit_measure", UNIT_MEASURES),
            Column("unit_quantity", "number", minimum=0), _time("available_time"), _text("gtin"),
            _count("trial_media_count"), _count("return_days"),
        ),
        ("product_id",), "available_time",
    ),
    Table(
        "suppliers", "a supplier",
        (_id("supplier_id", True), _text("name"), _text("region"), _text("supplier_type")),
        ("supplier_id",),
    ),
    Table(
        "offers", "a price that began (history, not state)",
        (
            _id("product_id", True), _time("effective_time", True), _money("price_minor", True),
            Column("currency", "currency", True), _money("shipping_minor"), _money("coupon_minor"),
            _money("group_price_minor"), _count("group_size", minimum=1),
            Column("commission_rate", "rate", minimum=0, maximum=1), _money("public_price_minor"),
            _money("list_price_minor"), _time("expire_time"),
        ),
        ("product_id", "effective_time"), "effective_time",
    ),
    Table(
        "stock", "a stock count",
        (
            _id("product_id", True), _time("stock_time", True), _count("available_quantity", True),
            _text("regions"),
        ),
        ("product_id", "stock_time"), "stock_time",
    ),
    Table(
        "owners", "a shop owner",
        (
            _id("owner_id", True), _id("member_id"), _text("shop_name"), _id("upline_owner_id"),
            _text("region"), _time("joined_time"), _text("interests"),
        ),
        ("owner_id",), "joined_time",
    ),
    Table(
        "circle", "an owner knows a member",
        (
            _id("owner_id", True), _id("member_id", True), _choice("relation", RELATIONS),
            _time("since_time"),
        ),
        ("owner_id", "member_id"), "since_time",
    ),
    Table(
        "shares", "an owner put a product before her circle",
        (
            _id("share_id", True), _time("share_time", True), _id("owner_id", True),
            _id("product_id", True), _choice("channel", CHANNELS), _text("scene"), _id("recipient_id"),
            _id("share_link_id"), _id("parent_share_id"), _id("request_id"),
        ),
        ("share_id",), "share_time",
    ),
    Table(
        "share_events", "somebody reacted to a share",
        (
            _id("event_id", True), _time("event_time", True), _choice("event_type", EVENT_TYPES, True),
            _id("share_id"), _id("owner_id"), _id("product_id"), _id("member_id"),
        ),
        ("event_id",), "event_time",
    ),
    Table(
        "orders", "an order line",
        (
            _id("order_id", True), _time("order_time", True), _id("member_id", True),
            _id("product_id", True), _count("quantity", True, minimum=1), _money("price_minor", True),
            _id("owner_id"), _id("share_id"), _id("group_buy_id"), _text("status"),
            _time("delivered_time"),
        ),
        ("order_id", "product_id"), "order_time",
    ),
    Table(
        "returns", "a return of an order line",
        (
            _id("return_id", True), _id("order_id", True), _id("product_id", True),
            _time("request_time", True), _count("quantity", minimum=1),
            _choice("reason_code", REASON_CODES), _choice("fault", FAULTS), _money("refund_minor"),
        ),
        ("return_id",), "request_time",
    ),
    Table(
        "reviews", "a review",
        (
            _id("review_id", True), _id("product_id", True), _time("review_time", True),
            _count("rating", True, minimum=1, maximum=5), _id("member_id"), _id("order_id"),
            Column("has_photo", "flag"), Column("has_video", "flag"), Column("incentivised", "flag"),
        ),
        ("review_id",), "review_time",
    ),
    Table(
        "complaints", "a complaint",
        (
            _id("complaint_id", True), _time("complaint_time", True), _id("product_id", True),
            _count("severity", minimum=1, maximum=4), _text("topic"), _id("order_id"),
            _id("supplier_id"), _id("owner_id"),
        ),
        ("complaint_id",), "complaint_time",
    ),
    Table(
        "group_buys", "a group opened",
        (
            _id("group_buy_id", True), _id("product_id", True), _id("initiator_id", True),
            _time("open_time", True), _count("required_count", True, minimum=1),
            _choice("status", GROUP_STATUSES), _time("expire_time"), _money("price_minor"),
        ),
        ("group_buy_id",), "open_time",
    ),
    Table(
        "group_buy_joins", "a member joined a group",
        (
            _id("group_buy_id", True), _id("member_id", True), _time("join_time", True), _id("order_id"),
        ),
        ("group_buy_id", "member_id"), "join_time",
    ),
    Table(
        "impressions", "a pick was shown",
        (
            _id("request_id", True), _time("impression_time", True), _id("owner_id", True),
            _id("product_id", True), _count("position", True, minimum=1),
            Column("propensity", "rate", minimum=0, maximum=1), _id("snapshot_id"), _text("scene"),
            _choice("channel", CHANNELS), _text("experiment"),
        ),
        ("request_id", "product_id"), "impression_time",
    ),
)  # fmt: skip

TABLE_BY_NAME = {table.name: table for table in TABLES}

# Tables whose rows happened at a moment: what is dated after `as_of` is not known yet. The others say what
# is, since some time or other.
EVENT_TABLES = (
    "orders", "shares", "share_events", "returns", "reviews", "complaints", "stock", "group_buys",
    "group_buy_joins", "impressions",
)  # fmt: skip
