"""One town before its first day: everything drawn from the seed, nothing that has happened yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.town import behaviour
from training.town.catalogue import TOPS
from training.town.config import TownConfig
from training.town.draw import Array, stream
from training.town.goods import (
    LATE_SPOILS,
    Leaves,
    Products,
    Suppliers,
    draw_leaves,
    draw_products,
    draw_suppliers,
)
from training.town.people import Circle, Members, Owners, draw_circle, draw_members, draw_owners
from training.town.prices import Prices, draw_prices


@dataclass(frozen=True, slots=True)
class Town:
    """Goods, people and prices to come; `scene_logit` (n_scenes, n_tops): what a scene adds to a click."""

    config: TownConfig
    leaves: Leaves
    suppliers: Suppliers
    products: Products
    prices: Prices
    members: Members
    owners: Owners
    circle: Circle
    scene_logit: NDArray[np.float32]

    def log_price_ratio(self, day: int) -> NDArray[np.float32]:
        """Per product: log of what a friend pays that day, shipping included, over its leaf's usual price."""
        rows = self.prices.rows_at(np.arange(len(self.products)), day)
        paid = (
            self.prices.price_minor[rows] - self.prices.coupon_minor[rows] + self.prices.shipping_minor[rows]
        )
        usual = self.leaves.usual_price_minor[self.products.leaf]
        return np.asarray(np.log(paid / usual), dtype=np.float32)

    def late_rate(self) -> NDArray[np.float64]:
        """Per product: the late rate of its supplier."""
        return self.suppliers.late_rate[self.products.supplier]

    def p_kept(self) -> NDArray[np.float64]:
        """Per product: the true P(an order line is not sent back)."""
        other = self.leaves.other_returns[self.products.leaf]
        return np.asarray(behaviour.p_kept(self.products.defect_rate, self.late_rate(), LATE_SPOILS, other))

    def seasonal(self, day: int) -> Array:
        """Per leaf: the season's factor on that day."""
        return behaviour.season(self.config.day_of_year(day), self.leaves.peak_day, self.leaves.amplitude)


def build_town(config: TownConfig) -> Town:
    """The town of a configuration; the same configuration always gives the same town."""
    leaves = draw_leaves(config, stream(config.seed, "leaves"))
    suppliers = draw_suppliers(config, leaves, stream(config.seed, "suppliers"))
    products = draw_products(config, leaves, suppliers, stream(config.seed, "products"))
    members = draw_members(config, leaves, stream(config.seed, "members"))
    owners = draw_owners(config, leaves, members, stream(config.seed, "owners"))
    scene_logit = stream(config.seed, "scenes").normal(0, 0.35, (len(behaviour.SCENES), len(TOPS)))
    return Town(
        config=config,
        leaves=leaves,
        suppliers=suppliers,
        products=products,
        prices=draw_prices(config, products, stream(config.seed, "prices")),
        members=members,
        owners=owners,
        circle=draw_circle(config, members, owners, stream(config.seed, "circle")),
        scene_logit=scene_logit.astype(np.float32),
    )
