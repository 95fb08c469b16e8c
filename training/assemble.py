"""Assembles a model in memory from inputs: matrices, operators, circle profiles and interests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features.arrays import US_PER_DAY
from recsys.columns import StringColumn
from recsys.ids import IdList
from recsys.index import EXACT_UP_TO, Lists, learn_lists
from recsys.model import CONTENT, Interests, Model, People, Products
from recsys.operators import Operator, ProjectionOperator
from recsys.ranker import Blend
from recsys.sparse import Csr, CsrView
from training.inputs import Catalogue, Edges, Inputs, Purchases
from training.interests import circle_interests
from training.operators import Graph, OperatorPlan, build_operators
from training.signals import signals_of
from training.sparse_rows import as_view, largest_with_counts, ones_like

RECENT_DAYS = 30
POPULARITY_WEIGHT = 0.001  # in the blend: too little to overrule any operator
MAX_CIRCLE_PROFILE = 200  # products kept of one circle's orders, heaviest first


def assemble(inputs: Inputs, plan: OperatorPlan, seed: int, settings: Mapping[str, Any]) -> Model:
    """The model without learned rankers: a plain blend stands in their place."""
    orders = csr_of(
        inputs.purchases.member_row, inputs.purchases.product_row, profile_weight(inputs.purchases),
        (len(inputs.member_ids), inputs.n_products),
    )  # fmt: skip
    circle = _ties(inputs)
    operators = build_operators(graphs_of(inputs, orders), plan, seed)
    people = _people(inputs, orders, circle)
    weights = {f"{operator.name}_relative": 1.0 / len(operators) for operator in operators}
    # popularity decides where the operators say nothing, as for an owner nobody knows
    blend = Blend(weights | {"log_popularity": POPULARITY_WEIGHT})
    return Model(
        products=_products(inputs),
        people=people,
        co_purchase=view_of(inputs.co_purchase, inputs.n_products, inputs.n_products),
        operators=operators,
        rankers={"circle": blend, "self": blend},
        as_of_us=inputs.as_of_us,
        interests=_interests(operators, orders, circle, inputs, seed),
        settings=settings,
        signals=signals_of(inputs, orders, circle, people.circle_orders, seed),
    )


def lists_of(model: Model, seed: int) -> dict[str, Lists]:
    """How the products of each searched embedding are found, where search is not exact."""
    searched = {o.name: o for o in (*model.searched("orders"), *model.searched("evidence"))}
    if model.interests is not None:
        operator = model.operator(model.interests.operator)
        assert isinstance(operator, ProjectionOperator)
        searched[operator.name] = operator
    learned = {name: learn_lists(o.product_out, seed=seed) for name, o in searched.items()}
    if model.signals.content is not None and model.cold is not None and model.cold.sum() > EXACT_UP_TO:
        cold = np.where(model.cold[:, None], model.signals.content, np.float32(0))  # zeros are in no list
        learned[CONTENT] = learn_lists(cold, seed=seed)
    return {name: lists for name, lists in learned.items() if lists is not None}


def profile_weight(purchases: Purchases) -> npt.NDArray[np.float32]:
    """How much a product counts in a profile: the square root of its decayed order lines, float32."""
    return np.sqrt(purchases.weight).astype(np.float32)


def graphs_of(inputs: Inputs, orders: Csr) -> list[Graph]:
    """The graph of orders, and where anybody shares the graph of orders and shares together."""
    graphs = [Graph("orders", orders)]
    if len(inputs.shares.owner_row):
        graphs.append(Graph("evidence", evidence_of(inputs, orders)))
    return graphs


def evidence_of(inputs: Inputs, orders: Csr) -> Csr:
    """Persons × products with shares added; an owner who is no member gets a row below the members."""
    n_members = len(inputs.member_ids)
    person = inputs.owner_member[inputs.shares.owner_row]
    strangers = person < 0
    person = np.where(strangers, n_members + inputs.shares.owner_row, person)
    n_persons = n_members + (len(inputs.owner_ids) if strangers.any() else 0)
    shares = csr_of(person, inputs.shares.product_row, share_weight(inputs), (n_persons, inputs.n_products))
    taller = sparse.csr_array(
        (orders.data, orders.indices, _padded(orders.indptr, n_persons)), shape=(n_persons, inputs.n_products)
    )
    return sparse.csr_array(taller.maximum(shares))


def share_weight(inputs: Inputs) -> npt.NDArray[np.float32]:
    """How much a shared product counts in evidence, at most 1: one share says as much as three."""
    return np.minimum(inputs.shares.weight, 1.0).astype(np.float32)


def csr_of(row: Any, column: Any, data: Any, shape: tuple[int, int]) -> Csr:
    """float32 CSR with sorted columns; entries of the same cell are added."""
    matrix = sparse.coo_array((np.asarray(data, dtype=np.float32), (row, column)), shape=shape)
    return sparse.csr_array(matrix)


def view_of(edges: Edges, n_rows: int, n_columns: int) -> CsrView:
    """Edges sorted by row as a CSR view with their extra columns."""
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(edges.row, minlength=n_rows), out=indptr[1:])
    return CsrView(indptr, edges.column.astype(np.int32), edges.weight, n_columns, dict(edges.extra))


def _padded(indptr: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    return np.concatenate([indptr, np.full(n_rows + 1 - len(indptr), indptr[-1], dtype=indptr.dtype)])


def _ties(inputs: Inputs) -> Csr:
    """Owners × members; an owner with nobody in her circle has herself."""
    n_owners, n_members = len(inputs.owner_ids), len(inputs.member_ids)
    alone = np.bincount(inputs.circle.row, minlength=n_owners) == 0
    herself = np.flatnonzero(alone & (inputs.owner_member >= 0)).astype(np.int32)
    rows = np.concatenate([inputs.circle.row, herself])
    columns = np.concatenate([inputs.circle.column, inputs.owner_member[herself]])
    weights = np.concatenate([inputs.circle.weight, np.ones(len(herself), dtype=np.float32)])
    return csr_of(rows, columns, weights, (n_owners, n_members))


def _products(inputs: Inputs) -> Products:
    catalogue, purchases = inputs.catalogue, inputs.purchases
    n_products = inputs.n_products
    return Products(
        ids=IdList.of(catalogue.product_ids), titles=StringColumn.of(catalogue.titles),
        categories=IdList.of(catalogue.category_paths), category_row=catalogue.category_row,
        supplier_row=catalogue.supplier_row, price_minor=catalogue.price_minor,
        currencies=IdList.of(catalogue.currencies), currency_row=catalogue.currency_row,
        stock=catalogue.stock,
        popularity=_sums(purchases.product_row, purchases.weight, n_products, np.float32),
        n_orders=_sums(purchases.product_row, purchases.n, n_products, np.int32),
        n_members=_sums(purchases.product_row, None, n_products, np.int32),
        n_recent_orders=_recent_buyers(catalogue, purchases, inputs.as_of_us),
        n_shares=_sums(inputs.shares.product_row, inputs.shares.n_shares, n_products, np.int32),
    )  # fmt: skip


def _sums(rows: Any, values: Any, n: int, dtype: Any) -> Any:
    return np.bincount(rows, weights=values, minlength=n).astype(dtype)


def _recent_buyers(catalogue: Catalogue, purchases: Purchases, as_of_us: int | None) -> npt.NDArray[np.int32]:
    """Members whose latest order of each product lies within 30 days; all of them in a timeless world."""
    n_products = len(catalogue.product_ids)
    if as_of_us is None or purchases.last_time is None:
        return _sums(purchases.product_row, None, n_products, np.int32)  # type: ignore[no-any-return]
    recent = purchases.last_time > as_of_us - RECENT_DAYS * US_PER_DAY
    return _sums(purchases.product_row[recent], None, n_products, np.int32)  # type: ignore[no-any-return]


def _people(inputs: Inputs, orders: Csr, circle: Csr) -> People:
    n_owners = len(inputs.owner_ids)
    shares = Edges(
        inputs.shares.owner_row, inputs.shares.product_row, share_weight(inputs),
        {
            "n_orders": inputs.shares.n_orders,
            "last_time": np.zeros(len(inputs.shares.owner_row), dtype=np.int64)
            if inputs.shares.last_time is None
            else inputs.shares.last_time,
        },
    )  # fmt: skip
    return People(
        owners=IdList.of(inputs.owner_ids),
        members=IdList.of(inputs.member_ids),
        owner_member=inputs.owner_member,
        orders=as_view(orders),
        shares=view_of(shares, n_owners, inputs.n_products),
        circle=as_view(circle),
        circle_orders=_circle_orders(circle, orders),
        circle_categories=view_of(
            inputs.circle_categories, n_owners, len(inputs.catalogue.category_paths)
        ),
    )  # fmt: skip


def _circle_orders(circle: Csr, orders: Csr) -> CsrView:
    """What each circle ordered, tie-weighted; extra n_members: distinct members behind each product."""
    ties, ordered = ones_like(circle), ones_like(orders)
    return largest_with_counts(
        circle.shape[0], lambda part: (circle[part] @ orders, ties[part] @ ordered), MAX_CIRCLE_PROFILE,
        "n_members",
    )  # fmt: skip


def _interests(
    operators: tuple[Operator, ...], orders: Csr, circle: Csr, inputs: Inputs, seed: int
) -> Interests | None:
    """Interests live in the last projection over orders; None where circles are their owners alone."""
    projections = [o for o in operators if isinstance(o, ProjectionOperator) and o.profile == "orders"]
    if not projections or not len(inputs.circle.row):
        return None
    operator = projections[-1]
    return Interests(operator.name, circle_interests(operator.vectors(orders), circle, seed))
