"""The facts laid over one snapshot: its model as it is now, and what one owner and her circle did since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recsys.arrivals import Arrival
from recsys.circuit_breaker import PLAN
from recsys.fatigue import REST_DAYS, WEEK
from recsys.gates import SHARE_COOL_DOWN_DAYS
from recsys.ids import IdList
from recsys.live import DAY_US, Changes, OwnerNow, model_now, shared_at
from recsys.model import UNKNOWN_STOCK, Model
from recsys.signal_reasons import MIN_CIRCLE_MEMBERS
from recsys.value import NO_UNIT, UNITS
from serving.live.facts import Change, Facts, OfferSeen

SAID_DAYS = 30  # so long a word of hers closes what she said it of
TIMES_DAYS = (1, REST_DAYS, WEEK, SHARE_COOL_DOWN_DAYS)  # after a share, something of hers changes by itself


class LaidOver:
    """One snapshot with what happened since; `model` is replaced when stock, prices or blocks change."""

    def __init__(
        self, snapshot_id: str, plain: Model, facts: Facts, now_us: int, suppliers: IdList | None = None
    ) -> None:
        self.snapshot_id = snapshot_id
        self._suppliers = suppliers
        self.plain = plain
        self.model = plain
        self.since_us = plain.as_of_us or 0
        self._facts = facts
        self._built_at = -1
        self._built_version = 0
        self._next_price_us: int | None = None
        self._buyers: dict[int, str] = {}  # member row: id, of those with orders since
        self._buyers_at = -1
        self._product_rows: dict[str, int] = {}
        self.refresh(now_us)

    def refresh(self, now_us: int) -> None:
        """Take in what changed for everybody."""
        if not self.is_behind:
            return
        at, version = self._facts.products_version, self._facts.version
        self.model = model_now(self.plain, self._changes(now_us))
        self._built_at, self._built_version = at, version

    @property
    def is_behind(self) -> bool:
        """Whether stock, prices or blocks changed and the model does not show it yet."""
        return self._built_at != self._facts.products_version

    @property
    def version(self) -> int:
        """The version of the facts that a reply worked out now knows of."""
        return self._built_version if self.is_behind else self._facts.version

    def is_price_due(self, now_us: int) -> bool:
        """Whether a price that was known before begins or ends to hold."""
        return self._next_price_us is not None and now_us >= self._next_price_us

    def owner_now(self, owner_id: str, now_us: int, shares_a_day: int) -> OwnerNow:
        """What she and her circle did since the snapshot, as the core wants it."""
        facts, products = self._facts, self.plain.products.ids
        own_ids = self._own_members(owner_id)
        own, circle, members = dict[int, float](), dict[int, float](), dict[int, int]()
        for member_id in own_ids:
            for row in self._bought_since(member_id):
                own[row] = own.get(row, 0.0) + 1.0
        for member_id, tie, member_row in self._circle_of(owner_id):
            if member_id in own_ids:
                continue
            had = self._had(member_row)
            for row in set(self._bought_since(member_id)):
                circle[row] = circle.get(row, 0.0) + tie
                if row not in had:
                    members[row] = members.get(row, 0) + 1
        shared = {products.row(name): time for name, time in facts.shares.get(owner_id, {}).items()}
        said = {
            products.row(name): (word, price)
            for name, (time_us, word, price) in sorted(
                facts.said.get(owner_id, {}).items(), key=lambda word: word[1]
            )
            if time_us > now_us - SAID_DAYS * DAY_US
        }
        for found in (own, circle, members, shared, said):
            found.pop(-1, None)
        arrivals = self.model.arrivals.by_id
        return OwnerNow(
            now_us, own, circle, members, shared, said, shares_a_day,
            {name: time for name, time in facts.shares.get(owner_id, {}).items() if name in arrivals},
            frozenset(
                name for name, (time_us, _, _) in facts.said.get(owner_id, {}).items()
                if name in arrivals and time_us > now_us - SAID_DAYS * DAY_US
            ),
            frozenset(
                line.product_id for name in own_ids for line in facts.orders.get(name, ())
                if line.product_id in arrivals
            ),
        )  # fmt: skip

    def groups_short(self, owner_id: str, now_us: int) -> dict[str, tuple[int, int]]:
        """Product → (members required, end in µs) of an open group of hers that lacks one member."""
        found: dict[str, tuple[int, int]] = {}
        view, row = self.plain.signals.one_short, self.plain.people.owners.row(owner_id)
        if view is not None and row >= 0:
            span, names = view.span(row), self.plain.products.ids.take(view.row(row)[0])
            required, ends = (view.extra[name][span].tolist() for name in ("required", "expire_time"))
            known = zip(names, required, ends, strict=True)
            found = {name: (n, ends_us) for name, n, ends_us in known if ends_us > now_us}
        for name, short in self._facts.groups.short_of(self._own_members(owner_id), now_us).items():
            found.pop(name, None)
            if short is not None:
                found[name] = short
        return found

    def rebuy_due(self, owner_id: str, bought: Mapping[int, float]) -> dict[int, int]:
        """Product row → people of her circle who may be running out of it, the likeliest first.

        `bought`: what somebody of her circle ordered since; nothing is said of that until the next snapshot.
        """
        view, row = self.plain.signals.rebuy_circle, self.plain.people.owners.row(owner_id)
        if view is None or row < 0:
            return {}
        rows, chances = view.row(row)
        n_members = view.extra["n_members"][view.span(row)].tolist()
        known = sorted(zip((-chances).tolist(), rows.tolist(), n_members, strict=True))
        return {at: n for _, at, n in known if n >= MIN_CIRCLE_MEMBERS and at not in bought}

    def holds_until_us(self, owner_id: str, now_us: int) -> int | None:
        """When a reply given now changes by the passing of time alone; None: never."""
        facts = self._facts
        owner_row = self.plain.people.owners.row(owner_id)
        known = shared_at(self.plain, owner_row, now_us - max(TIMES_DAYS) * DAY_US)
        times = [
            time_us + days * DAY_US
            for time_us in (*facts.shares.get(owner_id, {}).values(), *known.values())
            for days in TIMES_DAYS
        ]
        times += [word[0] + SAID_DAYS * DAY_US for word in facts.said.get(owner_id, {}).values()]
        return min((time_us for time_us in times if time_us > now_us), default=None)

    def concerns(self, change: Change, owner_id: str, *, is_shown: bool) -> bool:
        """Whether a change may move a list of this owner; `is_shown`: the list holds the product of it."""
        if change.owner_id is not None:
            return change.owner_id == owner_id
        if change.member_id is not None:
            return self._knows(owner_id, change.member_id)
        return change.opens or is_shown

    def _changes(self, now_us: int) -> Changes:
        facts, since = self._facts, self.since_us
        stock = {name: units for name, (time_us, units) in facts.stock.items() if time_us > since}
        prices: dict[str, int] = {}
        self._next_price_us = None
        for name, offers in facts.offers.items():
            offer = self._holding(offers, now_us, since)
            if offer is not None and self._is_comparable(name, offer):
                prices[name] = offer.price_minor
        oldest = max(since, now_us - PLAN.days * DAY_US)
        bad = {name: sum(time > oldest for time in found.values()) for name, found in facts.bad.items()}
        return Changes(
            self._by_row(stock), self._by_row(prices), self._by_row(_positive(bad)),
            tuple(self._arrivals(now_us, bad)),
        )  # fmt: skip

    def _arrivals(self, now_us: int, bad: Mapping[str, int]) -> Iterator[Arrival]:
        """The products that the snapshot does not know and that have a price now."""
        facts = self._facts
        for name in sorted(facts.products):
            row, offers = facts.products[name], facts.offers.get(name, [])
            if self._product_row(name) >= 0 or (offer := self._holding(offers, now_us, -1)) is None:
                continue
            begins_us = row.get("available_time", now_us)
            if begins_us > now_us:
                self._next_price_us = min(begins_us, self._next_price_us or begins_us)
                continue
            supplier = -1 if self._suppliers is None else self._suppliers.row(row.get("supplier_id", ""))
            unit = row.get("unit_measure")
            yield Arrival(
                name, row["title"], row["category"], offer.price_minor, offer.currency, supplier,
                row.get("unit_quantity") or 1.0, UNITS.index(unit) if unit in UNITS else NO_UNIT,
                facts.stock.get(name, (0, UNKNOWN_STOCK))[1], bad.get(name, 0), offer.public_price_minor,
                offer.commission_rate,
            )  # fmt: skip

    def _holding(self, offers: list[OfferSeen], now_us: int, since_us: int) -> OfferSeen | None:
        """The newest offer after a moment that holds now; notes when the next one begins or ends."""
        found = None
        for offer in offers:
            for moment in (offer.time_us, offer.expire_us):
                if moment is not None and moment > now_us:
                    self._next_price_us = min(moment, self._next_price_us or moment)
            if since_us < offer.time_us <= now_us and (offer.expire_us or now_us + 1) > now_us:
                found = offer
        return found

    def _is_comparable(self, product_id: str, offer: OfferSeen) -> bool:
        """Whether an offer is in the currency that the snapshot knows the product's price in."""
        products = self.plain.products
        row = self._product_row(product_id)
        if row < 0 or products.currency_row[row] < 0:
            return False
        return products.currencies[int(products.currency_row[row])] == offer.currency

    def _by_row(self, values: Mapping[str, int]) -> dict[int, int]:
        names = list(values)
        rows = self.plain.products.ids.rows(names).tolist()
        return {row: values[name] for row, name in zip(rows, names, strict=True) if row >= 0}

    def _own_members(self, owner_id: str) -> set[str]:
        people = self.plain.people
        row = people.owners.row(owner_id)
        found = {owner_id, self._facts.own_member.get(owner_id, owner_id)}
        if row >= 0 and people.owner_member[row] >= 0:
            found.add(people.members[int(people.owner_member[row])])
        return found

    def _circle_of(self, owner_id: str) -> Iterator[tuple[str, float, int]]:
        """Members of her circle who bought since: id, tie, row in the snapshot (-1: it does not know her)."""
        people, buyers = self.plain.people, self._recent_buyers()
        met: set[str] = set()
        row = people.owners.row(owner_id)
        if row >= 0 and buyers:
            members, ties = people.circle.row(row)
            for member_row, tie in zip(members.tolist(), ties.tolist(), strict=True):
                if (member_id := buyers.get(member_row)) is not None:
                    met.add(member_id)
                    yield member_id, float(tie), member_row
        for member_id in self._facts.circle.get(owner_id, ()):
            if member_id not in met and member_id in self._facts.orders:
                yield member_id, 1.0, people.members.row(member_id)

    def _recent_buyers(self) -> dict[int, str]:
        """Row → id of the members the snapshot knows who bought since."""
        if self._buyers_at != self._facts.buyers_version:
            self._buyers_at = self._facts.buyers_version
            names = sorted(self._facts.orders)
            rows = self.plain.people.members.rows(names).tolist()
            self._buyers = {row: name for row, name in zip(rows, names, strict=True) if row >= 0}
        return self._buyers

    def _bought_since(self, member_id: str) -> Iterator[int]:
        for line in self._facts.orders.get(member_id, ()):
            if line.time_us > self.since_us and (row := self._product_row(line.product_id)) >= 0:
                yield row

    def _product_row(self, product_id: str) -> int:
        """The row of a product, looked up once: many people buy the same."""
        row = self._product_rows.get(product_id)
        if row is None:
            row = self._product_rows[product_id] = self.plain.products.ids.row(product_id)
        return row

    def _had(self, member_row: int) -> set[int]:
        """What the snapshot knows that a member ordered, by product row."""
        if member_row < 0:
            return set()
        orders = self.plain.people.orders
        return set(orders.indices[orders.span(member_row)].tolist())

    def _knows(self, owner_id: str, member_id: str) -> bool:
        if member_id in self._own_members(owner_id) or member_id in self._facts.circle.get(owner_id, ()):
            return True
        people = self.plain.people
        owner, member = people.owners.row(owner_id), people.members.row(member_id)
        return owner >= 0 and member >= 0 and member in people.circle.indices[people.circle.span(owner)]


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}
