"""What a product is, apart from who bought it: its category, supplier, brand, price band and title.

The one thing to go by for a product that nobody has ordered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from recsys.category_tree import SEPARATOR
from training.inputs import Catalogue

N_FACTORS = 32
N_HASHED = 1 << 15
POWER_ITERATIONS = 2
PRICE_BANDS_PER_E = 2.0  # bands per factor e of the price
# words of letters; a Chinese title has no blanks, so each of its characters is a word, and so is each pair
WORDS = r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]{2,}"


def content_vectors(
    catalogue: Catalogue, brands: npt.NDArray[Any] | None, seed: int
) -> npt.NDArray[np.float32]:
    """float32 (n_products, 32) of length 1, 0 where a product says nothing; the inner product is likeness.

    brands: one text per product, "" for none; None where nobody says any.
    """
    n_products = len(catalogue.product_ids)
    parts = [_title_words(catalogue.titles), *_category_nodes(catalogue), _one_hot(catalogue.supplier_row)]
    if brands is not None:
        parts.append(_one_hot(np.where(brands == "", -1, np.unique(brands, return_inverse=True)[1])))
    price = catalogue.price_minor
    parts.append(_one_hot(np.where(price > 0, np.log(np.maximum(price, 1)) * PRICE_BANDS_PER_E, -1)))
    said = sparse.csr_matrix(sparse.hstack(parts, format="csr"), dtype=np.float32)
    found = np.zeros((n_products, N_FACTORS), dtype=np.float32)
    if min(said.shape) <= N_FACTORS or not said.nnz:
        return found
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(said).astype(np.float32)
    left, strength, _ = randomized_svd(weighted, N_FACTORS, n_iter=POWER_ITERATIONS, random_state=seed)
    vectors = left * strength
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=found, where=lengths > 1e-6)
    return found


def _title_words(titles: npt.NDArray[Any]) -> sparse.csr_matrix:
    words = HashingVectorizer(
        n_features=N_HASHED, token_pattern=WORDS, ngram_range=(1, 2), alternate_sign=False, norm=None
    )
    return sparse.csr_matrix(words.transform(titles))


def _category_nodes(catalogue: Catalogue) -> list[sparse.csr_matrix]:
    """The leaf of each product and every node above it: one matrix per depth of the tree."""
    place = {path: row for row, path in enumerate(catalogue.category_paths)}
    above = [place.get(path.rpartition(SEPARATOR)[0], -1) for path in catalogue.category_paths]
    parent = np.array([*above, -1], dtype=np.int64)  # -1 takes the last place
    parts, row = [], catalogue.category_row.astype(np.int64)
    while (row >= 0).any():
        parts.append(_one_hot(row))
        row = parent[row]
    return parts


def _one_hot(code: npt.NDArray[Any]) -> sparse.csr_matrix:
    """Ones at (product, code); nothing where a code is negative."""
    column = np.floor(code).astype(np.int64)
    row = np.flatnonzero(column >= 0)
    shape = (len(column), int(column.max(initial=0)) + 1)
    ones = np.ones(len(row), dtype=np.float32)
    return sparse.csr_matrix((ones, (row, column[row])), shape=shape)
