"""What the service counts, for Prometheus.

With several worker processes the values live in files under PROMETHEUS_MULTIPROC_DIR, which must be set
before this module is first imported; a scrape of any worker then shows the sum of all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.reply_cache import KeptReply
from serving.snapshots import Outcome, Served

CONTENT_TYPE = CONTENT_TYPE_LATEST
LAG_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0)
SECONDS = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counters of one process (or, with `multiprocess`, of all workers of one service)."""

    def __init__(self, *, multiprocess: bool = False) -> None:
        self._multiprocess = multiprocess
        self._registry = registry = CollectorRegistry()
        if not multiprocess:
            ProcessCollector(registry=registry)
        self._seconds = Histogram(
            "sharepicks_request_seconds", "Time from request to reply",
            ["route", "status"], buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._picks = Counter(
            "sharepicks_picks", "Picks given, by the source that proposed them", ["source"], registry=registry
        )
        self._fallbacks = Counter(
            "sharepicks_fallbacks", "Replies to owners the snapshot does not know, by step of the ladder",
            ["fallback"], registry=registry,
        )  # fmt: skip
        self._replies = Counter(
            "sharepicks_replies", "Lists given, by whether they were computed for the request", ["origin"],
            registry=registry,
        )  # fmt: skip
        self._reply_seconds = Histogram(
            "sharepicks_reply_seconds", "Time to give a list, by whether it was computed for the request",
            ["origin"], buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._short = Counter(
            "sharepicks_short_replies", "Replies with fewer picks than asked for", registry=registry
        )
        self._outcomes = Counter(
            "sharepicks_snapshot_swaps", "Candidates that became the serving snapshot or were refused",
            ["outcome"], registry=registry,
        )  # fmt: skip
        self._info = Gauge(
            "sharepicks_snapshot_info", "1 for the serving snapshot", ["snapshot_id"],
            registry=registry, multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._age = Gauge(
            "sharepicks_snapshot_age_seconds", "Time since the moment the serving snapshot knows (as_of)",
            registry=registry, multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._lag = Histogram(
            "sharepicks_live_lag_seconds",
            "From receiving a row to showing it, of the row that waited longest of each reading",
            buckets=LAG_SECONDS, registry=registry,
        )  # fmt: skip
        self._read = Gauge(
            "sharepicks_live_read_timestamp_seconds",
            "When all that the store held was last known, of the worker that is furthest behind",
            registry=registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self._ready = Gauge(
            "sharepicks_ready", "1 when a usable snapshot serves", registry=registry, multiprocess_mode="min"
        )
        self._shown_id: str | None = None

    def request_done(self, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template, never the path that came."""
        self._seconds.labels(route, str(status)).observe(seconds)

    def reply_given(self, reply: KeptReply, seconds: float, *, from_cache: bool) -> None:
        """Count the picks of one reply by source, what was special about it, and what it took."""
        for source, n_picks in reply.picks_by_source.items():
            self._picks.labels(source).inc(n_picks)
        if reply.fallback is not None:
            self._fallbacks.labels(reply.fallback).inc()
        if reply.is_short:
            self._short.inc()
        origin = "cache" if from_cache else "computed"
        self._replies.labels(origin).inc()
        self._reply_seconds.labels(origin).observe(seconds)

    def live_read(self, lag_s: float | None, read_s: float) -> None:
        """Note a reading of the store: how long its rows waited (None: there were none), and when it was."""
        if lag_s is not None:
            self._lag.observe(lag_s)
        self._read.set(read_s)

    def snapshot_looked_at(self, outcome: Outcome, served: Served | None) -> None:
        """Count what became of a candidate and show which snapshot serves."""
        self._ready.set(0 if served is None else 1)
        if outcome == "same":
            return
        self._outcomes.labels(outcome).inc()
        if served is None or served.snapshot_id == self._shown_id:
            return
        if self._shown_id is not None:
            self._info.labels(self._shown_id).set(0)
            if not self._multiprocess:  # files of several processes cannot drop a label
                self._info.remove(self._shown_id)
        self._info.labels(served.snapshot_id).set(1)
        self._shown_id = served.snapshot_id

    def exposition(self, served: Served | None, now: datetime) -> bytes:
        """Every metric in the text format of Prometheus."""
        return generate_latest(self._of_all_workers(served, now))

    def samples(self, served: Served | None, now: datetime) -> Iterator[tuple[str, dict[str, str], float]]:
        """Every figure of the exposition: its name, labels and value."""
        for family in self._of_all_workers(served, now).collect():
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value

    def _of_all_workers(self, served: Served | None, now: datetime) -> CollectorRegistry:
        if served is not None and served.as_of is not None:
            self._age.set((now - served.as_of).total_seconds())
        if not self._multiprocess:
            return self._registry
        _forget_dead_workers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        all_workers = CollectorRegistry()
        MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
        return all_workers


def _forget_dead_workers(folder: Path) -> None:
    """Drop what workers told of themselves that are no more: a worker that ended is not behind."""
    for file in folder.glob("gauge_live*_*.db"):
        process_id = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            mark_process_dead(process_id)  # type: ignore[no-untyped-call]
        except PermissionError:
            continue
