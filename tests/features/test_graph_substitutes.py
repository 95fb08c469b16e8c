"""Substitutes: the same people, hardly ever together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.dataset import DatasetWriter, open_dataset
from features.graphs.substitutes import Substitutes, substitutes
from features.window import Window, open_window

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def _open(path: Path, lines: list[tuple[str, str, str, int]], leaves: list[str], timeless: bool) -> Window:
    with DatasetWriter(path / "set", timeless=timeless) as writer:
        names = [chr(ord("a") + row) for row in range(len(leaves))]
        writer.append("products", {"product_id": names, "title": names, "category": leaves})
        columns = {
            "order_id": [line[0] for line in lines], "member_id": [line[1] for line in lines],
            "product_id": [line[2] for line in lines], "quantity": [1] * len(lines),
            "price_minor": [500] * len(lines),
        }  # fmt: skip
        if not timeless:
            columns["order_time"] = [NOW - timedelta(days=line[3]) for line in lines]
        writer.append("orders", columns)
    return open_window(open_dataset(path / "set"), None if timeless else NOW, memory_limit_mb=500)


# a and b: two members, on different days; c goes with a on the same day; d is of another category
LINES = [
    ("1", "m1", "a", 0), ("2", "m1", "b", 5), ("3", "m2", "a", 0), ("4", "m2", "b", 7),
    ("1", "m1", "c", 0), ("3", "m2", "c", 0), ("5", "m1", "d", 9), ("6", "m2", "d", 9),
    ("7", "m3", "e", 0), ("8", "m4", "e", 0),
]  # fmt: skip
LEAVES = ["Tea", "Tea", "Tea", "Cups", "Tea"]


def _pairs(graph: Substitutes) -> dict[tuple[int, int], float]:
    rows, others = graph.product_row.tolist(), graph.other_row.tolist()
    return dict(zip(zip(rows, others, strict=True), graph.weight.tolist(), strict=True))


@pytest.mark.parametrize("timeless", [False, True])
def test_apart_and_of_one_leaf_category(tmp_path: Path, timeless: bool) -> None:
    with _open(tmp_path, LINES, LEAVES, timeless) as window:
        pairs = _pairs(substitutes(window, min_lift=1.5))
    # both members bought a and b, never on one day: 2 / √(2·2) · (1 − 0/2); the same for b and c
    assert pairs == {(0, 1): 1.0, (1, 0): 1.0, (1, 2): 1.0, (2, 1): 1.0}


def test_no_more_than_chance_is_no_substitute(tmp_path: Path) -> None:
    with _open(tmp_path, LINES, LEAVES, False) as window:
        assert _pairs(substitutes(window, min_lift=2.1)) == {}  # lift is 2·4 / (2·2) = 2


def test_off_when_nobody_knows_what_was_together(tmp_path: Path) -> None:
    lines = [(f"{row}", *line[1:]) for row, line in enumerate(LINES)]
    with _open(tmp_path, lines, LEAVES, True) as window:
        assert _pairs(substitutes(window)) == {}
        assert [feature for feature, _ in window.off].count("substitutes") == 1
