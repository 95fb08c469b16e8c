"""Sparse product → product operators: normalised walks over the person × product graph, and EASE."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack
from sparse_dot_topn import sp_matmul_topn

from recsys.sparse import Csr

FOUR_STEP_WIDTH = 100  # products that each half of a four-step walk goes on from
EASE_BLOCK = 512  # rows of a dense table that are looked at together


def degree_power(totals: npt.NDArray[Any], power: float) -> npt.NDArray[np.float32]:
    """totals^power, 0 where the total is 0; float32."""
    values = np.asarray(totals, dtype=np.float64).ravel()
    return np.where(values > 0, np.maximum(values, 1e-12) ** power, 0.0).astype(np.float32)


def scale_rows(matrix: Csr, factors: npt.NDArray[Any]) -> Csr:
    """diag(factors) · matrix."""
    data = matrix.data * np.repeat(factors.astype(np.float32), np.diff(matrix.indptr))
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def scale_columns(matrix: Csr, factors: npt.NDArray[Any]) -> Csr:
    """matrix · diag(factors)."""
    data = matrix.data * factors.astype(np.float32)[matrix.indices]
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def totals(matrix: Csr) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(sums of rows, sums of columns), float64."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    by_row = np.bincount(rows, weights=matrix.data, minlength=matrix.shape[0])
    by_column = np.bincount(matrix.indices, weights=matrix.data, minlength=matrix.shape[1])
    return by_row.astype(np.float64), by_column.astype(np.float64)


def two_step_walk(matrix: Csr, powers: tuple[float, float, float], top_k: int, n_threads: int = 1) -> Csr:
    """Product → product weights D_p^-a · Xᵀ · D_m^-b · X · D_p^-c, the diagonal left out, top_k per row.

    matrix X float32 CSR (n_persons, n_products), D its row (m) and column (p) sums, powers (a, b, c).
    (.5, 0, .5) on ones is cosine; (0, .5, 0) walks to the products of alike persons; (.5, .5, .5) is the
    linear filter of GF-CF (Shen et al. 2021).
    """
    a, b, c = powers
    by_person, by_product = totals(matrix)
    left = scale_columns(matrix, degree_power(by_product, -a)).T.tocsr()
    right = scale_columns(scale_rows(matrix, degree_power(by_person, -b)), degree_power(by_product, -c))
    return _without_diagonal(_top_product(left, right, top_k + 1, n_threads), top_k)


def four_step_walk(matrix: Csr, top_k: int, n_threads: int = 1) -> Csr:
    """Two walks one after the other: to alike persons' products, and from there once more; top_k per row.

    Each walk keeps its `FOUR_STEP_WIDTH` strongest products, so the work stays linear in the catalogue.
    """
    first = two_step_walk(matrix, (0.0, 0.5, 0.5), FOUR_STEP_WIDTH, n_threads)
    second = two_step_walk(matrix, (0.5, 1.0, 0.5), FOUR_STEP_WIDTH, n_threads)
    return _top_product(first, second, top_k, n_threads)


def ease(matrix: Csr, regularization: float, top_k: int, n_threads: int = 1) -> Csr:
    """EASE (Steck 2019): weights B = I - P · diag(1 / P), P = (XᵀX + regularization · I)⁻¹, top_k per row.

    matrix float32 CSR (n_persons, n_products). Needs two dense n_products² float32 tables.
    """
    gram = np.asfortranarray((matrix.T @ matrix).toarray(order="F"))
    gram[np.diag_indices_from(gram)] += np.float32(regularization)
    factor, _ = lapack.spotrf(gram, lower=True, overwrite_a=True)
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    weights = _mirrored(inverse.T)
    scale = -1.0 / np.diag(weights)
    np.fill_diagonal(weights, 0.0)
    with ThreadPoolExecutor(n_threads) as threads:
        starts = range(0, len(weights), EASE_BLOCK)
        blocks = list(
            threads.map(lambda at: _strongest(weights[at : at + EASE_BLOCK] * scale, top_k), starts)
        )
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def _mirrored(upper: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The symmetric matrix whose upper triangle this is; written in place, a block of rows at a time."""
    for start in range(0, len(upper), EASE_BLOCK):
        stop = start + EASE_BLOCK
        upper[start:stop, :start] = upper[:start, start:stop].T
        square = upper[start:stop, start:stop]
        below = np.tril_indices_from(square, -1)
        square[below] = square.T[below]
    return upper


def _strongest(block: npt.NDArray[np.float32], top_k: int) -> Csr:
    """The top_k entries of each row that are farthest from 0."""
    n_products = block.shape[1]
    if top_k < n_products:
        strength = np.abs(block)
        strength.partition(n_products - top_k, axis=1)
        block[np.abs(block) < strength[:, n_products - top_k, None]] = 0.0
    return sparse.csr_array(block)


def _top_product(left: Csr, right: Csr, top_k: int, n_threads: int) -> Csr:
    """The top_k largest entries of each row of left · right, sorted by column; never the whole product."""
    found = sp_matmul_topn(
        sparse.csr_matrix(left), sparse.csr_matrix(right), top_n=top_k, n_threads=n_threads
    )
    found.sort_indices()
    return sparse.csr_array(found)


def _without_diagonal(weights: Csr, top_k: int) -> Csr:
    """The same rows without their diagonal, at most top_k entries each: without it the weakest goes."""
    n_products = weights.shape[0]
    rows = np.repeat(np.arange(n_products), np.diff(weights.indptr))
    kept = weights.indices != rows
    counts = np.bincount(rows[kept], minlength=n_products)
    full = counts > top_k  # rows whose own product was not among their strongest
    if full.any():
        weakest = np.full(n_products, np.inf, dtype=np.float32)
        np.minimum.at(weakest, rows, weights.data)
        at = np.flatnonzero(full[rows] & (weights.data == weakest[rows]))
        kept[at[np.unique(rows[at], return_index=True)[1]]] = False
        counts[full] = top_k
    indptr = np.zeros(n_products + 1, dtype=np.int32)
    np.cumsum(counts, out=indptr[1:])
    return sparse.csr_array((weights.data[kept], weights.indices[kept], indptr), shape=weights.shape)
