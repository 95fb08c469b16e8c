"""What one operator says of a chunk of owners: its best products, and its score of any pair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from recsys.index import ProductIndex
from recsys.model import Model
from recsys.opening import EVERYTHING, Open
from recsys.operators import EmbeddingOperator, GraphOperator, ProjectionOperator
from recsys.pairs import NOTHING, Floats, Pairs, Proposals, Rows, divided
from recsys.sparse import Csr

BLOCK = 128  # values of a dense row that are summed up by their largest


class GraphScores:
    """Scores of a graph operator for a chunk."""

    def __init__(self, operator: GraphOperator, profiles: Csr) -> None:
        """`profiles` are scaled already."""
        self.operator = operator
        self.table = operator.walked(profiles)

    def top(self, n: int, among: Open = EVERYTHING) -> Proposals:
        """The n best open products of each owner; only those with a positive score."""
        return top_of_table(self.table, n, among)

    def at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,); 0 where the operator says nothing."""
        found: Floats = self.table[pairs.owner, pairs.product]
        return found

    def relative_at(self, pairs: Pairs, raw: Floats) -> Floats:
        """The score as a fraction of the owner's best, float32 (n_pairs,)."""
        best = self.table.max(axis=1, initial=0.0)[pairs.owner]
        return divided(raw, best)


class EmbeddingScores:
    """Scores of an embedding for a chunk."""

    def __init__(self, operator: EmbeddingOperator, profiles: Csr, model: Model) -> None:
        """`profiles` are scaled already where the operator scales them."""
        self.operator = operator
        self.model = model
        if isinstance(operator, ProjectionOperator):
            self.vectors = operator.projected(profiles)
        else:
            self.vectors = operator.vectors(profiles)

    def top(self, n: int, among: Open = EVERYTHING) -> Proposals:
        """The n open products with the largest inner product (by the index, maybe approximate)."""
        owner = np.arange(len(self.vectors), dtype=np.int32)
        return nearest(self.model.index_of(self.operator), self.vectors, owner, n, among)

    def at(self, pairs: Pairs) -> Floats:
        """float32 (n_pairs,) inner products."""
        return _inner(self.vectors, self.operator.product_out, pairs)

    def relative_at(self, pairs: Pairs, raw: Floats) -> Floats:
        """The cosine of vector and product, float32 (n_pairs,)."""
        lengths = (
            np.linalg.norm(self.vectors, axis=1)[pairs.owner]
            * self.model.lengths_of(self.operator)[pairs.product]
        )
        return divided(raw, lengths)


OperatorScores = GraphScores | EmbeddingScores


def nearest(index: ProductIndex, vectors: Floats, owner: Rows, n: int, among: Open = EVERYTHING) -> Proposals:
    """The n open products with the largest inner product to each vector; none for a vector of zeros.

    vectors float32 (n_vectors, n_factors); owner int32 (n_vectors,): whose each is, by place in the chunk.
    """
    asked = np.flatnonzero(np.any(vectors, axis=1))
    more = min(among.most_closed, n)  # room for what is closed to the owner herself
    products, scores = index.top(vectors[asked], n + more, among)
    found = products >= 0
    if more:
        is_closed = np.zeros(len(index.vectors), dtype=bool)
        for at, closed in enumerate(among.closed_of(owner[asked])):
            is_closed[closed] = True
            found[at] &= ~is_closed[products[at]]
            is_closed[closed] = False
        found &= np.cumsum(found, axis=1) <= n
    owners = np.repeat(owner[asked], products.shape[1]).reshape(products.shape)
    return Proposals(owners[found], products[found], scores[found])


def top_of_table(table: Floats, n: int, among: Open = EVERYTHING) -> Proposals:
    """The n largest positive scores of each row that are open; ties by the smaller product."""
    owners: list[Rows] = []
    products: list[Rows] = []
    for row, closed in enumerate(among.closed_of(np.arange(len(table)))):
        columns = _largest_open(table[row], n, among.products, closed)
        owners.append(np.full(len(columns), row, dtype=np.int32))
        products.append(columns)
    if not owners:
        return NOTHING
    owner, product = np.concatenate(owners), np.concatenate(products)
    return Proposals(owner, product, table[owner, product])


def _largest_open(values: Floats, n: int, is_open: npt.NDArray[np.bool_] | None, closed: Rows) -> Rows:
    """Where the n largest positive values stand that are open, ascending; int32.

    Most of the largest are open, so that a look at twice as many finds enough of them nearly always: then
    no value of a closed product need be struck out first.
    """
    if is_open is None and not len(closed):
        return _largest(values, n)
    columns = _largest(values, 2 * n)
    n_seen = len(columns)
    columns = columns[_is_open(columns, is_open, closed)]
    if len(columns) < n and n_seen == 2 * n:
        values = values.copy() if is_open is None else values * is_open
        values[closed] = 0
        return _largest(values, n)
    return columns[np.sort(np.argsort(-values[columns], kind="stable")[:n])]


def _is_open(columns: Rows, is_open: npt.NDArray[np.bool_] | None, closed: Rows) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(columns), dtype=bool) if is_open is None else is_open[columns]
    if len(closed):
        kept = kept & ~np.isin(columns, closed)
    return kept


def _largest(values: Floats, n: int) -> Rows:
    """Where the n largest positive values stand, ascending; ties by the smaller place; int32."""
    bound = _low_bound(values, n)
    columns = np.flatnonzero(values >= bound if bound > 0 else values > 0)
    if len(columns) > n:
        found = values[columns]
        floor = np.partition(found, len(found) - n)[len(found) - n]
        columns = columns[found >= floor]
        if len(columns) > n:
            columns = np.sort(columns[np.lexsort((columns, -values[columns]))[:n]])
    return columns.astype(np.int32)


def _low_bound(values: Floats, n: int) -> float:
    """A value that at least n of them reach, found without looking at each twice; 0 where there is none.

    The n-th largest of the largest of every block: a large catalogue is left with a few more than n.
    """
    n_blocks = len(values) // BLOCK
    if n_blocks <= n:
        return 0.0
    highest = values[: n_blocks * BLOCK].reshape(n_blocks, BLOCK).max(axis=1)
    return float(np.partition(highest, n_blocks - n)[n_blocks - n])


def _inner(left: Floats, right: Floats, pairs: Pairs) -> Floats:
    out = np.empty(len(pairs), dtype=np.float32)
    for part in parts_of(len(pairs)):
        np.einsum("ij,ij->i", left[pairs.owner[part]], right[pairs.product[part]], out=out[part])
    return out


def parts_of(n_pairs: int) -> Iterator[slice]:
    """Runs of pairs whose gathered vectors stay inside the cache."""
    step = 1 << 16
    return (slice(start, start + step) for start in range(0, n_pairs, step))
