"""The truth of a simulated town: what a share would really have brought, to judge lists against.

    world = World.load(Path("town"))                            # reads town.truth, never town
    world.expected_kept_orders(["o0012"], ["p000123"], as_of)   # one number for each pair
    world.deliver("o0012", picks, rng)                          # play the picks out as shares

`as_of` None is the end of the town. Everything up to `as_of` counts as it really was on that day: prices,
stock, seasons, what each member bought lately, and ties spoiled by bad shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.contract import CHANNELS
from recsys.errors import DataError
from training.town import behaviour
from training.town.columns import ids
from training.town.draw import Array
from training.town.state import NEVER, days_since
from training.town.town import Town
from training.town.truth_files import CHANGES_FILE, LINES_FILE, read_town, truth_path

PAIRS_PER_CHUNK = 2_000_000


class Delivery(NamedTuple):
    """What came of each share of a list, in its order."""

    n_seen: NDArray[np.int64]
    n_clicks: NDArray[np.int64]
    n_orders: NDArray[np.int64]
    n_kept: NDArray[np.int64]
    n_ended_well: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moment:
    """A day of the town as its people found it."""

    day: int
    tie: NDArray[np.float32]  # (n_circle_rows,)
    last_day: NDArray[np.int16]  # (n_members, n_leaves)
    log_price_ratio: NDArray[np.float32]  # (n_products,)
    seasonal: NDArray[np.float32]  # (n_leaves,)
    sellable: NDArray[np.bool_]  # (n_products,)


@dataclass(slots=True)
class World:
    """A played town and its hidden truth; rows of `town` follow the order of the ids."""

    town: Town
    folder: Path
    product_row: dict[str, int]
    owner_row: dict[str, int]
    _starts: NDArray[np.int64]
    _moments: dict[int, Moment] = field(default_factory=dict)

    @classmethod
    def load(cls, dataset: Path) -> World:
        """The truth that lies beside a simulated dataset; DataError when there is none."""
        folder = truth_path(dataset)
        town = read_town(folder)
        products, owners = len(town.products), len(town.owners)
        return cls(
            town=town,
            folder=folder,
            product_row={
                p: r for r, p in enumerate(ids("products", np.arange(products), products).to_pylist())
            },
            owner_row={o: r for r, o in enumerate(ids("owners", np.arange(owners), owners).to_pylist())},
            _starts=town.circle.starts(owners),
        )

    @property
    def quality(self) -> NDArray[np.float64]:
        """True P(an order ends well) per product."""
        return self.town.products.quality

    def products(self, product_ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows of product ids; DataError naming the first that the town has not."""
        return _rows(product_ids, self.product_row, "product")

    def owners(self, owner_ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows of owner ids; DataError naming the first that the town has not."""
        return _rows(owner_ids, self.owner_row, "owner")

    def moment(self, as_of: datetime | None = None) -> Moment:
        """The town on the day of `as_of`, after all that happened on the days before it."""
        day = self.town.config.day_at(as_of)
        if day not in self._moments:
            self._moments = {day: self._read_moment(day)}  # one is kept: two of a large town are too many
        return self._moments[day]

    def _read_moment(self, day: int) -> Moment:
        town = self.town
        changes = pq.read_table(self.folder / CHANGES_FILE, filters=[("day", "<=", day)])
        tie = np.where(town.circle.since_day < day, town.circle.tie, np.float32(0))
        np.multiply.at(tie, changes["circle_row"].to_numpy(), changes["factor"].to_numpy().astype(np.float32))
        last_day = np.full((len(town.members), len(town.leaves)), NEVER, dtype=np.int16)
        for batch in pq.ParquetFile(self.folder / LINES_FILE).iter_batches(
            columns=["day", "member", "product"]
        ):
            when, member, product = (batch.column(i).to_numpy() for i in range(3))
            before = when < day
            np.maximum.at(last_day, (member[before], town.products.leaf[product[before]]), when[before])
        return Moment(
            day=day,
            tie=tie,
            last_day=last_day,
            log_price_ratio=town.log_price_ratio(day),
            seasonal=town.seasonal(day).astype(np.float32),
            sellable=town.products.sellable(np.arange(len(town.products)), day),
        )

    def expected_orders(
        self, owner_ids: Sequence[str], product_ids: Sequence[str], as_of: datetime | None = None,
        channel: str = "moments", scene: str | None = None,
    ) -> NDArray[np.float64]:  # fmt: skip
        """True expected buyers of each (owner, product) pair if she shared it then, float64 (n_pairs,).

        0 for a product that could not be had. As the first share of her day; `scene` None: on an occasion
        that adds nothing.
        """
        owner, product = self.owners(owner_ids), self.products(product_ids)
        moment, reach = self.moment(as_of), behaviour.REACH[CHANNELS.index(channel)]
        expected = np.zeros(len(owner))
        for row in np.unique(owner):
            pairs = np.flatnonzero(owner == row)
            wanted, place = np.unique(product[pairs], return_inverse=True)
            expected[pairs] = self._expect(moment, int(row), wanted, float(reach), self._logit(scene))[place]
        return expected

    def _logit(self, scene: str | None) -> Array:
        """What a scene adds to the logit of a click, float32 (n_tops,); 0 for None."""
        if scene is None:
            return np.zeros(self.town.scene_logit.shape[1], dtype=np.float32)
        if scene not in behaviour.SCENES:
            raise DataError(f"scene must be one of {', '.join(behaviour.SCENES)}; got {scene!r}")
        return np.asarray(self.town.scene_logit[behaviour.SCENES.index(scene)])

    def _expect(
        self, moment: Moment, owner: int, products: Array, reach: float, scene: Array
    ) -> NDArray[np.float64]:
        """Expected buyers per product for one owner."""
        circle = np.arange(self._starts[owner], self._starts[owner + 1])
        out = np.zeros(len(products))
        step = max(PAIRS_PER_CHUNK // max(len(circle), 1), 1)
        for begin in range(0, len(products), step):
            some = products[begin : begin + step]
            see, click, buy = self._chances(moment, owner, circle[:, None], some[None, :], reach, 0, scene)
            out[begin : begin + step] = (see * click * buy).sum(axis=0, dtype=np.float64)
        return np.where(moment.sellable[products], out, 0.0)

    def _chances(
        self, moment: Moment, owner: int, circle: Array, product: Array, reach: float, rank: int, scene: Array
    ) -> tuple[Array, Array, Array]:
        """P(sees), P(clicks | sees), P(buys | clicks), (n_circle, n_products)."""
        town, member, tie = self.town, self.town.circle.member[circle], moment.tie[circle]
        leaf = town.products.leaf[product]
        response = behaviour.share_response(
            affinity=town.members.taste[member[:, 0]] @ town.products.vector[product[0]].T,
            tie=tie,
            influence=town.owners.influence[owner, town.leaves.top[leaf]],
            fit=behaviour.price_fit(
                moment.log_price_ratio[product],
                town.members.budget[member],
                town.members.price_sensitivity[member],
            ),
            needed=behaviour.need(
                days_since(moment.last_day[member, leaf], moment.day),
                town.leaves.interval_days[leaf],
                town.leaves.consumable[leaf],
            ),
            seasonal=moment.seasonal[leaf],
            appeal=town.products.popularity[product],
            scene=scene[town.leaves.top[leaf]],
        )
        return behaviour.p_see(tie, reach, rank), response.click, response.buy

    def expected_kept_orders(
        self, owner_ids: Sequence[str], product_ids: Sequence[str], as_of: datetime | None = None,
        channel: str = "moments", scene: str | None = None,
    ) -> NDArray[np.float64]:  # fmt: skip
        """True expected orders that are kept, per pair, if she shared it then, float64 (n_pairs,)."""
        kept = self.town.p_kept()[self.products(product_ids)]
        return self.expected_orders(owner_ids, product_ids, as_of, channel, scene) * kept

    def expected_kept_of_all(
        self, owner_id: str, as_of: datetime | None = None, channel: str = "moments"
    ) -> NDArray[np.float64]:
        """The same for one owner and every product, in the order of rows: what an oracle would sort by."""
        every = np.arange(len(self.town.products))
        reach = float(behaviour.REACH[CHANNELS.index(channel)])
        expected = self._expect(
            self.moment(as_of), int(self.owners([owner_id])[0]), every, reach, self._logit(None)
        )
        return expected * self.town.p_kept()

    def value_scores(self, as_of: datetime | None = None) -> NDArray[np.float64]:
        """True value_score per product: part of its leaf that is worse value then, NaN for the only one.

        u = λ_leaf · logit(quality) - log(price paid with shipping, by the unit); ties count half.
        """
        town, day = self.town, self.town.config.day_at(as_of)
        leaf, quality = town.products.leaf, np.clip(self.quality, 1e-6, 1 - 1e-6)
        log_unit_price = town.log_price_ratio(day) - np.log(town.products.unit_quantity)
        worth = town.leaves.price_of_quality[leaf] * np.log(quality / (1 - quality)) - log_unit_price
        scores = np.full(len(leaf), np.nan)
        for row in range(len(town.leaves)):
            here = np.flatnonzero(leaf == row)
            if len(here) < 2:
                continue
            ordered = np.sort(worth[here])
            below = np.searchsorted(ordered, worth[here], side="left")
            upto = np.searchsorted(ordered, worth[here], side="right")
            scores[here] = (below + 0.5 * (upto - below - 1)) / (len(here) - 1)
        return scores

    def good_value(
        self, owner_ids: Sequence[str], product_ids: Sequence[str], as_of: datetime | None = None, *,
        channel: str = "moments", spoiled_cost: float = 1.0,
    ) -> NDArray[np.float64]:  # fmt: skip
        """True expected good value of sharing each pair: buyers · [P(kept) · value_score - P(bad) · cost].

        `spoiled_cost`: a spoiled tie, in units of one kept order of the best value.
        """
        product = self.products(product_ids)
        value = np.nan_to_num(self.value_scores(as_of)[product], nan=0.5)
        gain = self.town.p_kept()[product] * value - (1 - self.quality[product]) * spoiled_cost
        return self.expected_orders(owner_ids, product_ids, as_of, channel) * gain

    def deliver(
        self, owner_id: str, product_ids: Sequence[str], rng: np.random.Generator,
        as_of: datetime | None = None, channel: str = "moments",
    ) -> Delivery:  # fmt: skip
        """Play a list out as shares of one day, one after the other, and count what comes of each."""
        owner, products = int(self.owners([owner_id])[0]), self.products(product_ids)
        moment, reach = self.moment(as_of), float(behaviour.REACH[CHANNELS.index(channel)])
        circle = np.arange(self._starts[owner], self._starts[owner + 1])
        counts = np.zeros((5, len(products)), dtype=np.int64)
        bought_leaf = np.zeros((len(circle), len(self.town.leaves)), dtype=bool)
        for place, product in enumerate(products):
            if not moment.sellable[product]:
                continue
            see, click, buy = self._chances(
                moment,
                owner,
                circle[:, None],
                products[place : place + 1][None, :],
                reach,
                place,
                self._logit(None),
            )
            leaf = self.town.products.leaf[product]
            again = np.where(bought_leaf[:, leaf], 0.1, 1.0)
            chance = rng.random((3, len(circle)))
            seen = chance[0] < see[:, 0]
            clicked = seen & (chance[1] < click[:, 0])
            bought = clicked & (chance[2] < buy[:, 0] * again)
            bought_leaf[:, leaf] |= bought
            kept, well = self._end(int(product), int(bought.sum()), rng)
            counts[:, place] = (seen.sum(), clicked.sum(), bought.sum(), kept, well)
        return Delivery(*counts)

    def _end(self, product: int, n: int, rng: np.random.Generator) -> tuple[int, int]:
        """How many of n orders are kept, and how many end well."""
        town = self.town
        n_well = int(rng.binomial(n, self.quality[product]))
        n_defect = int(rng.binomial(n - n_well, min(self._defect_share(product), 1.0)))
        other = float(town.leaves.other_returns[town.products.leaf[product]])
        kept = (
            rng.binomial(n_well, 1 - other)
            + rng.binomial(n_defect, 1 - behaviour.P_DEFECT_RETURNED)
            + rng.binomial(n - n_well - n_defect, 1 - behaviour.P_LATE_RETURNED)
        )
        return int(kept), n_well

    def _defect_share(self, product: int) -> float:
        """P(a defect | it ended badly)."""
        return float(self.town.products.defect_rate[product] / max(1 - self.quality[product], 1e-12))


def _rows(wanted: Sequence[str], known: dict[str, int], what: str) -> NDArray[np.int64]:
    rows = np.array([known.get(one, -1) for one in wanted], dtype=np.int64)
    if len(rows) and rows.min() < 0:
        raise DataError(
            f"{what} {wanted[int(rows.argmin())]!r} is not in this town; take ids from its dataset"
        )
    return rows
