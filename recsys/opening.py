"""What may be proposed at all: the products that gates leave open, for everybody and for each owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from recsys.sparse import Csr

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Pool:
    """Products to choose from, mask bool (n_products,), with what searches need of it worked out once."""

    mask: Mask

    @cached_property
    def n_products(self) -> int:
        """How many they are."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rows(self) -> Rows:
        """Their rows, ascending; int32."""
        return np.flatnonzero(self.mask).astype(np.int32)

    @cached_property
    def selector(self) -> Any:
        """The same products as faiss wants them."""
        selector: Any = faiss.IDSelectorBitmap  # its type stub knows the C++ signature alone
        return selector(np.packbits(self.mask, bitorder="little"))

    def prepare(self) -> None:
        """Work everything out now."""
        _ = self.n_products, self.rows, self.selector


@dataclass(frozen=True, eq=False)
class Open:
    """The products that a chunk of owners may be offered.

    `products` bool (n_products,), None: all of them. `closed` float32 CSR (n_owners, n_products): what is
    closed for one owner alone, None: nothing. `known`: the same products, where that was worked out before.
    """

    products: Mask | None = None
    closed: Csr | None = None
    known: Pool | None = None

    @cached_property
    def pool(self) -> Pool:
        """The open products. Only where `products` is given."""
        assert self.products is not None
        return self.known or Pool(self.products)

    def n_products(self, n_in_catalogue: int) -> int:
        """How many products are open to everybody."""
        return n_in_catalogue if self.products is None else self.pool.n_products

    def first_of(self, order: Rows, n: int) -> Rows:
        """The first n open products of a list; fewer where it ends."""
        if self.products is None:
            return order[:n]
        head = order[: 4 * n]  # most products are open to most questions
        found = head[self.products[head]]
        if len(found) < n and len(head) < len(order):
            found = order[self.products[order]]
        return found[:n]

    def closed_of(self, owners: npt.NDArray[np.integer[Any]]) -> Iterator[Rows]:
        """What is closed to each of these owners alone, by its place in the chunk."""
        nothing = np.zeros(0, dtype=np.int32)
        for owner in owners:
            if self.closed is None:
                yield nothing
            else:
                yield self.closed.indices[self.closed.indptr[owner] : self.closed.indptr[owner + 1]]

    @cached_property
    def most_closed(self) -> int:
        """The most products that are closed to any one owner."""
        return 0 if self.closed is None else int(np.diff(self.closed.indptr).max(initial=0))


EVERYTHING = Open()
