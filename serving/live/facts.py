"""Facts: what the store's rows say of the time since a snapshot, by the ids of the contract.

One reader applies rows in the order in which the store made them visible; applied twice they say the same.
Times are microseconds since 1970. What is older than `KEPT_DAYS` is let go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from features.contract import EXCUSED_FAULTS, LOW_RATING, OWN_CHOICE
from recsys.live import DAY_US
from serving.live.came_back import CameBack
from serving.live.groups_open import GroupsOpen
from serving.store.rows import FEEDBACK, INTERESTS

KEPT_DAYS = 35
MAX_CHANGES = 4096  # that kept replies are compared with; a reply older than them is worked out again
MAX_OFFERS = 8  # of one product, the newest
MAX_PRODUCTS = 10_000  # that came in as events, the newest
MAX_OF_ONE = 2000  # orders of a member, shares of an owner, words of an owner: the newest count

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Whom a row concerns: everybody who knows a member, one owner, or whoever is shown a product.

    `opens`: lists that do not hold the product may change too.
    """

    owner_id: str | None = None
    member_id: str | None = None
    product_id: str | None = None
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Bought:
    """An order line of a member."""

    time_us: int
    product_id: str


@dataclass(frozen=True, slots=True)
class OfferSeen:
    """A price from a moment on, until another if it has an end."""

    time_us: int
    price_minor: int
    currency: str
    expire_us: int | None
    public_price_minor: int | None = None
    commission_rate: float | None = None


class Facts:
    """What is known, and a log of whom the newest changes concern. Used by one thread at a time."""

    def __init__(self) -> None:
        self.version = 0  # grows with every row that changes something
        self.products_version = 0  # the version of the last change of stock, price or bad endings
        self.buyers_version = 0  # grows when somebody joins or leaves those who ordered
        self.stock: dict[str, tuple[int, int]] = {}  # product: (time, units)
        self.offers: dict[str, list[OfferSeen]] = {}  # product: the oldest first
        self.products: dict[str, Row] = {}  # the newest that came in, whether a snapshot knows them or not
        self.bad: dict[str, dict[str, int]] = {}  # product: order that went badly: when
        self.orders: dict[str, list[Bought]] = {}  # member
        self.shares: dict[str, dict[str, int]] = {}  # owner: product: when last
        self.said: dict[str, dict[str, tuple[int, str, int]]] = {}  # owner: product: (time, word, price)
        self.circle: dict[str, set[str]] = {}  # owner: members
        self.interests: dict[str, tuple[str, ...]] = {}  # owner: categories that she chose as a new one
        self.own_member: dict[str, str] = {}  # owner: herself as a member
        self.came_back = CameBack()  # who came back to whom, and for what
        self.groups = GroupsOpen()
        self._changes: deque[tuple[int, Change]] = deque(maxlen=MAX_CHANGES)

    def changes_since(self, version: int) -> list[Change] | None:
        """The changes after a version; None when they are no longer all known."""
        if version >= self.version:
            return []
        if not self._changes or self._changes[0][0] > version + 1:
            return None
        found = []
        for at, change in reversed(self._changes):
            if at <= version:
                break
            found.append(change)
        return found

    def apply(self, table_name: str, row: Row) -> None:
        """Take in one row; tables that change no list are left aside."""
        self.came_back.apply(table_name, row)
        self.groups.apply(table_name, row)
        reader = _READERS.get(table_name)
        if reader is not None and (change := reader(self, row)) is not None:
            self._note(change)

    def prices_moved(self) -> None:
        """Note that a price that was known before begins or ends to hold now."""
        self._note(Change(product_id="", opens=True))

    def forget_member(self, is_hers: Callable[[str], bool]) -> None:
        """Drop what is known of the members that `is_hers` names."""
        for member_id in [found for found in self.orders if is_hers(found)]:
            del self.orders[member_id]
            self.buyers_version += 1
            self._note(Change(member_id=member_id))
        self.came_back.forget_member(is_hers)
        self.groups.forget_member(is_hers)
        for owner_id, members in self.circle.items():
            for member_id in [found for found in members if is_hers(found)]:
                members.discard(member_id)
                self._note(Change(owner_id=owner_id))
        for owner_id in [owner for owner, member in self.own_member.items() if is_hers(member)]:
            del self.own_member[owner_id]
            self._note(Change(owner_id=owner_id))

    def let_go(self, now_us: int) -> None:
        """Drop what is older than `KEPT_DAYS`."""
        since = now_us - KEPT_DAYS * DAY_US
        for shared in self.shares.values():
            _drop(shared, lambda time_us: time_us < since)
        for words in self.said.values():
            _drop(words, lambda word: word[0] < since)
        for endings in self.bad.values():
            _drop(endings, lambda time_us: time_us < since)
        for member_id, bought in list(self.orders.items()):
            self.orders[member_id] = [line for line in bought if line.time_us >= since]
        self.buyers_version += 1
        self.came_back.let_go(since)
        self.groups.let_go(since)
        for table in (self.shares, self.said, self.bad, self.orders):
            for key in [key for key, value in table.items() if not value]:
                del table[key]

    def _note(self, change: Change) -> None:
        self.version += 1
        if change.product_id is not None:
            self.products_version = self.version
        self._changes.append((self.version, change))

    def _product(self, row: Row) -> Change | None:
        if self.products.get(row["product_id"]) == row:
            return None
        self.products.pop(row["product_id"], None)
        self.products[row["product_id"]] = row
        if len(self.products) > MAX_PRODUCTS:
            del self.products[next(iter(self.products))]
        return Change(product_id=row["product_id"], opens=True)

    def _stock(self, row: Row) -> Change | None:
        product_id, time_us, units = row["product_id"], row["stock_time"], row["available_quantity"]
        known = self.stock.get(product_id)
        if known is not None and known[0] >= time_us:
            return None
        self.stock[product_id] = (time_us, units)
        if known is not None and (known[1] == 0) == (units == 0):
            return None  # how many there are changes no list, whether there are any does
        return Change(product_id=product_id, opens=units > 0)

    def _offer(self, row: Row) -> Change | None:
        seen = OfferSeen(
            row["effective_time"], row["price_minor"], row["currency"], row.get("expire_time"),
            row.get("public_price_minor"), row.get("commission_rate"),
        )  # fmt: skip
        known = self.offers.setdefault(row["product_id"], [])
        if seen in known:
            return None
        known[:] = sorted([*known, seen], key=lambda offer: offer.time_us)[-MAX_OFFERS:]
        return Change(product_id=row["product_id"], opens=True)

    def _order(self, row: Row) -> Change | None:
        line = Bought(row["order_time"], row["product_id"])
        if row["member_id"] not in self.orders:
            self.buyers_version += 1
        known = self.orders.setdefault(row["member_id"], [])
        if line in known:
            return None
        known[:] = sorted([*known, line], key=lambda bought: bought.time_us)[-MAX_OF_ONE:]
        return Change(member_id=row["member_id"])

    def _share(self, row: Row) -> Change | None:
        shared = self.shares.setdefault(row["owner_id"], {})
        if shared.get(row["product_id"], -1) >= row["share_time"]:
            return None
        shared[row["product_id"]] = row["share_time"]
        _keep_newest(shared, lambda time_us: time_us)
        return Change(owner_id=row["owner_id"])

    def _feedback(self, row: Row) -> Change | None:
        words = self.said.setdefault(row["owner_id"], {})
        said = (row["feedback_time"], row["word"], row.get("price_minor", -1))
        known = words.get(row["product_id"])
        if known is not None and known >= said:
            return None
        words[row["product_id"]] = said
        _keep_newest(words, lambda word: word[0])
        return Change(owner_id=row["owner_id"])

    def _interests(self, row: Row) -> Change | None:
        self.interests[row["owner_id"]] = tuple(row["categories"])
        return Change(owner_id=row["owner_id"])

    def _circle(self, row: Row) -> Change | None:
        members = self.circle.setdefault(row["owner_id"], set())
        if row["member_id"] in members:
            return None
        members.add(row["member_id"])
        return Change(owner_id=row["owner_id"])

    def _owner(self, row: Row) -> Change | None:
        if "member_id" not in row or self.own_member.get(row["owner_id"]) == row["member_id"]:
            return None
        self.own_member[row["owner_id"]] = row["member_id"]
        return Change(owner_id=row["owner_id"])

    def _return(self, row: Row) -> Change | None:
        fault = row.get("fault", "unknown")
        chosen = fault == "unknown" and row.get("reason_code") in OWN_CHOICE
        return None if fault in EXCUSED_FAULTS or chosen else self._bad(row, row["request_time"])

    def _review(self, row: Row) -> Change | None:
        return self._bad(row, row["review_time"]) if row["rating"] <= LOW_RATING else None

    def _complaint(self, row: Row) -> Change | None:
        return self._bad(row, row["complaint_time"])

    def _bad(self, row: Row, time_us: int) -> Change | None:
        """An order that went badly counts once, whatever was said of it; without an order it is hearsay."""
        order_id = row.get("order_id")
        endings = self.bad.setdefault(row["product_id"], {})
        if order_id is None or order_id in endings:
            return None
        endings[order_id] = time_us
        return Change(product_id=row["product_id"])


def _drop(table: dict[str, Any], is_old: Callable[[Any], bool]) -> None:
    for key in [key for key, value in table.items() if is_old(value)]:
        del table[key]


def _keep_newest(table: dict[str, Any], time_of: Callable[[Any], int]) -> None:
    if len(table) > MAX_OF_ONE:
        del table[min(table, key=lambda key: time_of(table[key]))]


_READERS: Mapping[str, Callable[[Facts, Row], Change | None]] = {
    "products": Facts._product, "stock": Facts._stock,
    "offers": Facts._offer, "orders": Facts._order, "shares": Facts._share,
    "circle": Facts._circle, "owners": Facts._owner, "returns": Facts._return, "reviews": Facts._review,
    "complaints": Facts._complaint, FEEDBACK: Facts._feedback, INTERESTS: Facts._interests,
}  # fmt: skip
