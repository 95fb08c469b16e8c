"""Category paths (`A > B > C`) as a tree of numbered nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from features.arrays import NO_ROW, Array, read_only
from recsys.category_tree import SEPARATOR


@dataclass(frozen=True, slots=True)
class CategoryTree:
    """Every node of every path, sorted by path; `category_row` is the place in `paths`.

    `parent_row` int32 (-1 at the top), `depth` int32 (1 at the top).
    """

    paths: tuple[str, ...]
    parent_row: Array
    depth: Array

    def row(self, text: str) -> int:
        """The node that a product's category text names; -1 when the tree has none."""
        return self.rows().get(normal_path(text), NO_ROW)

    def rows(self) -> dict[str, int]:
        """Path → category_row."""
        return {path: row for row, path in enumerate(self.paths)}

    def ancestors(self) -> tuple[Array, Array]:
        """Pairs (category_row, ancestor_row), each node being its own ancestor too: two int32 arrays."""
        nodes: list[int] = []
        above: list[int] = []
        for node in range(len(self.paths)):
            row = node
            while row != NO_ROW:
                nodes.append(node)
                above.append(row)
                row = int(self.parent_row[row])
        return np.array(nodes, dtype=np.int32), np.array(above, dtype=np.int32)


def normal_path(text: str) -> str:
    """The path with one blank on each side of `>` and no empty part; "" when nothing is left."""
    return SEPARATOR.join(part for part in (piece.strip() for piece in text.split(">")) if part)


def build_category_tree(texts: Iterable[str]) -> CategoryTree:
    """The tree of all nodes in the category texts of the products."""
    paths: set[str] = set()
    for text in texts:
        parts = normal_path(text).split(SEPARATOR)
        if parts == [""]:
            continue
        paths.update(SEPARATOR.join(parts[:depth]) for depth in range(1, len(parts) + 1))
    # by code point, which is also the order of the UTF-8 bytes
    ordered = tuple(sorted(paths))
    rows = {path: row for row, path in enumerate(ordered)}
    parents = [rows[path.rpartition(SEPARATOR)[0]] if SEPARATOR in path else NO_ROW for path in ordered]
    depths = [path.count(SEPARATOR) + 1 for path in ordered]
    return CategoryTree(
        ordered,
        read_only(np.array(parents, dtype=np.int32)),
        read_only(np.array(depths, dtype=np.int32)),
    )
