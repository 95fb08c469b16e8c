"""What counts as bought again, and how cells of like products are pooled."""

from __future__ import annotations

import numpy as np
import pytest

from training.rebought import pooled, rebuys_of, thirds

DAY = 86_400.0


def test_bought_again_is_a_day_to_90_days_after_the_first_line_of_a_buyer_of_the_30_days() -> None:
    lines = [  # product, member, days after the cut
        (0, 0, 1.0), (0, 0, 91.0),  # on the 90th day: again
        (0, 1, 1.0), (0, 1, 91.1),  # too late
        (0, 2, 5.0), (0, 2, 5.9),  # the same trip
        (0, 3, 29.9), (0, 3, 40.0), (0, 3, 50.0),  # again, once
        (0, 4, 30.1), (0, 4, 35.0),  # came after the 30 days: no buyer
        (2, 0, 3.0),  # product 1 has no line at all
    ]  # fmt: skip
    product, member, days = (np.array(column) for column in zip(*lines, strict=True))
    some = np.random.default_rng(3).permutation(len(lines))
    found = rebuys_of(product[some], member[some], days[some] * DAY, 3)
    assert found.buyers.tolist() == [4, 0, 1]
    assert found.again.tolist() == [2, 0, 0]


def test_cells_are_pooled_by_hand_worked_mantel_haenszel() -> None:
    # cell 0: 6 of 10 against 3 of 10; cell 1: 1 of 2 against 8 of 18; cell 2 has one group only
    cell = np.array([0, 0, 1, 1, 2])
    is_one = np.array([True, False, True, False, True])
    buyers, again = np.array([10.0, 10, 2, 18, 7]), np.array([6.0, 3, 1, 8, 7])
    difference, ratio = pooled(np.ones((1, 5)), cell, is_one, buyers, again)
    up, down = 6 * 10 / 20 + 1 * 18 / 20, 3 * 10 / 20 + 8 * 2 / 20
    assert ratio[0] == pytest.approx(up / down)
    assert difference[0] == pytest.approx((up - down) / (10 * 10 / 20 + 2 * 18 / 20))


def test_a_product_that_was_not_drawn_counts_nothing() -> None:
    cell, is_one = np.zeros(3, dtype=np.int64), np.array([True, True, False])
    buyers, again = np.array([10.0, 10, 10]), np.array([9.0, 1, 2])
    drawn = np.array([[0.0, 2, 1], [1, 1, 1]])
    difference, _ = pooled(drawn, cell, is_one, buyers, again)
    assert difference.tolist() == pytest.approx([0.1 - 0.2, 0.5 - 0.2])


def test_thirds_are_of_the_group_and_small_groups_have_none() -> None:
    values = np.array([*range(9), *range(100, 107)], dtype=np.float64)
    group = np.array([4] * 9 + [2] * 7)
    used = np.ones(16, dtype=bool)
    assert thirds(values, group, used).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] + [-1] * 7
    used[0] = False
    assert thirds(values, group, used).tolist() == [-1, 0, 0, 0, 1, 1, 2, 2, 2] + [-1] * 7
