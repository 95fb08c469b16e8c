"""What the service counts, as sections of a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serving.console.sections import Section, heads, told
from serving.service import Service
from serving.shop.words import Words

Samples = Iterable[tuple[str, Mapping[str, str], float]]


@dataclass(slots=True)
class Times:
    """How long some calls took: their number, seconds in all, and how many took at most each bound."""

    n: float = 0.0
    seconds: float = 0.0
    at_most: Counter[float] = field(default_factory=Counter)

    def bound(self, part: float) -> float | None:
        """The smallest bound in seconds that this part of the calls kept; None when it lies above all."""
        for bound in sorted(self.at_most):
            if self.at_most[bound] >= part * self.n:
                return None if bound == float("inf") else bound
        return None


@dataclass(slots=True)
class Counted:
    """The samples of one exposition, by what they tell."""

    routes: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))
    origins: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    totals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Take in one sample."""
        for metric, label, into in (
            ("sharepicks_request_seconds", "route", self.routes),
            ("sharepicks_reply_seconds", "origin", self.origins),
        ):
            if name.startswith(metric):
                times = into[labels[label]]
                if name.endswith("_count"):
                    times.n += value
                    self.statuses[labels[label], labels.get("status", "")] += int(value)
                elif name.endswith("_sum"):
                    times.seconds += value
                elif name.endswith("_bucket"):
                    times.at_most[float(labels["le"])] += value  # type: ignore[assignment]
        if name.endswith("_total"):
            self.totals[name.removesuffix("_total")][next(iter(labels.values()), "")] += int(value)


def live_sections(service: Service, samples: Samples, now: datetime, words: Words) -> list[Section]:
    """What serves and how old it is, how far the live state is behind, what was asked and what was given."""
    counted = Counted()
    for name, labels, value in samples:
        counted.add(name, labels, value)
    return told(
        _state(service, now, words),
        _lists(counted, words),
        _times(words.say("live.by_origin"), words.say("live.origin"), _named_origins(counted, words), words),
        _sources(counted, words),
        _routes(counted, words),
    )  # fmt: skip


def _state(service: Service, now: datetime, words: Words) -> Section:
    served, age_s = service.keeper.served, service.live.read_age_s
    figures = [(words.say("live.serving"), "–" if served is None else served.snapshot_id)]
    if served is not None and served.as_of is not None:
        hours = (now - served.as_of).total_seconds() / 3600
        figures.append((words.say("live.age"), words.say("live.hours", n=words.figure(hours, 1))))
    if not service.live.is_on:
        lag = words.say("live.no_store")
    else:
        lag = "–" if age_s is None else words.say("live.seconds", n=words.figure(age_s, 1))
    figures.append((words.say("live.lag"), lag))
    note = words.say("live.degraded") if service.is_degraded else None
    return Section(words.say("live.state"), note, tuple(figures))


def _lists(counted: Counted, words: Words) -> Section:
    replies, short = counted.totals["sharepicks_replies"], counted.totals["sharepicks_short_replies"]
    fallbacks, n = counted.totals["sharepicks_fallbacks"], sum(replies.values())
    title = words.say("live.lists")
    if not n:
        return Section(title, words.say("live.none_yet"))
    figures = [
        (words.say("live.n_lists"), words.figure(n)),
        (words.say("live.from_cache"), _part(replies["cache"], n, words)),
        (words.say("live.fallback_rate"), _part(sum(fallbacks.values()), n, words)),
        *(
            (words.say("live.fallback", step=step), _part(count, n, words))
            for step, count in sorted(fallbacks.items())
        ),
        (words.say("live.short"), _part(sum(short.values()), n, words)),
    ]
    return Section(title, None, tuple(figures))


def _sources(counted: Counted, words: Words) -> Section:
    picks = counted.totals["sharepicks_picks"]
    n = sum(picks.values())
    rows = tuple(
        (source, words.figure(count), _part(count, n, words)) for source, count in picks.most_common()
    )
    columns = heads(words, "live", "source", "picks", "part")
    return Section(words.say("live.by_source"), None, (), columns, rows)


def _named_origins(counted: Counted, words: Words) -> dict[str, Times]:
    return {words.named("live", f"origin_{name}"): times for name, times in sorted(counted.origins.items())}


def _times(title: str, of: str, times: Mapping[str, Times], words: Words) -> Section:
    rows = tuple(
        (name, words.figure(one.n), _mean(one, words), _bound(one, 0.5, words), _bound(one, 0.95, words))
        for name, one in times.items() if one.n
    )  # fmt: skip
    return Section(title, None, (), (of, *_time_columns(words)), rows)


def _routes(counted: Counted, words: Words) -> Section:
    rows = []
    for route, times in sorted(counted.routes.items(), key=lambda pair: (-pair[1].n, pair[0])):
        refused = sum(n for (of, status), n in counted.statuses.items() if of == route and status >= "400")
        rows.append((
            route.replace(":path}", "}"), words.figure(times.n), _mean(times, words),
            _bound(times, 0.5, words), _bound(times, 0.95, words), _part(refused, int(times.n), words),
        ))  # fmt: skip
    columns = (words.say("live.route"), *_time_columns(words), words.say("live.refused"))
    return Section(words.say("live.requests"), None, (), columns, tuple(rows))


def _time_columns(words: Words) -> tuple[str, ...]:
    return heads(words, "live", "calls", "mean_ms", "half_ms", "most_ms")


def _mean(times: Times, words: Words) -> str:
    return words.figure(1000 * times.seconds / times.n, 2) if times.n else "–"


def _bound(times: Times, part: float, words: Words) -> str:
    bound = times.bound(part)
    return "> 5000" if bound is None else f"≤ {words.figure(1000 * bound, 1)}"


def _part(count: int, n: int, words: Words) -> str:
    return words.part(count / n, 4) if n else "–"
