"""A small world written down as lists, and the model that follows from it, computed in plain Python.

Nothing here calls what the tests are about: counts come from sets, matrices from loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recsys.columns import StringColumn
from recsys.ids import IdList
from recsys.model import Interests, Model, People, Products
from recsys.model_files import write_model
from recsys.operators import FactorOperator, GraphOperator, Operator, ProjectionOperator
from recsys.ranker import Blend, Ranker
from recsys.snapshot import Snapshot, SnapshotWriter, open_snapshot
from recsys.sparse import CsrView

AS_OF = datetime(2026, 3, 1, 8, tzinfo=UTC)
AS_OF_US = int(AS_OF.timestamp()) * 1_000_000
DAY_US = 86_400_000_000
N_FACTORS = 4
BLEND = Blend({"co_orders_relative": 1.0, "spectral_relative": 0.5, "co_evidence_relative": 0.5,
               "interest": 0.25, "log_popularity": 0.05})  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A product: `stock` -1 unknown, `price_minor` -1 none."""

    category: str = "Food > Noodles"
    price_minor: int = 1000
    stock: int = -1


@dataclass(frozen=True)
class World:
    """orders: (member, product, days ago); shares: (owner, product, days ago, orders that followed).

    An owner whose id is a member's is that member.
    """

    products: Mapping[str, Item]
    orders: Sequence[tuple[str, str, float]]
    circle: Mapping[str, Sequence[str]]
    shares: Sequence[tuple[str, str, float, int]] = ()
    timeless: bool = False
    interests: bool = True
    rankers: Mapping[str, Ranker] = field(default_factory=lambda: {"circle": BLEND, "self": BLEND})

    @property
    def members(self) -> list[str]:
        """Everybody who ordered or is known to an owner."""
        return sorted({m for m, _, _ in self.orders} | {m for ms in self.circle.values() for m in ms})

    def bought(self, member: str) -> set[str]:
        """What a member ordered."""
        return {product for who, product, _ in self.orders if who == member}

    def buyers(self, product: str) -> set[str]:
        """Who ordered a product."""
        return {who for who, what, _ in self.orders if what == product}


def town() -> World:
    """Two owners of the same own purchases whose circles differ, a third nobody knows, and quiet ones.

    Noodles n0 to n9 are bought by m0 to m5, kitchenware k0 to k9 by m6 to m11, t0 by everybody.
    """
    products = {f"n{i}": Item("Food > Noodles", 500 + 100 * i) for i in range(10)}
    products |= {f"k{i}": Item("Home > Kitchen", 2000 + 100 * i) for i in range(10)}
    products |= {"t0": Item("Food > Tea", 900)}
    orders = [(f"m{m}", f"n{(m + i) % 10}", 5.0 + 7 * i) for m in range(6) for i in range(5)]
    orders += [(f"m{m}", f"k{(m + i) % 10}", 5.0 + 7 * i) for m in range(6, 12) for i in range(5)]
    orders += [(f"m{m}", "t0", 40.0) for m in range(12)]
    orders += [(owner, "t0", 3.0) for owner in ("o-kitchen", "o-noodles")]
    circle = {"o-noodles": ["m0", "m1", "m2", "m3"], "o-kitchen": ["m8", "m9", "m10", "m11"], "o-new": []}
    return World(products, orders, circle)


def large_town(n_owners: int = 60, n_members: int = 150, n_products: int = 120, seed: int = 5) -> World:
    """A random world: members of three tastes, circles of 3 to 8 members, some stock, some shares."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(0, 3, n_members)
    products = {
        f"p{i:03}": Item(f"C{i % 3} > D{i % 6}", int(rng.integers(100, 9000)), 0 if i % 17 == 0 else -1)
        for i in range(n_products)
    }
    orders = [
        (f"m{m:03}", f"p{int(3 * rng.integers(0, n_products // 3) + taste[m]):03}", float(rng.uniform(0, 80)))
        for m in range(n_members)
        for _ in range(9)
    ]
    orders = list({(m, p): (m, p, d) for m, p, d in orders}.values())
    circle = {
        f"m{o:03}": [f"m{m:03}" for m in rng.choice(n_members, rng.integers(3, 9), replace=False)]
        for o in range(n_owners - 2)
    } | {"o-quiet-1": [], "o-quiet-2": []}
    shares = [
        (owner, f"p{int(rng.integers(0, n_products)):03}", float(rng.uniform(0, 40)), int(rng.integers(0, 3)))
        for owner in list(circle)[:20]
    ]
    return World(products, orders, circle, shares)


def small_model(world: World) -> Model:
    """The model of a world: three kinds of operators, two interests for each circle, a blend."""
    product_ids, members, owners = sorted(world.products), world.members, sorted(world.circle)
    bought = [world.bought(m) for m in members]
    cells = [[float(p in has) for p in product_ids] for has in bought]
    matrix = np.array(cells, np.float32).reshape(len(members), len(product_ids))
    return Model(
        products=_products(world, product_ids, matrix),
        people=_people(world, product_ids, members, owners, matrix),
        co_purchase=_co_purchase(matrix),
        operators=_operators(matrix) if matrix.size else (),
        rankers=dict(world.rankers),  # type: ignore[arg-type]
        as_of_us=None if world.timeless else AS_OF_US,
        interests=_interests(world, members, owners, matrix) if world.interests else None,
    )


def write_small_snapshot(world: World, folder: Path) -> Snapshot:
    """The model of a world as an open snapshot."""
    as_of = None if world.timeless else AS_OF.isoformat()
    with SnapshotWriter(folder) as writer:
        write_model(writer, small_model(world), ["s0"])
        writer.commit(as_of=as_of)
    return open_snapshot(folder)


def csr_view(cells: Mapping[tuple[int, int], float], shape: tuple[int, int], **extra: Any) -> CsrView:
    """A CSR view of (row, column) → value; each extra maps the same cells to its values."""
    places = sorted(cells)
    indptr = np.searchsorted([row for row, _ in places], np.arange(shape[0] + 1)).astype(np.int64)
    indices = np.array([column for _, column in places], dtype=np.int32)
    data = np.array([cells[place] for place in places], dtype=np.float32)
    more = {
        name: np.array([values[place] for place in places], dtype) for name, (values, dtype) in extra.items()
    }
    return CsrView(indptr, indices, data, shape[1], more)


def _products(world: World, product_ids: list[str], matrix: np.ndarray) -> Products:
    items = [world.products[p] for p in product_ids]
    paths = sorted({node for item in items for node in _nodes(item.category)})
    n_members = matrix.sum(axis=0).astype(np.int32)
    recent = {(m, p) for m, p, days in world.orders if days < 30}
    return Products(
        ids=IdList.of(product_ids), titles=StringColumn.of([f"Title of {p}" for p in product_ids]),
        categories=IdList.of(paths),
        category_row=np.array([paths.index(item.category) for item in items], np.int32),
        supplier_row=np.full(len(items), -1, np.int32),
        price_minor=np.array([item.price_minor for item in items], np.int64),
        currencies=IdList.of(["CNY"]), currency_row=np.zeros(len(items), np.int32),
        stock=np.array([item.stock for item in items], np.int64),
        popularity=matrix.sum(axis=0).astype(np.float32), n_orders=n_members, n_members=n_members,
        n_recent_orders=np.array([sum(p == q for _, q in recent) for p in product_ids], np.int32),
        n_shares=np.array([sum(p == q for _, q, _, _ in world.shares) for p in product_ids], np.int32),
    )  # fmt: skip


def _nodes(path: str) -> list[str]:
    parts = path.split(" > ")
    return [" > ".join(parts[: depth + 1]) for depth in range(len(parts))]


def _people(
    world: World, product_ids: list[str], members: list[str], owners: list[str], matrix: np.ndarray
) -> People:
    paths = sorted({node for item in world.products.values() for node in _nodes(item.category)})
    row = {product: at for at, product in enumerate(product_ids)}
    last: dict[tuple[int, int], float] = {}
    n_orders: dict[tuple[int, int], int] = {}
    for owner, product, days, followed in world.shares:
        cell = (owners.index(owner), row[product])
        last[cell] = max(last.get(cell, 0), AS_OF_US - days * DAY_US)
        n_orders[cell] = n_orders.get(cell, 0) + followed
    ties = {(o, members.index(m)): 1.0 for o, owner in enumerate(owners) for m in world.circle[owner]}
    ordered: dict[tuple[int, int], float] = {}
    in_category: dict[tuple[int, int], float] = {}
    bought = {m: world.bought(m) for m in members}
    lately: dict[str, set[str]] = {m: set() for m in members}
    for member, product, days in world.orders:
        if days < 30:
            lately[member].add(world.products[product].category)
    for o, owner in enumerate(owners):
        for m in set(world.circle[owner]):
            for product in bought[m]:
                cell = (o, row[product])
                ordered[cell] = ordered.get(cell, 0) + 1
            for path in lately[m]:
                cell = (o, paths.index(path))
                in_category[cell] = in_category.get(cell, 0) + 1
    cells = {(int(m), int(p)): 1.0 for m, p in zip(*np.nonzero(matrix), strict=True)}
    n_owners, n_products = len(owners), len(product_ids)
    return People(
        owners=IdList.of(owners), members=IdList.of(members),
        owner_member=np.array([members.index(o) if o in members else -1 for o in owners], np.int32),
        orders=csr_view(cells, (len(members), n_products)),
        shares=csr_view(dict.fromkeys(last, 1.0), (n_owners, n_products),
                        last_time=(last, np.int64), n_orders=(n_orders, np.int32)),
        circle=csr_view(ties, (n_owners, len(members))),
        circle_orders=csr_view(ordered, (n_owners, n_products), n_members=(ordered, np.int32)),
        circle_categories=csr_view(in_category, (n_owners, len(paths))),
    )  # fmt: skip


def _co_purchase(matrix: np.ndarray) -> CsrView:
    both = _bought_both(matrix)
    cells = {(int(i), int(j)): float(both[i, j]) for i, j in zip(*np.nonzero(both), strict=True)}
    return csr_view(cells, both.shape, n_members=(cells, np.int32))


def _bought_both(matrix: np.ndarray) -> np.ndarray:
    both = matrix.T @ matrix
    return both - np.diag(np.diag(both))


def _operators(matrix: np.ndarray) -> tuple[Operator, ...]:
    both = _bought_both(matrix)
    weights = sparse.csr_array(both / np.maximum(matrix.sum(axis=0), 1)[:, None]).astype(np.float32)
    vectors = _vectors(matrix)
    return (
        GraphOperator("co_orders", "orders", weights),
        ProjectionOperator("spectral", "orders", vectors, vectors),
        FactorOperator("factors", "orders", vectors, vectors.T @ vectors, 10.0, 0.5),
        GraphOperator("co_evidence", "evidence", weights, length_power=0.0),
    )


def _vectors(matrix: np.ndarray) -> np.ndarray:
    _, _, right = np.linalg.svd(matrix, full_matrices=False)
    return np.ascontiguousarray(right[:N_FACTORS].T, dtype=np.float32)


def _interests(world: World, members: list[str], owners: list[str], matrix: np.ndarray) -> Interests:
    of_member = matrix @ _vectors(matrix)
    found = np.zeros((len(owners), 2, N_FACTORS), np.float32)
    for o, owner in enumerate(owners):
        for at, member in enumerate(list(world.circle[owner])[:2]):
            vector = of_member[members.index(member)]
            found[o, at] = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return Interests("spectral", found)
