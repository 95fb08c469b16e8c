"""Sparse product → product operators: normalised walks over the person × product graph, and EASE."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from recsys.operators import Csr

FOUR_STEP_WIDTH = 100  # products that each half of a four-step walk goes on from
BLOCK_VALUES = 20_000_000  # cells of one dense block of product × product scores (80 MB)


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


def two_step_walk(matrix: Csr, powers: tuple[float, float, float], top_k: int) -> Csr:
    """Product → product weights D_p^-a · Xᵀ · D_m^-b · X · D_p^-c, the diagonal left out, top_k per row.

    matrix X float32 CSR (n_persons, n_products), D its row (m) and column (p) sums, powers (a, b, c).
    (.5, 0, .5) on ones is cosine; (0, .5, 0) walks to the products of alike persons; (.5, .5, .5) is the
    linear filter of GF-CF (Shen et al. 2021).
    """
    a, b, c = powers
    by_person, by_product = totals(matrix)
    left = scale_columns(matrix, degree_power(by_product, -a)).T.tocsr()
    right = scale_columns(scale_rows(matrix, degree_power(by_person, -b)), degree_power(by_product, -c))
    n_products = matrix.shape[1]
    step = max(1, BLOCK_VALUES // max(1, n_products))
    blocks = []
    for start in range(0, n_products, step):
        block = (left[start : start + step] @ right).tocsr()
        blocks.append(_top_of_rows(_without_diagonal(block, start), top_k))
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def four_step_walk(matrix: Csr, top_k: int) -> Csr:
    """Two walks one after the other: to alike persons' products, and from there once more; top_k per row.

    Each walk keeps its `FOUR_STEP_WIDTH` strongest products, so the work stays linear in the catalogue.
    """
    first = two_step_walk(matrix, (0.0, 0.5, 0.5), FOUR_STEP_WIDTH)
    second = two_step_walk(matrix, (0.5, 1.0, 0.5), FOUR_STEP_WIDTH)
    step = max(1, BLOCK_VALUES // max(1, matrix.shape[1]))
    blocks = [
        _top_of_rows(sparse.csr_array(first[start : start + step] @ second), top_k)
        for start in range(0, matrix.shape[1], step)
    ]
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def ease(matrix: Csr, regularization: float, top_k: int) -> Csr:
    """EASE (Steck 2019): weights B = I - P · diag(1 / P), P = (XᵀX + regularization · I)⁻¹, top_k per row.

    matrix float32 CSR (n_persons, n_products). Needs two dense n_products² float32 tables.
    """
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices_from(gram)] += np.float32(regularization)
    factor, _ = lapack.spotrf(gram, lower=True, overwrite_a=True)
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    n_products = len(weights)
    if top_k < n_products:
        strength = np.abs(weights)
        floor = np.partition(strength, n_products - top_k, axis=1)[:, n_products - top_k]
        weights[strength < floor[:, None]] = 0.0
    return sparse.csr_array(weights)


def _without_diagonal(block: Csr, first_row: int) -> Csr:
    rows = np.repeat(np.arange(first_row, first_row + block.shape[0]), np.diff(block.indptr))
    data = np.where(block.indices == rows, np.float32(0), block.data)
    kept = sparse.csr_array((data, block.indices, block.indptr), shape=block.shape)
    kept.eliminate_zeros()
    return kept


def _top_of_rows(block: Csr, top_k: int) -> Csr:
    """The top_k largest entries of each row, by column; ties by the smaller column."""
    block.sort_indices()
    lengths = np.diff(block.indptr)
    if not len(lengths) or lengths.max() <= top_k:
        return block
    kept = np.ones(block.nnz, dtype=bool)
    for row in np.flatnonzero(lengths > top_k):
        span = slice(block.indptr[row], block.indptr[row + 1])
        data = block.data[span]
        floor = np.partition(data, len(data) - top_k)[len(data) - top_k]
        above = data > floor
        at_floor = np.flatnonzero(data == floor)[: top_k - int(above.sum())]
        above[at_floor] = True
        kept[span] = above
    rows = np.repeat(np.arange(len(lengths)), lengths)[kept]
    indptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=len(lengths)), out=indptr[1:])
    return sparse.csr_array((block.data[kept], block.indices[kept], indptr), shape=block.shape)
