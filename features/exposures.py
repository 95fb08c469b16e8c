"""What an experiment's impressions and shares say: who was shown what by which policy, and what came of it.

An impression belongs to an experiment when its `experiment` column says NAME/POLICY. Owners are counted from
the impressions themselves, not from the owners known otherwise: one who never shared counts too.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import NO_ROW, Array, places_in
from features.contract import TABLE_BY_NAME
from features.known import known_at
from features.reading import read_table
from features.row_check import micros
from features.share_outcomes import share_outcomes
from features.window import Window
from recsys.errors import DataError
from recsys.experiment import Experiment


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """Who was exposed, and her shares from then on to the end of the experiment.

    `owner_id` sorted, `first_us` (µs since 1970), (n_owners,). Logged, one entry per owner and policy:
    `logged_owner` (place in owner_id), `logged_policy`, `n_impressions`, `n_without_propensity`. Shares:
    `share_owner` (place in owner_id), `share_us`, `n_kept`.
    """

    owner_id: Array
    first_us: Array
    logged_owner: Array
    logged_policy: Array
    n_impressions: Array
    n_without_propensity: Array
    share_owner: Array
    share_us: Array
    n_kept: Array


def exposures(window: Window, experiment: Experiment) -> Exposures:
    """The exposures of one experiment as of the window's moment; DataError where nothing can be told."""
    logged = _logged(window, experiment)
    if not len(logged["owner_id"]):
        raise DataError(
            f"{window.dataset.path}: no impression says {experiment.name}/POLICY in its column experiment "
            "between the experiment's start and end; log what is shown with its policy"
        )
    outcomes = share_outcomes(window)
    if outcomes is None:
        raise DataError(
            f"{window.dataset.path}: no order names its share (share_id), so nothing tells what shares led to"
        )
    owner_id, place = np.unique(logged["owner_id"], return_inverse=True)
    first = np.full(len(owner_id), np.iinfo(np.int64).max)
    np.minimum.at(first, place, logged["first_us"])
    known = np.asarray(window.ids["owners"]).astype(np.str_)
    share_owner = places_in(owner_id, known[outcomes.owner_row])
    counts = (share_owner != NO_ROW) & (outcomes.share_time < micros(experiment.end_time))
    counts &= outcomes.share_time >= first[share_owner]
    policy = np.array([label.partition("/")[2] for label in logged["experiment"].tolist()], dtype=np.str_)
    return Exposures(
        owner_id, first, place, policy, logged["n"], logged["n_without"],
        share_owner[counts], outcomes.share_time[counts], outcomes.n_kept[counts],
    )  # fmt: skip


def _logged(window: Window, experiment: Experiment) -> dict[str, Array]:
    """owner_id, experiment, n, n_without (propensity), first_us: one entry per owner and label."""
    rows = read_table(window.engine, window.dataset, "impressions")
    rows = known_at(rows, TABLE_BY_NAME["impressions"], window.as_of)
    start, end = (
        ibis.literal(moment.replace(tzinfo=None), type="timestamp(6)")
        for moment in (experiment.start_time, experiment.end_time)
    )
    time = rows.impression_time
    rows = rows.filter(rows.experiment.startswith(f"{experiment.name}/") & (time >= start) & (time < end))
    grouped = rows.group_by("owner_id", "experiment").agg(
        n=rows.count(), n_without=rows.propensity.isnull().sum(), first=rows.impression_time.min()
    )
    found = window.engine.arrow(grouped)
    texts = {name: np.array(found[name].to_pylist(), dtype=np.str_) for name in ("owner_id", "experiment")}
    counts = {name: found[name].to_numpy().astype(np.int64) for name in ("n", "n_without")}
    first = found["first"].to_numpy().astype("datetime64[us]").astype(np.int64)
    return {**texts, **counts, "first_us": first}
