"""Nearest products by inner product: exact while that is fast enough, inverted lists (faiss) beyond.

The lists are learned in training and stored in the snapshot, so that opening one fills them and learns
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from recsys.opening import EVERYTHING, Open

Floats = npt.NDArray[np.float32]

EXACT_UP_TO = 20_000  # products; exact search of 20,000 × 64 costs about half a millisecond
LISTS_PER_ROOT = 4.0  # inverted lists per square root of the number of products
PROBED_FRACTION = 0.18  # of the lists
PROBED_OF_CONTENT = 0.03  # content is alike in few dimensions: 14 nearest at recall .99 (100,000 products)
KMEANS_ITERATIONS = 6
NO_LENGTH = 1e-6  # of the longest vector: what is shorter is rounding
POINTS_PER_LIST = 40  # products per list that the lists are learned from


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Inverted lists: centres float32 (n_lists, n_factors); list_row int32 (n_products,): each one's list.

    -1: in none, as a product of whom the embedding knows nothing.
    """

    centres: Floats
    list_row: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ProductIndex:
    """The products of one embedding, ready to be searched.

    vectors float32 (n_products, n_factors); `lists` is a faiss inverted file, None where search is exact.
    """

    vectors: Floats
    lists: Any = field(default=None, repr=False)

    def top(self, queries: Floats, n: int, among: Open = EVERYTHING) -> tuple[npt.NDArray[np.int32], Floats]:
        """(product rows int32, scores float32), each (n_queries, n), best first; -1 where none was found.

        Only products open to everybody `among` them; what is closed to one owner alone may be found.
        """
        n = min(n, among.n_products(len(self.vectors)))
        if not len(queries) or not n:
            empty = np.zeros((len(queries), 0))
            return empty.astype(np.int32), empty.astype(np.float32)
        if among.products is None:
            return self._search(queries, n) if self.lists is not None else exact_top(self.vectors, queries, n)
        n_open = among.n_products(len(self.vectors))
        if self.lists is not None and n_open > EXACT_UP_TO:
            return self._search(queries, n, sel=among.pool.selector)
        if self.lists is None and 2 * n_open > len(self.vectors):
            return exact_top(self.vectors, queries, n, np.flatnonzero(~among.products))
        # a narrow choice is searched in full: the lists that are probed may hold none of it
        rows, scores = exact_top(self.vectors[among.pool.rows], queries, n)
        return among.pool.rows[rows], scores

    def _search(self, queries: Floats, n: int, **chosen: Any) -> tuple[npt.NDArray[np.int32], Floats]:
        parameters: Any = faiss.SearchParametersIVF  # its type stub knows no keywords
        params = parameters(nprobe=self.lists.nprobe, **chosen) if chosen else None
        scores, rows = self.lists.search(np.ascontiguousarray(queries), n, params=params)
        return rows.astype(np.int32), scores


def exact_top(
    vectors: Floats, queries: Floats, n: int, without: npt.NDArray[np.integer[Any]] | None = None
) -> tuple[npt.NDArray[np.int32], Floats]:
    """As `ProductIndex.top`, over all products but the rows in `without`; ties by the smaller row."""
    scores = queries @ vectors.T  # (n_queries, n_products)
    if without is not None:
        scores[:, without] = -np.inf
    if n < scores.shape[1]:
        rows = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    else:
        rows = np.tile(np.arange(scores.shape[1]), (len(queries), 1))
    rows.sort(axis=1)
    found = np.take_along_axis(scores, rows, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1).astype(np.int32), np.take_along_axis(found, order, axis=1)


def learn_lists(vectors: Floats, *, exact_up_to: int = EXACT_UP_TO, seed: int = 0) -> Lists | None:
    """The lists of these vectors, None where search is exact; the same vectors and seed give the same."""
    if len(vectors) <= exact_up_to:
        return None
    # products that nobody ordered have no vector: together they would be one huge list that all must read
    lengths = np.linalg.norm(vectors, axis=1)
    known = np.flatnonzero(lengths > NO_LENGTH * lengths.max(initial=0.0))
    data = np.ascontiguousarray(vectors[known])
    if not len(data):
        return None
    n_lists = min(len(data), int(LISTS_PER_ROOT * len(data) ** 0.5))
    means = faiss.Kmeans(
        data.shape[1], n_lists, niter=KMEANS_ITERATIONS, seed=seed + 1,
        max_points_per_centroid=POINTS_PER_LIST, min_points_per_centroid=1,
    )  # fmt: skip
    means.train(data)
    centres = np.ascontiguousarray(means.centroids, dtype=np.float32)
    # by distance, not by inner product: long centres would else draw most products into a few lists
    # (measured on 100,000 × 64: 0.2 ms at recall .96 against 1.9 ms at .84)
    list_row = np.full(len(vectors), -1, dtype=np.int32)
    list_row[known] = means.index.search(data, 1)[1][:, 0]
    return Lists(centres, list_row)


def build_index(
    vectors: Floats, lists: Lists | None, probed_fraction: float = PROBED_FRACTION
) -> ProductIndex:
    """The index of these vectors: exact without lists, else an inverted file filled with them."""
    if lists is None:
        return ProductIndex(vectors)
    n_lists, n_factors = lists.centres.shape
    centres = faiss.IndexFlatIP(n_factors)
    centres.add(np.ascontiguousarray(lists.centres))
    inverted: Any = faiss.IndexIVFFlat(centres, n_factors, n_lists, faiss.METRIC_INNER_PRODUCT)
    inverted.is_trained = True
    data = np.ascontiguousarray(vectors)
    where = np.ascontiguousarray(lists.list_row, dtype=np.int64)
    inverted.add_core(len(data), faiss.swig_ptr(data), None, faiss.swig_ptr(where))
    inverted.nprobe = max(8, int(n_lists * probed_fraction))
    return ProductIndex(vectors, inverted)
