"""What the routes of one app share."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from serving.errors import ServiceError
from serving.live.live import Live
from serving.metrics import Metrics
from serving.reply_cache import ReplyCache
from serving.settings import Settings
from serving.snapshots import Served, SnapshotKeeper
from serving.store.keeper import StoreKeeper

SNAPSHOT_ID = "sharepicks.snapshot_id"  # key in the request's scope: the snapshot that answered, for the log


@dataclass(frozen=True, slots=True)
class Service:
    """The settings, the serving snapshot, the counters, the kept replies, the store and what it tells."""

    settings: Settings
    keeper: SnapshotKeeper
    metrics: Metrics
    replies: ReplyCache
    store: StoreKeeper
    live: Live

    @property
    def is_degraded(self) -> bool:
        """Whether replies are of the last good state: a newer snapshot, or the store, cannot be read."""
        return self.live.is_behind or self.keeper.trouble is not None

    def served_to(self, request: Request) -> Served:
        """The snapshot that answers this request, noted for the log; ServiceError not_ready without one.

        Taken once: the reply is of one snapshot, whatever is swapped meanwhile.
        """
        served = self.keeper.served
        if served is None:
            raise ServiceError("not_ready", "no usable snapshot serves yet; /readyz says what is missing")
        request.scope[SNAPSHOT_ID] = served.snapshot_id
        return served
