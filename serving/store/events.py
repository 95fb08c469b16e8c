"""Events as they come over HTTP, made into rows of the store: rows of the contract, and Segment's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from features.contract import EVENT_TABLES, TABLE_BY_NAME
from features.row_check import Cell, RowError, check_id, check_row, micros
from features.segment_events import (
    EVENT_TYPES,
    KNOWN_EVENTS,
    ORDER,
    REFUND,
    SHARE,
    SegmentError,
    Sighting,
    read_order,
    read_reaction,
    read_refund,
    read_share,
    require_event,
    time_of,
)
from serving.store.rows import SEGMENT_PRODUCTS, SEGMENT_REFUNDS, own_row, store_row
from serving.store.seam import StoreRow

LATE_DAYS = 30
AHEAD_MINUTES = 5
MAX_PRODUCTS = 200  # of one event: 15 ms to read, and other requests wait as long
TABLES = ", ".join(TABLE_BY_NAME)
TOO_LATE = f"happened more than {LATE_DAYS} days ago; hand over history as a dataset"
TOO_EARLY = f"lies more than {AHEAD_MINUTES} minutes ahead; is the sender's clock right?"

_TIME_COLUMN = {name: TABLE_BY_NAME[name].time_column or "" for name in EVENT_TABLES}


@dataclass(frozen=True, slots=True)
class EventError:
    """Why an event is refused: a code, and a sentence that does not repeat what came."""

    code: str
    detail: str


Read = list[StoreRow] | EventError


class EventReader:
    """Reads the events of one request, which came at one moment."""

    def __init__(self, now: datetime) -> None:
        self._now = micros(now)
        self._oldest = micros(now - timedelta(days=LATE_DAYS))
        self._newest = micros(now + timedelta(minutes=AHEAD_MINUTES))

    def read(self, event: object) -> Read:
        """The rows that an event becomes (none: it has no table and is left out), or why it is refused."""
        if not isinstance(event, dict):
            return EventError("invalid", "an event must be a JSON object")
        if "table" in event:
            return self._contract_row(event)
        if "event" in event or "type" in event:
            try:
                return _together(self._segment_event(event))
            except SegmentError as error:
                return EventError("invalid", error.rule)
            except _Refused as refused:
                return refused.error
        return EventError("invalid", f"an event names its table ({TABLES}) or is a Segment event")

    def _contract_row(self, event: Mapping[str, Any]) -> Read:
        row = dict(event)
        table_name = row.pop("table")
        if not isinstance(table_name, str) or table_name not in TABLE_BY_NAME:
            return EventError("invalid", f"table must be one of {TABLES}")
        checked = check_row(table_name, row)
        if isinstance(checked, RowError):
            return EventError("invalid", str(checked))
        refused = self._refuse_time(table_name, checked)
        return refused or [store_row(table_name, checked, self._now)]

    def _refuse_time(self, table_name: str, values: Mapping[str, Cell]) -> EventError | None:
        column = _TIME_COLUMN.get(table_name)
        if column is None:
            return None
        time = values[column]
        assert isinstance(time, int)
        return self._refuse_moment(column, time)

    def _refuse_moment(self, column: str, time: int) -> EventError | None:
        if time < self._oldest:
            return EventError("too_late", f"{column} {TOO_LATE}")
        if time > self._newest:
            return EventError("too_early", f"{column} {TOO_EARLY}")
        return None

    def _segment_event(self, event: Mapping[str, Any]) -> Read:
        if event.get("type", "track") != "track":
            return []
        name = event.get("event")
        if not isinstance(name, str):
            return EventError("invalid", "event must be the name of an event")
        if name not in KNOWN_EVENTS:
            return []
        require_event(event)
        message_id = check_id("messageId", event["messageId"])
        if isinstance(message_id, RowError):
            return EventError("invalid", str(message_id))
        refused = self._refuse_moment("timestamp", micros(time_of(event)))
        if refused is not None:
            return refused
        products = event["properties"].get("products")
        if isinstance(products, list) and len(products) > MAX_PRODUCTS:
            return EventError(
                "invalid", f"products must be at most {MAX_PRODUCTS}; a longer order is a dataset's"
            )
        if name == ORDER:
            return self._order(event)
        if name == REFUND:
            return self._refund(event)
        if name == SHARE:
            values, product, _ = read_share(event)
            row = self._checked("shares", values)
        else:
            assert name in EVENT_TYPES
            reaction, product = read_reaction(event)
            if reaction is None:
                return []
            row = self._checked("share_events", reaction)
        return [row, self._seen(event, 0, product, row.member_id)]

    def _order(self, event: Mapping[str, Any]) -> Read:
        rows = []
        n_lines: dict[str, int] = {}
        for place, (line, currency, product) in enumerate(read_order(event)):
            nth = n_lines[product.product_id] = n_lines.get(product.product_id, 0) + 1
            if nth > 1:  # as the importers tell lines apart
                line["order_id"] += f"#{nth}"
            row = self._checked("orders", line)
            rows.append(row)
            if place == 0:  # checked as the price that it will begin
                time = _text(time_of(event))
                self._values("offers", {
                    "product_id": product.product_id, "effective_time": time, "currency": currency,
                    "price_minor": line["price_minor"],
                })  # fmt: skip
            price = {"price_minor": line["price_minor"], "currency": currency}
            rows.append(self._seen(event, place, product, row.member_id, price))
        return rows

    def _refund(self, event: Mapping[str, Any]) -> Read:
        refund = read_refund(event)
        rows = []
        for product_id, quantity in refund.products or (("", None),):
            # checked as the return that it will become; which products and how much, the order knows
            checked = self._values(
                "returns",
                {
                    "return_id": event["messageId"], "order_id": refund.order_id,
                    "product_id": product_id or "all", "request_time": _text(refund.request_time),
                    "quantity": quantity,
                },
            )  # fmt: skip
            checked["product_id"] = product_id
            key = f"{event['messageId']}\x1f{product_id}"
            row = own_row(SEGMENT_REFUNDS, key, checked, self._now, order_id=refund.order_id)
            rows.append(row)
        return rows

    def _seen(
        self,
        event: Mapping[str, Any],
        place: int,
        product: Sighting,
        member_id: str | None,
        price: Mapping[str, Cell] | None = None,
    ) -> StoreRow:
        usual = {"product_id": product.product_id, "title": "-", "category": "-"}
        self._values("products", usual | dict(product.columns))
        values = {
            **product.columns, **(price or {}), "product_id": product.product_id,
            "message_id": str(event["messageId"]), "seen_time": micros(time_of(event)),
            "place": place,
        }  # fmt: skip
        key = f"{event['messageId']}\x1f{place}"
        return own_row(SEGMENT_PRODUCTS, key, values, self._now, member_id=member_id)

    def _checked(self, table_name: str, row: Mapping[str, Any]) -> StoreRow:
        return store_row(table_name, self._values(table_name, row), self._now)

    def _values(self, table_name: str, row: Mapping[str, Any]) -> dict[str, Cell]:
        raw = {name: _text(value) if isinstance(value, datetime) else value for name, value in row.items()}
        checked = check_row(table_name, raw)
        if isinstance(checked, RowError):
            raise _Refused(EventError("invalid", str(checked)))
        refused = self._refuse_time(table_name, checked)
        if refused is not None:
            raise _Refused(refused)
        return checked


def _together(read: Read) -> Read:
    """The rows of one event, to be kept all or none."""
    if isinstance(read, EventError) or len(read) < 2:
        return read
    return [replace(read[0], n_together=len(read)), *read[1:]]


class _Refused(Exception):
    def __init__(self, error: EventError) -> None:
        super().__init__(error.code)
        self.error = error


def _text(time: datetime) -> str:
    return time.isoformat()
