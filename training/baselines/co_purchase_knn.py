"""Co-purchase kNN: products bought by the same people, by cosine, each with its nearest `k` neighbours.

Deshpande & Karypis, Item-based top-N recommendation algorithms, TOIS 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from training.baselines.seam import Asked, Params, Scores, binary, buyers_per_product

DEFAULTS = {"k": 5000, "max_neighbours": 60_000_000}
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class CoPurchaseKnn:
    """Cosines product × its nearest products: CSR float32[n_products, n_products]."""

    neighbours: sp.csr_array

    def scores(self, asked: Asked) -> Scores:
        """Sum of the cosines from each product of the history."""
        return np.asarray((asked.history @ self.neighbours).toarray(), dtype=np.float32)


def fit(matrix: sp.csr_array, rng: np.random.Generator, params: Params) -> CoPurchaseKnn:
    """Cosine between product columns, the `k` largest kept per product, none with itself."""
    n_buyers = buyers_per_product(matrix)
    # Long tails of weak neighbours help on small catalogues; on large ones memory sets the limit.
    k = min(int(params["k"]), int(params["max_neighbours"]) // max(len(n_buyers), 1) + 1)
    scale = sp.diags_array(1.0 / np.sqrt(np.maximum(n_buyers, 1)).astype(np.float32))
    unit = sp.csr_array(binary(matrix) @ scale)  # columns of length 1
    by_product = sp.csr_array(unit.T)
    n_products = len(n_buyers)
    blocks = [
        _largest(sp.csr_array(by_product[start : start + _ROWS_AT_ONCE] @ unit), start, k)
        for start in range(0, n_products, _ROWS_AT_ONCE)
    ]
    return CoPurchaseKnn(sp.csr_array(sp.vstack(blocks, format="csr")).astype(np.float32))


def _largest(block: sp.csr_array, first_row: int, k: int) -> sp.csr_array:
    """The k largest entries of each row without the diagonal; ties go to the smaller column."""
    n_rows, n_columns = block.shape
    row = np.repeat(np.arange(n_rows), np.diff(block.indptr))
    own = block.indices == row + first_row
    row, column, value = row[~own], block.indices[~own], block.data[~own]
    order = np.lexsort((column, -value, row))
    row, column, value = row[order], column[order], value[order]
    start_of_row = np.searchsorted(row, np.arange(n_rows))
    kept = np.arange(len(row)) - start_of_row[row] < k
    return sp.csr_array((value[kept], (row[kept], column[kept])), shape=(n_rows, n_columns))
