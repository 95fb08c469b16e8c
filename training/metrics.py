"""Full-ranking measures of ranked lists, vectorised over owners.

Lists are `ranked int32[n_owners, k]` of product rows, best first, -1 where a list is shorter. Truth is a CSR
matrix owners × products whose stored values are relevances > 0. Nothing is sampled: the whole catalogue
competes, and a relevant product that no list can hold still counts in the denominator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Ranked = NDArray[np.int32]
PerOwner = NDArray[np.float64]


def hit_gains(ranked: Ranked, truth: sp.csr_array) -> NDArray[np.float32]:
    """Relevance found at each place of each list: float32[n_owners, k], 0 where the place is no hit."""
    n_owners, n_products = truth.shape
    gains = np.zeros(ranked.shape, dtype=np.float32)
    if truth.nnz == 0 or ranked.size == 0:
        return gains
    owner_of_entry = np.repeat(np.arange(n_owners, dtype=np.int64), np.diff(truth.indptr))
    keys = owner_of_entry * n_products + truth.indices
    order = np.argsort(keys, kind="stable")
    keys, relevances = keys[order], truth.data[order]
    asked = np.arange(n_owners, dtype=np.int64)[:, None] * n_products + ranked
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    found = (keys[place] == asked) & (ranked >= 0)
    gains[found] = relevances[place[found]]
    return gains


def recall(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> PerOwner:
    """Share of each owner's relevant products within her first k places, in [0, 1]."""
    found = np.asarray(hits[:, :k].sum(axis=1))
    return _share(found, n_relevant)


def ndcg(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> PerOwner:
    """Binary NDCG@k per owner, in [0, 1]; the ideal list holds min(k, n_relevant) hits at its head."""
    discount = _discounts(k)
    width = min(k, hits.shape[1])
    gained = hits[:, :width] @ discount[:width]
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(n_relevant, k)]
    return _share(gained, ideal)


def graded_ndcg(gains: NDArray[np.float32], truth: sp.csr_array, k: int) -> PerOwner:
    """NDCG@k per owner with linear gains; the ideal list holds her k largest relevances in order."""
    discount = _discounts(k)
    width = min(k, gains.shape[1])
    gained = gains[:, :width].astype(np.float64) @ discount[:width]
    ideal = _largest_per_row(truth, k) @ discount
    return _share(gained, ideal)


def mrr(hits: NDArray[np.bool_], k: int) -> PerOwner:
    """1 / place of the first hit within k, per owner; 0 without a hit."""
    head = hits[:, :k]
    first = head.argmax(axis=1)
    return np.asarray(np.where(head.any(axis=1), 1.0 / (first + 1.0), 0.0))


def hit(hits: NDArray[np.bool_], k: int) -> PerOwner:
    """1.0 where the first k places hold at least one relevant product, else 0.0."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def hit_rates(ranked: Ranked, truth: sp.csr_array) -> PerOwner:
    """Share of the lists that are right at each place, in [0, 1]: float64[k]."""
    return np.asarray((hit_gains(ranked, truth) > 0).mean(axis=0), dtype=np.float64)


def exposure(ranked: Ranked, n_products: int, k: int) -> NDArray[np.int64]:
    """How many lists show each product within their first k places: int64[n_products]."""
    head = ranked[:, :k]
    return np.bincount(head[head >= 0], minlength=n_products).astype(np.int64)


def coverage(shown: NDArray[np.int64]) -> float:
    """Share of the catalogue that at least one list shows, in [0, 1]."""
    return float((shown > 0).mean()) if len(shown) else 0.0


def gini(shown: NDArray[np.int64]) -> float:
    """Gini of exposure over the whole catalogue: 0 all products alike, towards 1 one product has it all."""
    total = shown.sum()
    if total == 0:
        return 0.0
    n = len(shown)
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(shown) / (n * total))


def lorenz(shown: NDArray[np.int64]) -> tuple[PerOwner, PerOwner]:
    """The Lorenz curve of exposure: share of products (fewest shown first), share of all exposure."""
    total = max(int(shown.sum()), 1)
    y = np.concatenate([[0.0], np.cumsum(np.sort(shown)) / total])
    return np.linspace(0.0, 1.0, len(y)), y


def novelty(ranked: Ranked, n_buyers: NDArray[np.int64], n_persons: int, k: int) -> PerOwner:
    """Mean -log2 of the share of persons who bought each shown product, in bits, per owner.

    Counts are raised by one so that a product nobody bought is finite: -log2((buyers + 1) / (persons + 1)).
    """
    bits = -np.log2((n_buyers + 1.0) / (n_persons + 1.0))
    head = ranked[:, :k]
    shown = head >= 0
    total = np.where(shown, bits[np.maximum(head, 0)], 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(shown.sum(axis=1), 1))


def category_diversity(ranked: Ranked, category_row: NDArray[np.int32], k: int) -> PerOwner:
    """Share of pairs within each list whose categories differ, in [0, 1]; 0 for lists of one product."""
    head = ranked[:, :k]
    shown = head >= 0
    # Missing places get categories of their own and are taken out of both counts below.
    codes = np.where(shown, category_row[np.maximum(head, 0)], -1)
    n_shown = shown.sum(axis=1)
    same = np.zeros(len(ranked))
    for place in range(head.shape[1]):
        same += ((codes[:, place : place + 1] == codes[:, place + 1 :]) & shown[:, place + 1 :]).sum(axis=1)
    n_pairs = n_shown * (n_shown - 1) / 2
    return np.asarray(np.where(n_pairs > 0, 1.0 - same / np.maximum(n_pairs, 1), 0.0))


def vector_diversity(ranked: Ranked, vectors: NDArray[np.float32], k: int) -> PerOwner:
    """Mean 1 - cosine over pairs within each list, in [0, 2]; `vectors` float32[n_products, d]."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(norms, 1e-12)
    head = ranked[:, :k]
    shown = head >= 0
    total = np.where(shown[:, :, None], units[np.maximum(head, 0)], 0.0)  # [n_owners, k, d]
    squares = (total**2).sum(axis=(1, 2))
    n_shown = shown.sum(axis=1)
    n_pairs = n_shown * (n_shown - 1)
    cosines = ((total.sum(axis=1) ** 2).sum(axis=1) - squares) / np.maximum(n_pairs, 1)
    return np.asarray(np.where(n_pairs > 0, 1.0 - cosines, 0.0))


def _share(part: NDArray[Any], whole: NDArray[Any]) -> PerOwner:
    """part / whole, 0 where there is no whole."""
    return np.asarray(part / np.where(whole > 0, whole, 1) * (whole > 0), dtype=np.float64)


def _discounts(k: int) -> PerOwner:
    return 1.0 / np.log2(np.arange(2, k + 2, dtype=np.float64))


def _largest_per_row(truth: sp.csr_array, k: int) -> PerOwner:
    """The k largest stored values of each row in falling order, padded with 0: float64[n_rows, k]."""
    n_rows = truth.shape[0]
    row = np.repeat(np.arange(n_rows), np.diff(truth.indptr))
    order = np.lexsort((-truth.data, row))
    place = np.arange(truth.nnz) - truth.indptr[row]
    kept = place < k
    largest = np.zeros((n_rows, k))
    largest[row[kept], place[kept]] = truth.data[order][kept]
    return largest
