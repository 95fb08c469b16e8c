"""The fitted model that a snapshot holds: people, products, who knows whom, operators and rankers.

`training` assembles one in memory, also for past moments; `model_files` writes it into a snapshot and maps
it back. Rows are int32 positions in the sorted id lists. All arrays are read-only by convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.arrivals import NO_ARRIVALS, ArrivalCache, Arrivals
from recsys.calibration import Calibration
from recsys.category_tree import levels_of
from recsys.circuit_breaker import Bursts
from recsys.columns import StringColumn
from recsys.domain import Target
from recsys.errors import SnapshotError
from recsys.good_value import GoodValue
from recsys.ids import IdList
from recsys.index import EXACT_UP_TO, PROBED_OF_CONTENT, Lists, ProductIndex, build_index
from recsys.insights import Insights
from recsys.list_rules import ListRules, order_rules_of, rules_of
from recsys.operators import EmbeddingOperator, FactorOperator, GraphOperator, Operator, ProfileKind
from recsys.ranker import Ranker
from recsys.scenes import SceneLifts
from recsys.share_value import dearer_than_elsewhere, gain_of, no_good_value
from recsys.signals import NO_SIGNALS, Signals
from recsys.sparse import Csr, CsrView, csr_of_parts
from recsys.standing import Standing
from recsys.value import MIN_MATURE

Array = npt.NDArray[Any]
NO_PRICE = -1
UNKNOWN_STOCK = -1
NO_ROW = -1
COLD_BELOW = 3  # buyers
WORTH_SHARING = frozenset(("no_good_value", "parity", "price_rose"))  # gates that guard what she shares alone
MUCH_DEARER = 1.05  # times the price that its good value was worked out from: then nothing is known of it
CONTENT = "content"  # in `lists`, beside the names of operators


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """What the snapshot knows of each product; one row per product id."""

    ids: IdList
    titles: StringColumn
    categories: IdList  # every node of the category tree, as its path `A > B > C`
    category_row: npt.NDArray[np.int32]  # (n_products,) the leaf
    supplier_row: npt.NDArray[np.int32]  # (n_products,) -1: none
    price_minor: npt.NDArray[np.int64]  # (n_products,) -1: no price
    currencies: IdList
    currency_row: npt.NDArray[np.int32]  # (n_products,) -1: none
    stock: npt.NDArray[np.int64]  # (n_products,) -1: unknown
    popularity: npt.NDArray[np.float32]  # (n_products,) decayed orders
    n_orders: npt.NDArray[np.int32]
    n_members: npt.NDArray[np.int32]  # distinct buyers
    n_recent_orders: npt.NDArray[np.int32]  # 30 days before as_of
    n_shares: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Owners, members and what they did, as of the snapshot's moment."""

    owners: IdList
    members: IdList
    owner_member: npt.NDArray[np.int32]  # (n_owners,) her own member row, -1: none
    orders: CsrView  # members × products; data: decayed orders; extra n int32
    shares: CsrView  # owners × products; data: decayed shares; extra last_time int64 µs, n_orders int32
    circle: CsrView  # owners × members; data: tie weight
    circle_orders: CsrView  # owners × products; data: ties × orders; extra n_members int32
    circle_categories: CsrView  # owners × categories; data: members who bought there in 30 days


@dataclass(frozen=True, slots=True, eq=False)
class Interests:
    """Several interest vectors per circle, in the space of one embedding.

    vectors: float32 (n_owners, n_interests, n_factors), zeros where a circle has fewer.
    """

    operator: str
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Model:
    """Everything a request needs."""

    products: Products
    people: People
    co_purchase: CsrView  # products × products; data: weight; extra n_members int32
    operators: tuple[Operator, ...]
    rankers: Mapping[Target, Ranker]
    as_of_us: int | None  # None: timeless
    interests: Interests | None = None
    lists: Mapping[str, Lists] = field(default_factory=dict)  # operator name → how its products are searched
    settings: Mapping[str, Any] = field(default_factory=dict)
    value: GoodValue | None = None  # None: nothing tells how orders ended
    signals: Signals = NO_SIGNALS
    insights: Insights | None = None  # what suppliers may learn; None without times or suppliers
    bursts: Bursts | None = None  # what blocks a product; None: nothing tells how orders ended
    calibrations: Mapping[Target, Calibration] = field(default_factory=dict)  # what a score stands for
    commission: npt.NDArray[np.float32] | None = None  # (n_products,) -1: unknown; for ties alone
    scenes: SceneLifts | None = None  # None: nothing tells what a scene or a channel changes
    priced_at: npt.NDArray[np.int64] | None = None  # (n_products,) the prices that value is of; None: these
    arrivals: Arrivals = NO_ARRIVALS  # products that came after the snapshot; they have no row

    @property
    def n_products(self) -> int:
        """Products in the catalogue."""
        return len(self.products)

    def knows(self, product_id: str) -> bool:
        """Whether it is in the catalogue, or came after the snapshot."""
        return self.products.ids.row(product_id) >= 0 or product_id in self.arrivals.by_id

    @property
    def is_large(self) -> bool:
        """Whether the catalogue is so large that a request can afford only what its ranker listens to."""
        return self.n_products > EXACT_UP_TO

    def operator(self, name: str) -> Operator:
        """The operator of that name; SnapshotError when there is none."""
        for operator in self.operators:
            if operator.name == name:
                return operator
        raise SnapshotError(f"model: has no operator named {name!r}; retrain the snapshot")

    def searched(self, profile: ProfileKind) -> tuple[EmbeddingOperator, ...]:
        """The embeddings of a kind of profile that propose candidates.

        All of them where a search is exact and cheap; in a large catalogue the widest factors alone, as
        every further search costs a request about a millisecond.
        """
        embeddings = [
            o for o in self.operators if not isinstance(o, GraphOperator) and o.profile == profile
        ]  # fmt: skip
        if not self.is_large:
            return tuple(embeddings)
        factors = [o for o in embeddings if isinstance(o, FactorOperator)]
        return tuple(factors[-1:] or embeddings[-1:])

    def walked(self, profile: ProfileKind) -> tuple[GraphOperator, ...]:
        """The graph operators of a kind of profile that propose candidates; in a large catalogue the last.

        The others score what is proposed all the same. No data set at hand is that large: with the rule
        forced on Beidian and ML-1M, where EASE is the last over orders, N@20 moved by less than .0003. The
        four-step walk that is the last in a large catalogue was not measured by itself.
        """
        graphs = [o for o in self.operators if isinstance(o, GraphOperator) and o.profile == profile]
        return tuple(graphs[-1:] if self.is_large else graphs)

    def index_of(self, operator: Operator) -> ProductIndex:
        """The searchable products of an embedding, filled when first asked for."""
        if operator.name not in self._indexes:
            assert isinstance(operator, EmbeddingOperator)
            self._indexes[operator.name] = build_index(operator.product_out, self.lists.get(operator.name))
        return self._indexes[operator.name]

    def lengths_of(self, operator: EmbeddingOperator) -> npt.NDArray[np.float32]:
        """float32 (n_products,): the length of each product's vector, computed when first asked for."""
        if operator.name not in self._lengths:
            self._lengths[operator.name] = np.linalg.norm(operator.product_out, axis=1).astype(np.float32)
        return self._lengths[operator.name]

    def prepare(self) -> None:
        """Fill every index and length now, so that the first request does not wait for them."""
        for profile in ("orders", "evidence"):
            for operator in self.searched(profile):
                self.index_of(operator)
        if self.interests is not None:
            self.index_of(self.operator(self.interests.operator))
        for found in self.operators:
            if not isinstance(found, GraphOperator):
                self.lengths_of(found)
        if self.signals.content is not None and self.cold is not None:
            _ = self.cold_index
        _ = self.by_popularity, self.category_levels, self.usual_share_rate
        for standing in self._standing.values():
            standing.prepare()
        if self.value is not None:
            _ = self.gain
        if self.usual_worth is not None:
            _ = self.by_usual_worth

    @cached_property
    def arrival_cache(self) -> ArrivalCache:
        """What was worked out of products that came after the snapshot."""
        return ArrivalCache()

    @cached_property
    def _lengths(self) -> dict[str, npt.NDArray[np.float32]]:
        return {}

    @cached_property
    def _indexes(self) -> dict[str, ProductIndex]:
        return {}

    @cached_property
    def by_popularity(self) -> npt.NDArray[np.int32]:
        """The rows of all products, the most popular first, ties by the smaller row; int32."""
        return np.argsort(-self.products.popularity, kind="stable").astype(np.int32)

    def largest_first(self, signal: str) -> npt.NDArray[np.int32]:
        """The rows of the products with a positive value of a signal, the largest first; int32."""
        if signal not in self._largest_first:
            self._largest_first[signal] = _positive_first(getattr(self.signals, signal))
        return self._largest_first[signal]

    @cached_property
    def _largest_first(self) -> dict[str, npt.NDArray[np.int32]]:
        return {}

    @cached_property
    def cold(self) -> npt.NDArray[np.bool_] | None:
        """Which products have too few buyers to go by: bool (n_products,); None when none is cold."""
        return _or_none(self.products.n_members < COLD_BELOW)

    @cached_property
    def cold_index(self) -> ProductIndex:
        """The products' content to be searched; where there are inverted lists, they hold cold ones alone."""
        assert self.signals.content is not None
        return build_index(self.signals.content, self.lists.get(CONTENT), PROBED_OF_CONTENT)

    @cached_property
    def sold_out(self) -> npt.NDArray[np.bool_] | None:
        """Which products are known to be out of stock: bool (n_products,); None when none is."""
        return _or_none(self.products.stock == 0)

    @cached_property
    def low_quality(self) -> npt.NDArray[np.bool_] | None:
        """Which products end badly so often, on 20 mature orders or more, that no price makes up for it.

        bool (n_products,); None when none does.
        """
        if self.value is None:
            return None
        value = self.value
        return _or_none((value.quality < value.quality_floor) & (value.n_mature >= MIN_MATURE))

    @cached_property
    def rules(self) -> ListRules:
        """What its lists are held to."""
        return rules_of(self.settings)

    @cached_property
    def order_rules(self) -> ListRules:
        """The same, with the band of commission as narrow as training found that it must be."""
        return order_rules_of(self.settings)

    @cached_property
    def gain(self) -> npt.NDArray[np.float32]:
        """float32 (n_products,): good value of each kept order. Only where `value` is given."""
        assert self.value is not None
        return gain_of(self.value, self.rules.cost_of_spoiled_tie)

    @cached_property
    def usual_worth(self) -> npt.NDArray[np.float32] | None:
        """float32 (n_products,): good value of a usual owner's share of each; None where nothing tells."""
        kept = self.signals.usual_kept
        return None if kept is None or self.value is None else kept * self.gain

    @cached_property
    def by_usual_worth(self) -> npt.NDArray[np.int32]:
        """The rows of the products whose usual share is worth something, the best first; int32."""
        assert self.usual_worth is not None
        return _positive_first(self.usual_worth)

    @cached_property
    def no_good_value(self) -> npt.NDArray[np.bool_] | None:
        """Which products are known to be worth no share: bool (n_products,); None when none is."""
        return None if self.value is None else _or_none(no_good_value(self.value, self.rules))

    @cached_property
    def dearer_than_elsewhere(self) -> npt.NDArray[np.bool_] | None:
        """Which products a stranger gets for less elsewhere: bool (n_products,); None when none is."""
        if self.value is None:
            return None
        return _or_none(dearer_than_elsewhere(self.value, self.products.price_minor))

    @cached_property
    def usual_share_rate(self) -> np.float32:
        """The mean share rate of all owners: what is taken for one whom nobody knows."""
        rate = self.signals.share_rate
        return np.float32(0) if rate is None or not len(rate) else rate.mean()

    @cached_property
    def category_levels(self) -> npt.NDArray[np.int32]:
        """The rows on the way to each category: int32 (n_levels, n_categories), see recsys/category_tree."""
        return levels_of(list(self.products.categories))

    def top_row_of(self, product: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The row of the top category of each product, int32."""
        found: npt.NDArray[np.int32] = self.category_levels[0][self.products.category_row[product]]
        return found

    @cached_property
    def blocked(self) -> npt.NDArray[np.bool_] | None:
        """Which products a burst of bad endings blocks: bool (n_products,); None when none is."""
        return None if self.bursts is None else _or_none(self.bursts.blocked)

    @cached_property
    def price_rose(self) -> npt.NDArray[np.bool_] | None:
        """Which products cost clearly more than when their value was worked out: bool (n_products,)."""
        if self.priced_at is None or self.value is None:
            return None
        known = self.priced_at != NO_PRICE
        return _or_none(known & (self.products.price_minor > MUCH_DEARER * self.priced_at))

    def standing(self, target: Target) -> Standing:
        """What is closed to everybody who asks for this target, whatever else is asked."""
        return self._standing[target]

    @cached_property
    def _standing(self) -> dict[Target, Standing]:
        found = {
            "out_of_stock": self.sold_out, "low_quality": self.low_quality,
            "no_good_value": self.no_good_value, "parity": self.dearer_than_elsewhere,
            "blocked": self.blocked, "price_rose": self.price_rose,
        }  # fmt: skip
        every = {name: mask for name, mask in found.items() if mask is not None}
        # what she would buy herself is hers to judge
        own = {name: mask for name, mask in every.items() if name not in WORTH_SHARING}
        return {"circle": Standing(every, self.cold), "self": Standing(own, self.cold)}

    @cached_property
    def log_buyers(self) -> npt.NDArray[np.float32]:
        """float32 (n_products,): log(1 + distinct buyers)."""
        return np.log1p(self.products.n_members).astype(np.float32)

    @cached_property
    def log_price(self) -> npt.NDArray[np.float32]:
        """float32 (n_products,): log(1 + price in minor units), 0 without a price."""
        return np.log1p(np.maximum(self.products.price_minor, 0)).astype(np.float32)


def as_csr(view: CsrView, rows: npt.NDArray[np.int32]) -> Csr:
    """float32 CSR (len(rows), n_columns) of these rows, never to be written to; a row of -1 is empty."""
    if len(rows) == 1:
        return _one_row(view, int(rows[0]))
    wanted = np.asarray(rows, dtype=np.int64)
    present = wanted >= 0
    known = wanted[present]
    lengths = np.zeros(len(wanted), dtype=np.int64)
    lengths[present] = view.indptr[known + 1] - view.indptr[known]
    # int32 as in the operators: scipy would else copy a whole operator to int64 at each product
    indptr = np.zeros(len(wanted) + 1, dtype=np.int32)
    np.cumsum(lengths, out=indptr[1:])
    positions = view.positions(known)
    data = view.data[positions].astype(np.float32, copy=False)
    return csr_of_parts(data, view.indices[positions], indptr, view.n_columns)


def _one_row(view: CsrView, row: int) -> Csr:
    """The same for one row, which is a view of what is mapped."""
    span = view.span(row) if row >= 0 else slice(0, 0)
    indptr = np.array([0, span.stop - span.start], dtype=np.int32)
    data = view.data[span].astype(np.float32, copy=False)
    return csr_of_parts(data, view.indices[span], indptr, view.n_columns)


def _positive_first(values: Array) -> npt.NDArray[np.int32]:
    """Where the positive values stand, the largest first, ties by the smaller place; int32."""
    order = np.argsort(-values, kind="stable").astype(np.int32)
    return order[values[order] > 0]


def _or_none(mask: Array) -> npt.NDArray[np.bool_] | None:
    """The mask as bool; None when it names nothing."""
    found = np.asarray(mask, dtype=bool)
    return found if found.any() else None
