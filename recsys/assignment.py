"""Which policy an owner gets: a hash decides, so that every process, today and next week, says the same.

Owners whose circles overlap strongly would show the same members two policies; they are assigned as one
cluster (graph cluster randomization, Ugander, Karrer, Backstrom and Kleinberg 2013).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.experiment import Experiment, Policy

HASH_BYTES = 8
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Owners assigned together: `owner_id` sorted, `cluster_id` beside it; who is absent stands alone.

    A cluster is named by the least of its owners' ids.
    """

    owner_id: Texts
    cluster_id: Texts

    def cluster_of(self, owner_id: str) -> str:
        """The cluster of one owner, her own id where she stands alone."""
        place = int(np.searchsorted(self.owner_id, owner_id))
        if place < len(self.owner_id) and self.owner_id[place] == owner_id:
            return str(self.cluster_id[place])
        return owner_id

    def clusters_of(self, owner_ids: Sequence[str] | Texts) -> Texts:
        """The cluster of each owner, (n_owners,)."""
        found = [self.cluster_of(owner_id) for owner_id in owner_ids]
        return np.array(found, dtype=np.str_)


EVERYBODY_ALONE = Clusters(np.array([], dtype=np.str_), np.array([], dtype=np.str_))


def policy_of(experiment: Experiment, owner_id: str, clusters: Clusters = EVERYBODY_ALONE) -> Policy:
    """The policy of one owner: the same for all of her cluster, uniform by weight over clusters."""
    return experiment.policies[_row_of(experiment, clusters.cluster_of(owner_id))]


def policy_rows(experiment: Experiment, cluster_ids: Sequence[str] | Texts) -> npt.NDArray[np.int64]:
    """The place among the policies of each cluster, (n_clusters,)."""
    return np.array([_row_of(experiment, str(cluster)) for cluster in cluster_ids], dtype=np.int64)


def chance(experiment: Experiment, cluster_id: str) -> float:
    """The cluster's number in [0, 1): 64 bits of BLAKE2b over name, salt and id, each with its length."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    for part in (experiment.name, experiment.salt, cluster_id):
        content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(HASH_BYTES, "big") + content)
    # 53 bits are what a float holds: more would round some up to 1
    return (int.from_bytes(digest.digest(), "big") >> 11) / 2.0**53


def _row_of(experiment: Experiment, cluster_id: str) -> int:
    mark = chance(experiment, cluster_id) * sum(policy.weight for policy in experiment.policies)
    upto = 0.0
    for row, policy in enumerate(experiment.policies):
        upto += policy.weight
        if mark < upto:
            return row
    return len(experiment.policies) - 1
