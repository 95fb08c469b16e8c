"""Labels: what is held out, and what counts as having followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.inputs import Catalogue, Edges, Inputs, Purchases, Shares
from training.labels import MAX_LABEL, folds, labels_for

NONE = np.zeros(0, dtype=np.int32)


def purchases(pairs: list[tuple[int, int]]) -> Purchases:
    found = np.array(sorted(set(pairs)), dtype=np.int32).reshape(-1, 2)
    ones = np.ones(len(found), dtype=np.int32)
    return Purchases(found[:, 0], found[:, 1], ones.astype(np.float32), ones, None)


def world(n_members: int, n_products: int, circle: list[tuple[int, int]]) -> Inputs:
    names = lambda prefix, n: np.array([f"{prefix}{i}" for i in range(n)], dtype=object)  # noqa: E731
    row = np.zeros(n_products, dtype=np.int32)
    catalogue = Catalogue(
        names("p", n_products), names("title", n_products), ("A",), row, NONE, row - 1,
        (row - 1).astype(np.int64), (), row - 1, (row - 1).astype(np.int64),
    )  # fmt: skip
    known = np.array(sorted(circle), dtype=np.int32).reshape(-1, 2)
    nothing = Edges(NONE, NONE, NONE.astype(np.float32), {})
    return Inputs(
        catalogue, names("o", n_members), names("o", n_members), np.arange(n_members, dtype=np.int32),
        purchases([]), Shares(NONE, NONE, NONE.astype(np.float32), NONE, NONE, None),
        Edges(known[:, 0], known[:, 1], np.ones(len(known), dtype=np.float32), {}), nothing, nothing, None,
    )  # fmt: skip


some_pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=40)


@given(some_pairs, st.integers(1, 4), st.sampled_from([0.0, 0.2]))
def test_folds_are_disjoint_and_leave_every_member_something(
    pairs: list[tuple[int, int]], n_folds: int, fraction: float
) -> None:
    bought = purchases(pairs)
    held = list(folds(bought, n_folds, fraction, np.random.default_rng(1)))
    assert len(held) <= n_folds
    assert (np.sum(held, axis=0) <= 1).all() if held else True
    for mask in held:
        assert set(bought.member_row[~mask]) == set(bought.member_row)


def test_a_member_with_one_product_is_never_held_out() -> None:
    assert list(folds(purchases([(0, 3)]), 3, 0.0, np.random.default_rng(0))) == []


def test_own_labels_are_what_she_ordered_herself() -> None:
    inputs = world(3, 4, [(0, 1), (0, 2)])
    found = labels_for(inputs, purchases([(1, 2), (2, 3), (2, 0)]), "self")
    assert list(zip(found.owner_row, found.product_row, found.label, strict=True)) == [
        (1, 2, 1), (2, 0, 1), (2, 3, 1),
    ]  # fmt: skip


def test_circle_labels_count_the_members_who_ordered_and_leave_her_out() -> None:
    inputs = world(4, 3, [(0, 1), (0, 2), (0, 3), (1, 0)])
    found = labels_for(inputs, purchases([(0, 0), (1, 2), (2, 2), (3, 1)]), "circle")
    assert list(zip(found.owner_row, found.product_row, found.label, strict=True)) == [
        (0, 1, 1), (0, 2, 2), (1, 0, 1),
    ]  # fmt: skip


def test_labels_stop_growing() -> None:
    inputs = world(9, 1, [(0, member) for member in range(1, 9)])
    found = labels_for(inputs, purchases([(member, 0) for member in range(1, 9)]), "circle")
    assert found.label.tolist() == [MAX_LABEL]


@pytest.mark.parametrize("target", ["self", "circle"])
def test_without_circles_both_targets_learn_from_own_orders(target: str) -> None:
    found = labels_for(world(2, 2, []), purchases([(1, 1)]), target)  # type: ignore[arg-type]
    assert found.owner_row.tolist() == [1]


def test_what_she_shared_before_is_no_label_of_her_own() -> None:
    inputs = world(2, 2, [])
    one = np.array([1], dtype=np.int32)
    shares = Shares(one, one, one.astype(np.float32), one, one * 0, None)
    found = labels_for(replace(inputs, shares=shares), purchases([(1, 0), (1, 1)]), "self")
    assert found.product_row.tolist() == [0]


def test_what_she_shared_before_is_a_label_of_her_circle() -> None:
    """Red control: with the rule for `self`, product 1 would be missing."""
    inputs = world(2, 2, [(0, 1)])
    zero, one = np.array([0], dtype=np.int32), np.array([1], dtype=np.int32)
    shares = Shares(zero, one, one.astype(np.float32), one, one * 0, None)
    found = labels_for(replace(inputs, shares=shares), purchases([(1, 0), (1, 1)]), "circle")
    assert found.product_row.tolist() == [0, 1]
