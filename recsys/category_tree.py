"""The way from the top of the category tree down to each of its nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SEPARATOR = " > "


def levels_of(paths: Sequence[str]) -> npt.NDArray[np.int32]:
    """For each category the rows on the way to it, top first: int32 (n_levels, n_categories), -1 below it.

    paths: every node of the tree, `A > B > C`, each once.
    """
    row_of = {path: row for row, path in enumerate(paths)}
    parts = [path.split(SEPARATOR) for path in paths]
    levels = np.full((max(map(len, parts), default=0), len(paths)), -1, dtype=np.int32)
    for row, names in enumerate(parts):
        for depth in range(len(names)):
            levels[depth, row] = row_of.get(SEPARATOR.join(names[: depth + 1]), -1)
    return levels


def leaf_name(path: str) -> str:
    """What a category is called in a sentence: the end of its path."""
    return path.rpartition(SEPARATOR)[2]
