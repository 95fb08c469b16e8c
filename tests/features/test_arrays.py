"""What several columns compute on plain arrays."""

from __future__ import annotations

import numpy as np

from features.arrays import NO_ROW, places_in, weighted_median_of_rows


def test_a_price_counts_in_the_median_by_the_time_it_held() -> None:
    rows = np.array([4, 4, 4, 9], dtype=np.int32)
    found, middle = weighted_median_of_rows(rows, np.array([300.0, 100, 200, 5]), np.array([1.0, 1, 28, 3]))
    assert found.tolist() == [4, 9]
    assert middle.tolist() == [200, 5]


def test_an_id_stands_at_its_place_or_nowhere() -> None:
    ids = np.array(["a", "c", "d"])
    assert places_in(ids, np.array(["d", "b", "a", "z"])).tolist() == [2, NO_ROW, 0, NO_ROW]
    assert places_in(ids[:0], ids).tolist() == [NO_ROW] * 3
