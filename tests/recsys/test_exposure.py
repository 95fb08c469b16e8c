"""Caps on exposure: never broken, and given up by whoever loses least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.exposure import Cap, Pool, after_greedy, assign, utility_of

Array = np.ndarray[Any, Any]


def pool_of(utility: list[list[float]], product: list[list[int]]) -> Pool:
    return Pool(np.array(product, np.int32), np.array(utility, np.float32))


def each(n_products: int, n_places: int) -> Cap:
    return Cap(np.arange(n_products, dtype=np.int32), n_places)


def random_pool(seed: int, n_owners: int, depth: int, n_products: int) -> Pool:
    """Pools in which a few products are what most owners want first."""
    rng = np.random.default_rng(seed)
    depth = min(depth, n_products)
    liked = rng.gumbel(size=(n_owners, n_products)) + np.log(np.arange(1, n_products + 1) ** -1.5)
    product = np.argsort(-liked, axis=1)[:, :depth].astype(np.int32)
    strength = np.exp(np.take_along_axis(liked, product, axis=1))
    return Pool(product, (strength / strength.sum(axis=1, keepdims=True)).astype(np.float32))


def counts(pool: Pool, chosen: Array, cap: Cap) -> Array:
    groups = cap.group[pool.product[chosen]]
    return np.bincount(groups[groups >= 0], minlength=int(cap.group.max()) + 1)


def value(pool: Pool, chosen: Array) -> float:
    return float(pool.utility[chosen].sum(dtype=np.float64))


def test_the_owner_who_loses_least_gives_up() -> None:
    """Both want product 0; owner 0 has .5 instead of .6, owner 1 has .1: owner 1 keeps it."""
    pool = pool_of([[0.6, 0.5], [0.6, 0.1]], [[0, 1], [0, 2]])
    assert assign(pool, 1, [each(3, 1)]).tolist() == [[False, True], [True, False]]
    assert after_greedy(pool, 1, [each(3, 1)]).tolist() == [[True, False], [False, True]]


def test_what_is_asked_for_no_more_than_it_may_stays_as_it_is() -> None:
    pool = random_pool(1, 50, 20, 40)
    chosen = assign(pool, 5, [each(40, 50)])
    assert chosen[:, :5].all()
    assert not chosen[:, 5:].any()


def test_a_pool_that_is_used_up_gives_a_shorter_list() -> None:
    pool = pool_of([[0.6, 0.4], [0.6, 0.4]], [[0, 1], [0, 1]])
    chosen = assign(pool, 2, [each(2, 1)])
    assert chosen.sum() == 2
    assert counts(pool, chosen, each(2, 1)).tolist() == [1, 1]


def test_empty_places_are_never_given() -> None:
    pool = pool_of([[0.6, 0.4], [1.0, 0.0]], [[0, 1], [0, -1]])
    assert assign(pool, 2, [each(2, 2)]).tolist() == [[True, True], [True, False]]


def test_a_supplier_is_counted_over_its_products_and_none_is_not() -> None:
    pool = random_pool(2, 60, 30, 30)
    cap = Cap(np.where(np.arange(30) < 20, np.arange(30) % 2, -1).astype(np.int32), 100)
    chosen = assign(pool, 6, [cap, each(30, 40)])
    assert (counts(pool, chosen, cap) <= 100).all()
    assert (counts(pool, chosen, each(30, 40)) <= 40).all()
    assert (chosen.sum(axis=1) == 6).all()


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 25), st.integers(1, 8), st.integers(1, 10))
@settings(max_examples=150, deadline=None)
def test_a_cap_is_never_broken_and_no_list_is_too_long(
    seed: int, n_owners: int, n_products: int, n: int, n_places: int
) -> None:
    pool = random_pool(seed, n_owners, 12, n_products)
    cap = each(n_products, n_places)
    chosen = assign(pool, n, [cap])
    assert (counts(pool, chosen, cap) <= n_places).all()
    assert (chosen.sum(axis=1) <= n).all()
    assert np.array_equal(chosen, assign(pool, n, [cap]))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_nobody_is_left_short_while_something_of_her_pool_is_free(seed: int) -> None:
    pool = random_pool(seed, 40, 15, 20)
    cap = each(20, 8)
    chosen = assign(pool, 4, [cap])
    free = counts(pool, chosen, cap) < cap.n_places
    for owner in np.flatnonzero(chosen.sum(axis=1) < 4):
        assert not free[pool.product[owner][~chosen[owner]]].any()


@pytest.mark.parametrize("n_places", [25, 40, 100])
def test_red_control_a_greedy_post_filter_costs_more(n_places: int) -> None:
    pool = random_pool(3, 400, 60, 200)
    free = value(pool, assign(pool, 10, [each(200, 400)]))
    ours = value(pool, assign(pool, 10, [each(200, n_places)]))
    greedy = value(pool, after_greedy(pool, 10, [each(200, n_places)]))
    assert free - ours < 0.75 * (free - greedy)


def test_prices_cost_no_more_than_asking_again_alone() -> None:
    pool, cap = random_pool(4, 400, 60, 200), each(200, 25)
    assert value(pool, assign(pool, 10, [cap])) > value(pool, assign(pool, 10, [cap], n_rounds=0))


def test_utilities_of_each_owner_add_up_to_one() -> None:
    owner, score = np.array([0, 0, 1], np.int32), np.array([1.0, 0.0, -50.0], np.float32)
    found = utility_of(owner, score, None)
    assert found.tolist() == pytest.approx([np.e / (1 + np.e), 1 / (1 + np.e), 1.0])
    assert utility_of(owner, score, np.array([3, 1, 7], np.float32)).tolist() == [0.75, 0.25, 1.0]
