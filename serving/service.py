"""What the routes of one app share."""

from __future__ import annotations

from dataclasses import dataclass

from serving.metrics import Metrics
from serving.settings import Settings
from serving.snapshots import SnapshotKeeper

SNAPSHOT_ID = "sharepicks.snapshot_id"  # key in the request's scope: the snapshot that answered, for the log


@dataclass(frozen=True, slots=True)
class Service:
    """The settings, the serving snapshot and the counters of one app."""

    settings: Settings
    keeper: SnapshotKeeper
    metrics: Metrics
