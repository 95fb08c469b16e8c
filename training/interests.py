"""Several interests per circle: members fall into clusters of taste, a circle keeps its heaviest few."""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.sparse import Csr

N_INTERESTS = 4
MAX_CLUSTERS = 256
MEMBERS_PER_CLUSTER = 20
KMEANS_ITERATIONS = 8
KMEANS_SAMPLE_PER_CLUSTER = 256

Floats = npt.NDArray[np.float32]


def circle_interests(member_vectors: Floats, circle: Csr, seed: int) -> Floats:
    """float32 (n_owners, N_INTERESTS, n_factors): tie-weighted mean vectors of the members of each interest.

    member_vectors float32 (n_members, n_factors); circle float32 CSR (n_owners, n_members). Interests stand
    heaviest first, each of length 1, zeros where a circle has fewer.
    """
    n_owners, n_factors = circle.shape[0], member_vectors.shape[1]
    found = np.zeros((n_owners, N_INTERESTS, n_factors), dtype=np.float32)
    cluster = _clusters(member_vectors, seed)
    present = cluster >= 0
    if not present.any():
        return found
    n_clusters = int(cluster.max()) + 1
    owner = np.repeat(np.arange(n_owners), np.diff(circle.indptr))
    member, tie = circle.indices, circle.data
    kept = present[member]
    owner, member, tie = owner[kept], member[kept], tie[kept]
    cells, at = np.unique(owner * np.int64(n_clusters) + cluster[member], return_inverse=True)
    weight = np.bincount(at, weights=tie)
    spread = sparse.csr_array((tie, (at, member)), shape=(len(cells), len(member_vectors)))
    sums = np.asarray(spread @ member_vectors, dtype=np.float32)
    cell_owner = cells // n_clusters
    order = np.lexsort((cells, -weight, cell_owner))
    starts = np.flatnonzero(np.r_[True, np.diff(cell_owner[order]) > 0])
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    best = place < N_INTERESTS
    chosen = order[best]
    lengths = np.maximum(np.linalg.norm(sums[chosen], axis=1, keepdims=True), 1e-12)
    found[cell_owner[chosen], place[best]] = sums[chosen] / lengths
    return found


def _clusters(vectors: Floats, seed: int) -> npt.NDArray[np.int64]:
    """The cluster of each member by spherical k-means, -1 for a member without a vector."""
    cluster = np.full(len(vectors), -1, dtype=np.int64)
    lengths = np.linalg.norm(vectors, axis=1)
    some = np.flatnonzero(lengths > 0)
    if not len(some):
        return cluster
    directions = np.ascontiguousarray(vectors[some] / lengths[some, None])
    n_clusters = max(1, min(MAX_CLUSTERS, len(some) // MEMBERS_PER_CLUSTER))
    means = faiss.Kmeans(
        vectors.shape[1], n_clusters, niter=KMEANS_ITERATIONS, seed=seed + 1, spherical=True,
        max_points_per_centroid=KMEANS_SAMPLE_PER_CLUSTER, min_points_per_centroid=1,
    )  # fmt: skip
    means.train(directions)
    cluster[some] = means.index.search(directions, 1)[1][:, 0]
    return cluster
