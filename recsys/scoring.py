"""Scores of every operator for a few owners at once, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recsys.index import ProductIndex
from recsys.model import Model
from recsys.opening import EVERYTHING, Open
from recsys.operators import (
    EmbeddingOperator,
    FactorOperator,
    GraphOperator,
    Operator,
    ProfileKind,
    ProjectionOperator,
    row_sums,
    scaled,
)
from recsys.profiles import Profiles
from recsys.sparse import Csr, CsrView, rows_of, with_values

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

T = TypeVar("T")

BLOCK = 128  # values of a dense row that are summed up by their largest
MAX_DENSE_VALUES = 16_000_000  # a dense score table of a chunk may have this many cells (64 MB)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Owner–product pairs of one chunk, sorted by owner, then product, each once.

    owner int32 (n_pairs): position in the chunk; product int32 (n_pairs): product row.
    """

    owner: Rows
    product: Rows

    def __len__(self) -> int:
        return len(self.owner)


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Candidates of one source with its own scores, in any order; same shapes as `Pairs`."""

    owner: Rows
    product: Rows
    score: Floats


class GraphScores:
    """Scores of a graph operator for a chunk."""

    def __init__(self, operator: GraphOperator, profiles: Csr) -> None:
        """`profiles` are scaled already."""
        self.operator = operator
        self.table = operator.walked(profiles)

    def top(self, n: int, among: Open = EVERYTHING) -> Proposals:
        """The n best open products of each owner; only those with a positive score."""
        return top_of_table(self.table, n, among)

    def at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,); 0 where the operator says nothing."""
        found: Floats = self.table[pairs.owner, pairs.product]
        return found

    def relative_at(self, pairs: Pairs, raw: Floats) -> Floats:
        """The score as a fraction of the owner's best, float32 (n_pairs,)."""
        best = self.table.max(axis=1, initial=0.0)[pairs.owner]
        return divided(raw, best)


class EmbeddingScores:
    """Scores of an embedding for a chunk."""

    def __init__(self, operator: EmbeddingOperator, profiles: Csr, model: Model) -> None:
        """`profiles` are scaled already where the operator scales them."""
        self.operator = operator
        self.model = model
        if isinstance(operator, ProjectionOperator):
            self.vectors = operator.projected(profiles)
        else:
            self.vectors = operator.vectors(profiles)

    def top(self, n: int, among: Open = EVERYTHING) -> Proposals:
        """The n open products with the largest inner product (by the index, maybe approximate)."""
        owner = np.arange(len(self.vectors), dtype=np.int32)
        return nearest(self.model.index_of(self.operator), self.vectors, owner, n, among)

    def at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,) inner products."""
        return _inner(self.vectors, self.operator.product_out, pairs)

    def relative_at(self, pairs: Pairs, raw: Floats) -> Floats:
        """The cosine of vector and product, float32 (n_pairs,)."""
        lengths = (
            np.linalg.norm(self.vectors, axis=1)[pairs.owner]
            * self.model.lengths_of(self.operator)[pairs.product]
        )
        return divided(raw, lengths)


OperatorScores = GraphScores | EmbeddingScores


class Scoring:
    """A model, a chunk of profiles, and the scores of each operator for them."""

    def __init__(self, model: Model, profiles: Profiles) -> None:
        self.model = model
        self.profiles = profiles
        self.open = EVERYTHING  # what sources may propose; the gates of a query narrow it

    def top(self, operator: Operator, n: int) -> Proposals:
        """The n best open products of each owner by one operator."""
        return self.by_operator(operator).top(n, self.open)

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

    def entries_of(self, view: CsrView, name: str, owner_row: int) -> Mapping[int, int]:
        """Column → whole number of one owner's row in a view: "data" or a further column."""

        def build() -> Mapping[int, int]:
            span = view.span(owner_row)
            values = view.data if name == "data" else view.extra[name]
            return dict(zip(view.indices[span].tolist(), map(int, values[span].tolist()), strict=True))

        return self.once((id(view), name, owner_row), build)

    def in_profile(self, at: int) -> npt.NDArray[np.bool_]:
        """Which products one owner of the chunk has in her profile: bool (n_products,)."""

        def build() -> npt.NDArray[np.bool_]:
            orders = self.profiles.orders
            found = np.zeros(self.model.n_products, dtype=bool)
            found[orders.indices[orders.indptr[at] : orders.indptr[at + 1]]] = True
            return found

        return self.once(("profile", at), build)

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
        for part in _parts(len(pairs)):
            near = vectors[pairs.product[part]]  # read once for all interests
            for at in range(interests.shape[1]):
                found = np.einsum("ij,ij->i", interests[pairs.owner[part], at], near)
                np.maximum(best[part], found, out=best[part])
        return best

    @cached_property
    def log_buyers(self) -> Floats:
        """float32 (n_products,): log(1 + distinct buyers)."""
        return self.model.log_buyers

    @cached_property
    def log_price(self) -> Floats:
        """float32 (n_products,): log(1 + price in minor units), 0 without a price."""
        return self.model.log_price

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


def nearest(index: ProductIndex, vectors: Floats, owner: Rows, n: int, among: Open = EVERYTHING) -> Proposals:
    """The n open products with the largest inner product to each vector; none for a vector of zeros.

    vectors float32 (n_vectors, n_factors); owner int32 (n_vectors,): whose each is, by place in the chunk.
    """
    asked = np.flatnonzero(np.any(vectors, axis=1))
    more = min(among.most_closed, n)  # room for what is closed to the owner herself
    products, scores = index.top(vectors[asked], n + more, among)
    found = products >= 0
    if more:
        is_closed = np.zeros(len(index.vectors), dtype=bool)
        for at, closed in enumerate(among.closed_of(owner[asked])):
            is_closed[closed] = True
            found[at] &= ~is_closed[products[at]]
            is_closed[closed] = False
        found &= np.cumsum(found, axis=1) <= n
    owners = np.repeat(owner[asked], products.shape[1]).reshape(products.shape)
    return Proposals(owners[found], products[found], scores[found])


def top_of_table(table: Floats, n: int, among: Open = EVERYTHING) -> Proposals:
    """The n largest positive scores of each row that are open; ties by the smaller product."""
    owners: list[Rows] = []
    products: list[Rows] = []
    scores: list[Floats] = []
    for row, closed in enumerate(among.closed_of(np.arange(len(table)))):
        values = table[row]
        if among.products is not None:
            values = values * among.products
        elif len(closed):
            values = values.copy()
        if len(closed):
            values[closed] = 0
        columns = _largest(values, n)
        owners.append(np.full(len(columns), row, dtype=np.int32))
        products.append(columns)
        scores.append(values[columns])
    if not owners:
        empty = np.zeros(0, dtype=np.int32)
        return Proposals(empty, empty, np.zeros(0, dtype=np.float32))
    return Proposals(np.concatenate(owners), np.concatenate(products), np.concatenate(scores))


def _largest(values: Floats, n: int) -> Rows:
    """Where the n largest positive values stand, ascending; ties by the smaller place; int32."""
    bound = _low_bound(values, n)
    columns = np.flatnonzero(values >= bound if bound > 0 else values > 0)
    if len(columns) > n:
        found = values[columns]
        floor = np.partition(found, len(found) - n)[len(found) - n]
        columns = columns[found >= floor]
        if len(columns) > n:
            columns = np.sort(columns[np.lexsort((columns, -values[columns]))[:n]])
    return columns.astype(np.int32)


def _low_bound(values: Floats, n: int) -> float:
    """A value that at least n of them reach, found without looking at each twice; 0 where there is none.

    The n-th largest of the largest of every block: a large catalogue is left with a few more than n.
    """
    n_blocks = len(values) // BLOCK
    if n_blocks <= n:
        return 0.0
    highest = values[: n_blocks * BLOCK].reshape(n_blocks, BLOCK).max(axis=1)
    return float(np.partition(highest, n_blocks - n)[n_blocks - n])


def values_at(matrix: Csr, pairs: Pairs) -> Floats:
    """float32 (n_pairs,) entries of a sparse matrix; 0 where nothing is stored."""
    n_rows, n_columns = matrix.shape
    if not len(pairs) or not matrix.nnz:
        return np.zeros(len(pairs), dtype=np.float32)
    if n_rows * n_columns <= MAX_DENSE_VALUES:
        return np.asarray(matrix.toarray()[pairs.owner, pairs.product], dtype=np.float32)
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    keys = rows_of(matrix) * n_columns + matrix.indices
    wanted = pairs.owner.astype(np.int64) * n_columns + pairs.product
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, matrix.data[at], np.float32(0)).astype(np.float32)


def places_within(owner: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """0, 1, 2 … within each run of equal values; int32 (n,)."""
    place = np.arange(len(owner), dtype=np.int32)
    starts = place.copy()
    starts[1:][owner[1:] == owner[:-1]] = 0
    place -= np.maximum.accumulate(starts)
    return place


def divided(values: Floats, by: Floats) -> Floats:
    """values / by, 0 where `by` is not positive; float32."""
    return np.divide(values, by, out=np.zeros(values.shape, dtype=np.float32), where=by > 0)


def _inner(left: Floats, right: Floats, pairs: Pairs) -> Floats:
    out = np.empty(len(pairs), dtype=np.float32)
    for part in _parts(len(pairs)):
        np.einsum("ij,ij->i", left[pairs.owner[part]], right[pairs.product[part]], out=out[part])
    return out


def _parts(n_pairs: int) -> Iterator[slice]:
    """Runs of pairs whose gathered vectors stay inside the cache."""
    step = 1 << 16
    return (slice(start, start + step) for start in range(0, n_pairs, step))
