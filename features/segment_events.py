"""What one Segment e-commerce event says in the words of the data contract.

One mapping for files (`importers/segment.py`) and for events as they come (`serving`). A person is `userId`,
or `anonymousId` where there is none. The properties `owner_id` and `share_id`, which Segment leaves to the
platform, are carried over where present. Source of the names: Segment's e-commerce events specification,
version 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from features.contract import CHANNELS

EVENT_TYPES = {"Product Viewed": "view", "Product Added": "add_to_cart"}
ORDER, REFUND, SHARE = "Order Completed", "Order Refunded", "Product Shared"
KNOWN_EVENTS = frozenset((ORDER, REFUND, SHARE, *EVENT_TYPES))
CHANNEL_OF = {"whatsapp": "private", "messenger": "private", "wechat": "private", "wechat_moments": "moments"}
# an e-mail address or a phone number, which the contract refuses as an id: better one too many dropped
PERSONAL = re.compile(r".*@.*|\+.*|\d{10,}|[\d(][\d ().-]*[ ().-][\d ().-]*")
PRODUCT_COLUMNS = (
    ("title", "name"),
    ("category", "category"),
    ("brand", "brand"),
    ("image_url", "image_url"),
)

Event = Mapping[str, Any]


class SegmentError(Exception):
    """A rule that an event breaks, and what came instead (never to be told to somebody far away)."""

    def __init__(self, rule: str, got: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.got = got


@dataclass(frozen=True, slots=True)
class Sighting:
    """A product as an event shows it: the columns of `products` that it knows."""

    product_id: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refund:
    """What came back of an order: products with their quantities (None: all of the line), or everything."""

    order_id: str
    request_time: datetime
    products: tuple[tuple[str, int | None], ...] | None


def require_event(event: Event) -> None:
    """SegmentError unless the event has what every event must have."""
    text_of(event, "messageId")
    text_of(event, "event")
    if not isinstance(event.get("properties"), dict):
        raise SegmentError("properties must be an object", repr(str(event.get("properties"))[:80]))
    time_of(event)


def read_order(event: Event) -> list[tuple[dict[str, Any], str, Sighting]]:
    """Each line of an `Order Completed` as a row of `orders`, its currency and its product."""
    properties = event["properties"]
    order_id = text_of(properties, "order_id")
    currency = text_of(properties, "currency")
    if not re.fullmatch("[A-Z]{3}", currency):
        raise SegmentError("currency must be three capital letters (ISO 4217)", repr(currency))
    lines = []
    for product in _products(properties):
        sighting = see_product(product)
        line = {
            "order_id": order_id,
            "order_time": time_of(event),
            "member_id": _person(event),
            "product_id": sighting.product_id,
            "quantity": _quantity(product),
            "price_minor": _minor(product, "price", currency),
            "owner_id": properties.get("owner_id"),
            "share_id": properties.get("share_id"),
        }
        lines.append((line, currency, sighting))
    return lines


def read_refund(event: Event) -> Refund:
    """What an `Order Refunded` says."""
    properties = event["properties"]
    order_id = text_of(properties, "order_id")
    named = properties.get("products")
    if not named:
        return Refund(order_id, time_of(event), None)
    if not isinstance(named, list):
        raise SegmentError("products must be a list", repr(str(named)[:80]))
    products = tuple(
        (text_of(product, "product_id"), _quantity(product) if "quantity" in product else None)
        if isinstance(product, dict)
        else (_plain("product_id", product), None)
        for product in named
    )
    return Refund(order_id, time_of(event), products)


def refund_row(
    message_id: str, refund: Refund, product_id: str, quantity: int, price_minor: int
) -> dict[str, Any]:
    """A row of `returns`: so many of an order line of that price."""
    return {
        "return_id": f"{message_id}-{product_id}", "order_id": refund.order_id, "product_id": product_id,
        "request_time": refund.request_time, "quantity": quantity, "fault": "unknown",
        "refund_minor": quantity * price_minor,
    }  # fmt: skip


def read_share(event: Event) -> tuple[dict[str, Any], Sighting, bool]:
    """A `Product Shared` as a row of `shares`, its product, and whether a recipient was left out.

    A recipient who is an e-mail address or a telephone number is left out; the share stays.
    """
    properties = event["properties"]
    via = str(properties.get("share_via", "other")).lower()
    recipient = properties.get("recipient")
    is_personal = recipient is not None and PERSONAL.fullmatch(str(recipient)) is not None
    sighting = see_product(properties)
    row = {
        "share_id": str(properties.get("share_id") or event["messageId"]),
        "share_time": time_of(event),
        "owner_id": str(properties.get("owner_id") or _person(event)),
        "product_id": sighting.product_id,
        "channel": CHANNEL_OF.get(via, via if via in CHANNELS else "other"),
        "recipient_id": None if is_personal else recipient,
    }
    return row, sighting, is_personal


def read_reaction(event: Event) -> tuple[dict[str, Any] | None, Sighting]:
    """A view or an add to cart as a row of `share_events` (None: it answers no share), and its product."""
    properties = event["properties"]
    sighting = see_product(properties)
    if not properties.get("share_id"):
        return None, sighting
    row = {
        "event_id": event["messageId"], "event_time": time_of(event),
        "event_type": EVENT_TYPES[event["event"]], "share_id": str(properties["share_id"]),
        "owner_id": properties.get("owner_id"), "product_id": sighting.product_id,
        "member_id": _person(event),
    }  # fmt: skip
    return row, sighting


def see_product(product: object) -> Sighting:
    """A product as an event shows it."""
    if not isinstance(product, dict):
        raise SegmentError("products must be a list of objects", repr(str(product)[:80]))
    known = {column: _plain(key, product[key]) for column, key in PRODUCT_COLUMNS if product.get(key)}
    return Sighting(text_of(product, "product_id"), known)


def text_of(holder: Event, key: str) -> str:
    """A field that must not be blank."""
    value = holder.get(key)
    if value is None or str(value).strip() == "":
        raise SegmentError(f"{key} must not be blank", "nothing")
    return _plain(key, value)


def _plain(key: str, value: object) -> str:
    if isinstance(value, dict | list | bool):
        raise SegmentError(f"{key} must be text", repr(str(value)[:80]))
    return str(value)


def time_of(event: Event) -> datetime:
    """When the event happened, in UTC."""
    text = text_of(event, "timestamp")
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)  # one zone: a table of several would be no column of times
    except (ValueError, OverflowError):  # also an instant before the year 1 or after 9999 in UTC
        pass
    raise SegmentError("timestamp must be RFC 3339 with an offset", repr(text))


def _person(event: Event) -> str:
    return text_of(event, "userId" if event.get("userId") else "anonymousId")


def _products(properties: Event) -> list[Any]:
    products = properties.get("products")
    if not isinstance(products, list) or not products:
        raise SegmentError("products must be a list of at least one", repr(str(products)[:80]))
    return products


def _quantity(product: Event) -> int:
    quantity = product.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise SegmentError("quantity must be a whole number >= 1", repr(str(quantity)[:80]))
    return quantity


def _minor(product: Event, key: str, currency: str) -> int:
    price = product.get(key)
    if isinstance(price, float):
        price = Decimal(repr(price))  # the shortest digits that mean this number: those that were written
    if isinstance(price, bool) or not isinstance(price, int | Decimal) or price < 0:
        raise SegmentError(f"{key} must be a number >= 0", repr(str(price)[:80]))
    return int((Decimal(price) * 10 ** get_currency_precision(currency)).to_integral_value())
