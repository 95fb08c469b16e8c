"""What the gates of the judged snapshot close, so that every method answers the same question.

A baseline that may list what ours must not list is asked something easier. So its lists keep out what the
gates close too, and a right answer behind a gate counts neither for nor against anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.domain import Query, Target
from recsys.gates import Gate, gates
from recsys.model import Model
from recsys.profiles import profiles_of

OWNERS_AT_ONCE = 4096

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """What each gate closes: to everybody bool[n_products], or to some owners CSR [n_owners, n_products]."""

    products: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    pairs: Mapping[str, sp.csr_array] = field(default_factory=dict)

    def among(self, relevance: sp.csr_array) -> dict[str, sp.csr_array]:
        """For each gate the entries of `relevance` that it closes."""
        found = {
            name: sp.csr_array(relevance @ sp.diags_array(mask.astype(np.float32)))
            for name, mask in self.products.items()
        }
        found |= {name: sp.csr_array(relevance.multiply(pairs)) for name, pairs in self.pairs.items()}
        for matrix in found.values():
            matrix.eliminate_zeros()
        return found

    def at(self, owners: NDArray[np.int64], n_products: int) -> tuple[sp.csr_array, NDArray[np.bool_]]:
        """(what is closed to these owners alone, ones; what is closed to everybody)."""
        alone: Any = sp.csr_array((len(owners), n_products), dtype=np.float32)
        for pairs in self.pairs.values():
            alone = sp.csr_array(alone.maximum(sp.csr_array(pairs[owners])))
        everybody = np.zeros(n_products, dtype=bool)
        for mask in self.products.values():
            everybody |= mask
        return alone, everybody


def closed_by(model: Model, owner_row: Rows, product_row: Rows, n_products: int, target: Target) -> Closed:
    """What the model's gates close at its own moment, in rows of the dataset.

    owner_row: for each owner of the dataset her row in the model, -1 unknown. product_row: for each product
    of the model its row in the dataset, -1 where it lacks it.
    """
    query = Query("", n=1, target=target)
    products: dict[str, NDArray[np.bool_]] = {}
    parts: list[dict[str, sp.csr_array]] = []
    known = product_row >= 0
    to_dataset = sp.csr_array(
        (np.ones(int(known.sum()), np.float32), (np.flatnonzero(known), product_row[known])),
        shape=(len(product_row), n_products),
    )
    for start in range(0, len(owner_row), OWNERS_AT_ONCE):
        rows = owner_row[start : start + OWNERS_AT_ONCE]
        found = gates(model, profiles_of(model, rows, target), query)
        products |= {
            name: _spread(gate, product_row, n_products)
            for name, gate in found.items()
            if isinstance(gate, np.ndarray)
        }
        parts.append(
            {name: sp.csr_array(gate @ to_dataset) for name, gate in found.items() if _is_of_owners(gate)}
        )
    names = sorted({name for part in parts for name in part})
    lengths = [min(OWNERS_AT_ONCE, len(owner_row) - at * OWNERS_AT_ONCE) for at in range(len(parts))]
    nothing = [sp.csr_array((length, n_products), dtype=np.float32) for length in lengths]
    pairs = {
        name: sp.csr_array(
            sp.vstack([part.get(name, empty) for part, empty in zip(parts, nothing, strict=True)])
        )
        for name in names
    }
    return Closed(products, pairs)


def _is_of_owners(gate: Gate) -> bool:
    return not isinstance(gate, np.ndarray)


def _spread(mask: NDArray[np.bool_], product_row: Rows, n_products: int) -> NDArray[np.bool_]:
    spread = np.zeros(n_products, dtype=bool)
    spread[product_row[mask & (product_row >= 0)]] = True
    return spread
