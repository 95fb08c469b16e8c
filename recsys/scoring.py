"""Scores of every operator for a few owners at once, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from recsys.fatigue import Fatigue, fatigue_of
from recsys.index import ProductIndex
from recsys.live import OwnerNow
from recsys.model import Model
from recsys.opening import EVERYTHING
from recsys.operator_scores import EmbeddingScores, GraphScores, OperatorScores, parts_of
from recsys.operators import FactorOperator, GraphOperator, Operator, ProfileKind, row_sums, scaled
from recsys.pairs import Floats, Pairs, Proposals, Rows, places_within, values_at
from recsys.profiles import Profiles
from recsys.scenes import Occasion
from recsys.sparse import Csr, rows_of, with_values
from recsys.standing import Standing

T = TypeVar("T")

INTEREST_FEATURE = "interest"
RELATIVE = "_relative"  # ends the name of a score that compares between owners


class Scoring:
    """A model, a chunk of profiles, and the scores of each operator for them."""

    def __init__(self, model: Model, profiles: Profiles, now: OwnerNow | None = None) -> None:
        self.model = model
        self.profiles = profiles
        self.now = now  # what happened since the snapshot, for the only owner of the chunk
        self.open = EVERYTHING  # what sources may propose; the gates of a query narrow it
        self.occasion: Occasion | None = None  # the scene and channel of a query that are known

    def top(self, operator: Operator, n: int) -> Proposals:
        """The n best open products of each owner by one operator."""
        return self.by_operator(operator).top(n, self.open)

    @cached_property
    def fatigue(self) -> Fatigue | None:
        """How tired the circle of the only owner is; None for what she buys herself, and without `now`."""
        if self.now is None or self.profiles.target != "circle":
            return None
        return fatigue_of(self.model, int(self.profiles.owner_rows[0]), self.now)

    @property
    def standing(self) -> Standing:
        """What is closed to everybody who asks for this target."""
        return self.model.standing(self.profiles.target)

    def listens_to(self, name: str) -> bool:
        """Whether what ranks asks for an operator (or the interests) at all; in a small catalogue always.

        In a large one a source whose scores move no list costs a request more than it brings. Measured with
        100,000 products: without the interests, and without the walk over shares, lists lost .1 % and .3 % of
        the good value they expect.
        """
        if not self.model.is_large:
            return True
        asked = self.model.rankers[self.profiles.target].feature_names
        return name in asked or f"{name}{RELATIVE}" in asked

    def first_open(self, order: Rows, score: Floats, n: int) -> Proposals:
        """The first n open products of a list that is the same for everybody; score float32 (n_products,)."""
        n_owners = len(self.profiles)
        best = self.open.first_of(order, n + self.open.most_closed)
        owner = np.repeat(np.arange(n_owners, dtype=np.int32), len(best))
        product = np.tile(best, n_owners)
        if self.open.closed is not None:
            kept = values_at(self.open.closed, Pairs(owner, product)) == 0
            owner, product = owner[kept], product[kept]
            kept = places_within(owner) < n
            owner, product = owner[kept], product[kept]
        return Proposals(owner, product, score[product].astype(np.float32))

    def once(self, key: Hashable, build: Callable[[], T]) -> T:
        """What `build` gives, computed when `key` is first asked for and kept for the life of this chunk."""
        if key not in self._once:
            self._once[key] = build()
        found: T = self._once[key]
        return found

    @cached_property
    def _once(self) -> dict[Hashable, Any]:
        return {}

    def by_operator(self, operator: Operator) -> OperatorScores:
        """The scores of one operator."""

        def build() -> OperatorScores:
            power = 0.0 if isinstance(operator, FactorOperator) else operator.length_power
            profile = self._scaled_profile(operator.profile, power)
            if isinstance(operator, GraphOperator):
                return GraphScores(operator, profile)
            return EmbeddingScores(operator, profile, self.model)

        return self.once(("scores", operator.name), build)

    def _scaled_profile(self, kind: ProfileKind, length_power: float) -> Csr:
        """The profiles of a kind, scaled once for all operators that scale alike."""
        return self.once(
            ("scaled", kind, length_power), lambda: scaled(self.profiles.of_kind(kind), length_power)
        )

    @cached_property
    def circle_interests(self) -> Floats | None:
        """float32 (n, n_interests, n_factors), zeros where a circle has fewer; None when nothing has any."""
        interests = self.model.interests
        if interests is None or self.profiles.target != "circle":
            return None
        rows = self.profiles.owner_rows
        found = np.array(interests.vectors[np.maximum(rows, 0)], dtype=np.float32)
        found[rows < 0] = 0
        return found

    @cached_property
    def circle_members_had(self) -> Csr:
        """float32 CSR (n, n_products): how many members of each circle ordered the product."""
        view, rows = self.model.people.circle_orders, self.profiles.owner_rows
        n_members = view.extra["n_members"][view.positions(rows[rows >= 0])].astype(np.float32)
        return with_values(self.profiles.circle_orders, n_members)  # the same rows of the same view

    @cached_property
    def n_circle_members(self) -> Floats:
        """float32 (n,): members in each circle; 0 for an owner the snapshot does not know."""
        starts, rows = self.model.people.circle.indptr, np.maximum(self.profiles.owner_rows, 0)
        n_members = np.where(self.profiles.owner_rows >= 0, starts[rows + 1] - starts[rows], 0)
        return n_members.astype(np.float32)

    @property
    def interest_index(self) -> ProductIndex:
        """The index of the embedding that the interests live in."""
        assert self.model.interests is not None
        return self.model.index_of(self.model.operator(self.model.interests.operator))

    def best_interest_at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,): the inner product with the nearest of the circle's interests; NaN without."""
        interests = self.circle_interests
        if interests is None:
            return np.full(len(pairs), np.nan, dtype=np.float32)
        vectors = self.interest_index.vectors
        best = np.full(len(pairs), -np.inf, dtype=np.float32)
        for part in parts_of(len(pairs)):
            near = vectors[pairs.product[part]]  # read once for all interests
            for at in range(interests.shape[1]):
                found = np.einsum("ij,ij->i", interests[pairs.owner[part], at], near)
                np.maximum(best[part], found, out=best[part])
        return best

    def profile_mean(self, values: Floats) -> Floats:
        """float32 (n,): the mean of a product column over each profile, weighted; NaN for an empty one."""
        orders = self.profiles.orders
        totals = row_sums(orders)
        sums = np.asarray(orders @ values, dtype=np.float32)
        mean: Floats = np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0)
        return mean

    def category_share_at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,): the fraction of the profile that lies in the product's leaf category."""
        orders, category = self.profiles.orders, self.model.products.category_row
        n_categories = len(self.model.products.categories)
        owner = rows_of(orders)
        keys = owner * n_categories + category[orders.indices]
        found, at = np.unique(keys, return_inverse=True)
        weights = np.bincount(at, weights=orders.data, minlength=len(found))
        if not len(found):
            return np.full(len(pairs), np.nan, dtype=np.float32)
        wanted = pairs.owner.astype(np.int64) * n_categories + category[pairs.product]
        place = np.minimum(np.searchsorted(found, wanted), len(found) - 1)
        share = np.where(found[place] == wanted, weights[place], 0.0).astype(np.float32)
        totals = row_sums(orders)[pairs.owner]
        nothing = np.full(len(pairs), np.nan, dtype=np.float32)
        fractions: Floats = np.divide(share, totals, out=nothing, where=totals > 0)
        return fractions
