"""Owners whose circles overlap strongly, found once and kept as one small table.

Two owners are tied when the Jaccard overlap of their circles reaches a threshold; what hangs together by ties
is one cluster (connected components). Jaccard and not "part of the smaller circle": otherwise one owner who
knows everybody would join all shops into one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from features.window import Window
from recsys.assignment import Clusters
from recsys.errors import DataError

OVERLAP = 0.5
OWNERS_AT_ONCE = 2_000  # of the overlap graph; bounds memory, changes nothing else
TABLE = pa.schema([("owner_id", pa.string()), ("cluster_id", pa.string())])


def circle_clusters(window: Window, overlap: float = OVERLAP) -> Clusters:
    """The clusters of two owners or more as of the window's moment."""
    found = window.engine.fetch(window.table("circle").select("owner_row", "member_row").distinct())
    shape = (window.count("owners"), window.count("members"))
    ones = np.ones(len(found["owner_row"]), dtype=np.int32)
    circles = sparse.csr_array((ones, (found["owner_row"], found["member_row"])), shape=shape)
    return named_clusters(window.ids["owners"], cluster_rows(circles, overlap))


def cluster_rows(circles: sparse.csr_array, overlap: float) -> npt.NDArray[np.int32]:
    """The number of each owner's cluster, (n_owners,), of 0/1 circles (n_owners, n_members).

    `overlap` in (0, 1]: the part of the members of both circles that stands in each of the two.
    """
    n_owners = circles.shape[0]
    sizes = np.diff(circles.indptr)
    members = circles.T.tocsc()
    one, other = [], []
    for start in range(0, n_owners, OWNERS_AT_ONCE):
        shared = (circles[start : start + OWNERS_AT_ONCE] @ members).tocoo()
        row = shared.coords[0] + start
        strong = shared.data >= overlap * (sizes[row] + sizes[shared.coords[1]] - shared.data)
        one.append(row[strong])
        other.append(shared.coords[1][strong])
    rows, columns = (np.concatenate([np.empty(0, dtype=np.int64), *parts]) for parts in (one, other))
    ties = sparse.coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n_owners, n_owners))
    labels: npt.NDArray[np.int32] = connected_components(ties, directed=False)[1]
    return labels


def named_clusters(owner_ids: npt.NDArray[np.object_], cluster: npt.NDArray[np.int32]) -> Clusters:
    """Clusters of two or more, named by the least id in each; `owner_ids` in any order."""
    ids = np.asarray(owner_ids).astype(np.str_)
    order = np.argsort(ids)
    ids, cluster = ids[order], cluster[order]
    _, first, group, size = np.unique(cluster, return_index=True, return_inverse=True, return_counts=True)
    together = size[group] > 1
    return Clusters(ids[together], ids[first][group][together])


def write_clusters(clusters: Clusters, file: Path) -> None:
    """One Parquet table: owner_id (sorted), cluster_id."""
    columns = [pa.array(clusters.owner_id.tolist()), pa.array(clusters.cluster_id.tolist())]
    columns = [column.cast(pa.string()) for column in columns]
    partial = file.with_name(f".{file.name}.partial")
    try:
        pq.write_table(pa.Table.from_arrays(columns, schema=TABLE), partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def read_clusters(file: Path) -> Clusters:
    """What `write_clusters` wrote; DataError for anything else."""
    try:
        table = pq.read_table(file)
    except FileNotFoundError:
        raise DataError(
            f"{file}: there is no such table of clusters; `sharepicks experiment clusters` writes it"
        ) from None
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: not readable as Parquet: {error}") from None
    if table.schema.names != TABLE.names:
        raise DataError(
            f"{file}: must have the columns {', '.join(TABLE.names)}; got {', '.join(table.schema.names)}"
        )
    owner, cluster = (np.array(table[name].to_pylist(), dtype=np.str_) for name in TABLE.names)
    order = np.argsort(owner)
    owner, cluster = owner[order], cluster[order]
    twice = owner[1:][owner[1:] == owner[:-1]].tolist()
    if twice:
        raise DataError(f"{file}: each owner must stand once; {twice[0]!r} stands twice")
    return Clusters(owner, cluster)
