"""The signals for a chunk of owners: what is due again, what similar owners sold, what is alike."""

from __future__ import annotations

import numpy as np

from recsys.model import as_csr
from recsys.opening import EVERYTHING, Open
from recsys.pairs import NOTHING, Floats, Pairs, Proposals, Rows, divided, places_within
from recsys.scoring import Scoring
from recsys.sparse import Csr, CsrView, rows_of


def rebuy_of(scoring: Scoring) -> Csr:
    """float32 CSR (n, n_products): what is due to be bought again, by her or by her circle."""
    signals, profiles = scoring.model.signals, scoring.profiles
    if profiles.target == "circle":
        return _rows_of(scoring, "rebuy_circle", signals.rebuy_circle, profiles.owner_rows)
    return _rows_of(scoring, "rebuy_members", signals.rebuy_members, profiles.member_rows)


def peers_of(scoring: Scoring) -> Csr:
    """float32 CSR (n, n_products): what similar owners shared with success."""
    return _rows_of(scoring, "peers", scoring.model.signals.peers, scoring.profiles.owner_rows)


def content_of(scoring: Scoring) -> Floats:
    """float32 (n, n_factors): what the profile's products are, of length 1; zeros for an empty one."""

    def build() -> Floats:
        content = scoring.model.signals.content
        assert content is not None
        summed = np.asarray(scoring.profiles.evidence @ content, dtype=np.float32)
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        return divided(summed, np.broadcast_to(lengths, summed.shape))

    return scoring.once("content", build)


def content_at(scoring: Scoring, pairs: Pairs) -> Floats:
    """float32 (n_pairs,): the cosine of the profile's content and the product's."""
    content = scoring.model.signals.content
    assert content is not None
    found: Floats = np.einsum("ij,ij->i", content_of(scoring)[pairs.owner], content[pairs.product])
    return found


def top_of_sparse(matrix: Csr, n: int, among: Open = EVERYTHING) -> Proposals:
    """The n largest positive entries of each row that are open; ties by the smaller product."""
    if not matrix.nnz:
        return NOTHING
    owner = rows_of(matrix).astype(np.int32)
    product, score = matrix.indices.astype(np.int32, copy=False), matrix.data
    is_open = score > 0
    if among.products is not None:
        is_open &= among.products[product]
    for at, closed in enumerate(among.closed_of(np.arange(matrix.shape[0]))):
        if len(closed):
            span = slice(matrix.indptr[at], matrix.indptr[at + 1])
            is_open[span] &= ~np.isin(product[span], closed)
    owner, product, score = owner[is_open], product[is_open], score[is_open]
    order = np.lexsort((product, -score, owner))
    order = order[places_within(owner[order]) < n]
    return Proposals(owner[order], product[order], score[order])


def _rows_of(scoring: Scoring, name: str, view: CsrView | None, rows: Rows) -> Csr:
    if view is None:
        view = scoring.model.people.circle_orders  # of the same width; no row of it is asked for
        rows = np.full(len(rows), -1, dtype=np.int32)
    return scoring.once(name, lambda: as_csr(view, rows))
