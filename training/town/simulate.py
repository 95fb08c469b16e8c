"""Play a town day by day: a dataset on one side, its hidden truth on the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.dataset import DatasetWriter
from recsys.errors import UsageError
from training.town import behaviour
from training.town.columns import Sink
from training.town.config import SHARED_PART, TownConfig
from training.town.draw import stream
from training.town.groups import settle_groups
from training.town.lines import (
    Buys,
    Lines,
    buys_of,
    day_of,
    join,
    own_lines,
    shared_lines,
    till_trials,
)
from training.town.outcomes import Endings, draw_complaints, draw_endings, draw_reviews
from training.town.sharing import Shares, plan_shares, respond
from training.town.state import State, begin
from training.town.town import Town, build_town
from training.town.truth_files import CHANGES_FILE, LINES_FILE, truth_path, write_town
from training.town.write_days import (
    write_events,
    write_groups,
    write_lines,
    write_opinions,
    write_returns,
    write_shares,
)
from training.town.write_static import write_goods, write_owners

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Simulated:
    """Where the dataset and its truth lie, and how many rows each table has."""

    path: Path
    truth: Path
    n_rows: Mapping[str, int]


def simulate(
    config: TownConfig, path: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Simulated:
    """A town's dataset in `path` and its truth in `path`.truth; nothing stays when it fails.

    `progress` is told (days done, days in all). UsageError when either place is taken.
    """
    truth, writer = truth_path(path), DatasetWriter(path, overwrite=overwrite)
    if truth.exists() and not overwrite:
        raise UsageError(
            f"{truth}: already exists (the truth of an earlier town); remove it or name a new folder"
        )
    partial = truth.parent / f".{truth.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with writer:
            sink = Sink(writer)
            _play(build_town(config), sink, partial, progress)
            sink.finish()
        shutil.rmtree(truth, ignore_errors=True)
        partial.rename(truth)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Simulated(path, truth, dict(sink.n_rows))


def _play(town: Town, sink: Sink, truth: Path, progress: Progress | None) -> None:
    write_goods(town, sink)
    write_owners(town, sink)
    write_town(town, truth)
    state, pace = begin(town), Pace()
    with pq.ParquetWriter(truth / LINES_FILE, LINES_SCHEMA, compression="zstd") as ledger:
        for day in range(town.config.n_days):
            lines, endings = _play_day(town, state, pace, day, sink)
            ledger.write_table(_ledger_rows(town, lines, endings))
            if progress is not None:
                progress(day + 1, town.config.n_days)
    _write_changes(state, truth)


@dataclass(slots=True)
class Pace:
    """Keeps the number of order lines near the number asked for, whatever a share happens to yield."""

    n_lines: int = 0
    n_shares: float = 50.0
    n_shared_lines: float = 30.0
    n_baskets: float = 100.0
    n_own_lines: float = 140.0

    def wanted_shares(self, lines_wanted: float) -> float:
        """Shares that should bring their part of the lines."""
        return SHARED_PART * lines_wanted * self.n_shares / self.n_shared_lines

    def wanted_baskets(self, lines_wanted: float) -> int:
        """Baskets of their own that should bring so many lines."""
        return max(round(lines_wanted * self.n_baskets / self.n_own_lines), 0)


def _play_day(town: Town, state: State, pace: Pace, day: int, sink: Sink) -> tuple[Lines, Endings]:
    seed = town.config.seed
    state.begin_day(day)
    wanted = town.config.lines_per_day * (day + 1) - pace.n_lines
    n_shares = pace.wanted_shares(wanted)
    shares = plan_shares(town, state, day, n_shares, stream(seed, "shares", day))
    write_shares(town, shares, sink)
    buys = _hear(town, state, shares, day, sink)
    in_group = shares.opens_group[buys.share]
    groups, joins, grouped = settle_groups(town, state, shares, _rows(buys, in_group), day)
    write_groups(town, shares, groups, joins, sink)
    shared = join(
        [grouped, shared_lines(town, state, shares, _rows(buys, ~in_group), stream(seed, "buys", day))]
    )

    n_baskets = pace.wanted_baskets(wanted - len(shared))
    own = own_lines(town, state, day, n_baskets, stream(seed, "own", day))
    tests = till_trials(town, state, day, len(shared) + len(own), stream(seed, "tests", day))
    lines = _in_order(join([shared, own, tests]))
    pace.n_lines += len(lines)
    pace.n_shares, pace.n_shared_lines = pace.n_shares + len(shares), pace.n_shared_lines + len(shared)
    pace.n_baskets, pace.n_own_lines = pace.n_baskets + n_baskets, pace.n_own_lines + len(own)
    return lines, _end(town, state, lines, day, sink)


def _hear(town: Town, state: State, shares: Shares, day: int, sink: Sink) -> Buys:
    """Let the circles respond, chunk by chunk; what they buy comes back."""
    rng, views = stream(town.config.seed, "responses", day), stream(town.config.seed, "views", day)
    parts = [Buys(*(np.zeros(0, dtype=np.int64) for _ in Buys._fields))]
    for responses in respond(town, state, shares, day, rng):
        write_events(town, state, shares, responses, sink, views)
        parts.append(buys_of(town, shares, responses))
        muted = responses.circle_row[responses.muted & (responses.see_us < town.config.end_us)]
        state.change_ties(muted, np.full(len(muted), day + 1), 0.0)
    return Buys(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rows(buys: Buys, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Buys:
    return Buys(*(column[which] for column in buys))


def _in_order(lines: Lines) -> Lines:
    """By time; a product stands once in an order."""
    rows = np.lexsort((lines.product, lines.order, lines.time_us))
    order, product = lines.order[rows], lines.product[rows]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (order[1:] != order[:-1]) | (product[1:] != product[:-1])
    return lines.where(rows[first])


def _end(town: Town, state: State, lines: Lines, day: int, sink: Sink) -> Endings:
    """How the day's lines end, written and remembered."""
    rng = stream(town.config.seed, "endings", day)
    endings = draw_endings(town, lines, rng)
    write_lines(town, lines, endings, sink)
    write_returns(town, state, lines, endings, sink)
    reviews, complaints = draw_reviews(town, lines, endings, rng), draw_complaints(lines, endings, rng)
    write_opinions(town, state, lines, reviews, complaints, sink)
    state.remember(lines.member, town.products.leaf[lines.product], lines.product, endings.ended_well, day)
    spoiled = np.flatnonzero((lines.circle_row >= 0) & ~endings.ended_well)
    state.change_ties(
        lines.circle_row[spoiled], day_of(town, endings.delivered_us[spoiled]) + 1, behaviour.SPOILED_TIE
    )
    return endings


LINES_SCHEMA = pa.schema(
    [("day", pa.int16()), ("member", pa.int32()), ("product", pa.int32()), ("circle_row", pa.int32()),
     ("ended_well", pa.bool_()), ("kept", pa.bool_())]
)  # fmt: skip


def _ledger_rows(town: Town, lines: Lines, endings: Endings) -> pa.Table:
    columns = (
        day_of(town, lines.time_us), lines.member, lines.product, lines.circle_row, endings.ended_well,
        endings.return_us < 0,
    )  # fmt: skip
    return pa.table([pa.array(c) for c in columns], names=LINES_SCHEMA.names).cast(LINES_SCHEMA)


def _write_changes(state: State, truth: Path) -> None:
    changes = state.changes
    pq.write_table(
        pa.table({
            "circle_row": np.concatenate([c.circle_row for c in changes]).astype(np.int32),
            "day": np.concatenate([c.day for c in changes]).astype(np.int32),
            "factor": np.concatenate([c.factor for c in changes]),
        }),
        truth / CHANGES_FILE,
        compression="zstd",
    )  # fmt: skip
