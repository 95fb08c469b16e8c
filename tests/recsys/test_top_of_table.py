"""The largest of a dense row, found by blocks, are those that sorting it finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.opening import Open
from recsys.operator_scores import BLOCK, top_of_table
from recsys.pairs import places_within
from recsys.sparse import Csr, csr_of_parts


def sorted_out(values: np.ndarray, n: int) -> list[int]:
    """The n largest positive places, ties by the smaller, by plain sorting."""
    order = sorted(range(len(values)), key=lambda at: (-values[at], at))
    return sorted(at for at in order[:n] if values[at] > 0)


@pytest.mark.parametrize("n", [1, 5, 60])
@pytest.mark.parametrize("filled", [0.0, 0.001, 0.05, 1.0])
def test_a_large_catalogue_gives_what_sorting_gives(n: int, filled: float) -> None:
    rng = np.random.default_rng(n)
    table = rng.integers(0, 40, (3, 100 * BLOCK + 7)).astype(np.float32)  # many ties
    table *= rng.random(table.shape) < filled
    found = top_of_table(table, n)
    for row in range(len(table)):
        assert sorted(found.product[found.owner == row].tolist()) == sorted_out(table[row], n)


def test_what_is_closed_is_not_found_and_the_scores_stay_as_they_are() -> None:
    table = np.arange(1, 70 * BLOCK + 1, dtype=np.float32)[None, :].copy()
    best = table.shape[1] - 1
    closed: Csr = csr_of_parts(
        np.ones(1, np.float32), np.array([best - 1], np.int32), np.array([0, 1], np.int32), best + 1
    )
    for_all = np.ones(best + 1, dtype=bool)
    for_all[best] = False
    assert top_of_table(table, 2, Open(for_all, closed)).product.tolist() == [best - 3, best - 2]
    assert top_of_table(table, 2, Open(None, closed)).product.tolist() == [best - 2, best]
    assert table[0, best] == best + 1


@given(st.lists(st.integers(0, 3), max_size=30))
def test_places_count_from_nought_within_each_run(values: list[int]) -> None:
    runs = np.array(values, dtype=np.int64)
    expected = [
        next(d for d in range(at + 1) if at == d or values[at - d - 1] != values[at])
        for at in range(len(values))
    ]
    assert places_within(runs).tolist() == expected
