"""From a dataset to a snapshot, a report and DataFrames of picks, for notebooks and scripts: docs/python.md.

Nothing is worked out here: each function calls the one that the command of that name calls, and puts what
came into a table. Paths may be texts, moments too. Errors are those of `recsys.errors`, one sentence each.
"""

from __future__ import annotations

from recsys.threads import limit_threads

limit_threads()  # before numpy is first imported, as the command does

from collections.abc import Iterable, Mapping, Sequence  # noqa: E402
from datetime import datetime  # noqa: E402
from os import PathLike  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from recsys import recommend as core  # noqa: E402
from recsys.domain import Pick, Query, Reply, Target  # noqa: E402
from recsys.errors import QueryError, UsageError  # noqa: E402
from recsys.model_files import model_of  # noqa: E402
from recsys.snapshot import Snapshot  # noqa: E402
from recsys.snapshot import open_snapshot as open_folder  # noqa: E402
from training.baselines import NAMES  # noqa: E402
from training.config import Config  # noqa: E402
from training.evaluate import MAX_OWNERS  # noqa: E402
from training.evaluate import evaluate as judge  # noqa: E402
from training.evaluation import Evaluation, verdict  # noqa: E402
from training.moment import parse_moment  # noqa: E402
from training.report import write_report  # noqa: E402
from training.stages import Say  # noqa: E402
from training.train import train as train_snapshot  # noqa: E402

__all__ = [
    "Evaluation", "Snapshot", "evaluate", "figures", "open_snapshot", "recommend", "recommend_all", "train",
    "verdict",
]  # fmt: skip

Place = str | PathLike[str]

PICK_TYPES: Mapping[str, str] = {
    "owner_id": "string", "position": "int64", "product_id": "string", "title": "string",
    "category": "string", "price_minor": "Int64", "currency": "string", "score": "float64",
    "source": "string", "value_score": "Float64", "kept": "Float64", "kept_low": "Float64",
    "kept_high": "Float64", "fallback": "string", "reasons": "object",
}  # fmt: skip
LIST_TYPES: Mapping[str, str] = {
    "owner_id": "string", "position": "int32", "product_id": "string", "score": "float32",
    "source": "string", "worth": "Float32",
}  # fmt: skip
FIGURE_TYPES: Mapping[str, str] = {
    "method": "string", "label": "string", "measure": "string", "mean": "float64", "low": "float64",
    "high": "float64",
}  # fmt: skip


def train(
    dataset: Place,
    snapshot: Place,
    *,
    as_of: datetime | str | None = None,
    config: Config | Mapping[str, Any] | None = None,
    say: Say = lambda _: None,
) -> Snapshot:
    """The snapshot of a dataset as of a moment (None: its last event), written to a new folder and opened.

    `config` is section → key → value as in `training/default.toml`; `say` hears what is being done. DataError
    when the dataset breaks its contract, UsageError when the folder is there or the moment has no offset.
    """
    moment = parse_moment(as_of) if isinstance(as_of, str) else as_of
    done = train_snapshot(Path(dataset), Path(snapshot), as_of=moment, config=config, say=say)
    return open_snapshot(done.path)


def open_snapshot(snapshot: Place) -> Snapshot:
    """A snapshot that was written before, every byte checked; SnapshotError when it is damaged."""
    return open_folder(Path(snapshot))


def evaluate(
    snapshot: Snapshot | Place,
    dataset: Place,
    *,
    report: Place | None = None,
    target: Target = "circle",
    baselines: Sequence[str] = NAMES,
    max_owners: int = MAX_OWNERS,
    seed: int = 0,
) -> Evaluation:
    """The snapshot beside baselines, by full ranking on what it has not seen; `report`: an HTML file.

    Where the dataset has no orders after the snapshot's moment, a twin is trained on an earlier part, which
    takes about as long as `train`; `Evaluation.said` tells which it was. UsageError for an unknown baseline
    or a report in a folder that is not there, DataError when there is nothing to judge on.
    """
    page = None if report is None else Path(report)
    if page is not None and not page.absolute().parent.is_dir():
        raise UsageError(f"{page}: there is no folder {page.absolute().parent}; make it first")
    path = snapshot.path if isinstance(snapshot, Snapshot) else Path(snapshot)
    found = judge(path, Path(dataset), target=target, baselines=baselines, max_owners=max_owners, seed=seed)
    if page is not None:
        write_report(found, page)
    return found


def figures(evaluation: Evaluation) -> pd.DataFrame:
    """One row per method and measure: method, label, measure, and the mean over owners with its interval.

    `mean`, `low`, `high` float64; the two ends hold 95 % of resamples of the owners. Ours come first.
    """
    rows = [
        (method.name, method.label, name, found.mean, found.low, found.high)
        for method in evaluation.methods
        for name, found in method.measures.items()
    ]
    return _frame(rows, FIGURE_TYPES)


def recommend(
    snapshot: Snapshot | Place,
    owner_ids: str | Iterable[str],
    *,
    n: int = 20,
    target: Target = "circle",
    category: str | None = None,
    max_price_minor: int | None = None,
    unseen: bool = False,
) -> pd.DataFrame:
    """One row per pick, owners in the order asked for, the best pick of each first; at most `n` ≤ 100 each.

    Columns as in docs/python.md: prices in minor units of `currency`, `value_score` in [0, 1], `kept` orders
    that one share is expected to bring with the ends between which eight in ten lie, `reasons` a tuple of
    sentences. An owner who is not known gets a lent list, which `fallback` names; one without picks has no
    row. QueryError when n is outside 1 to 100.
    """
    opened = _opened(snapshot)
    asked = [owner_ids] if isinstance(owner_ids, str) else list(owner_ids)
    rows: list[tuple[Any, ...]] = []
    for owner_id in asked:
        query = Query(
            owner_id, n=n, target=target, category=category, max_price_minor=max_price_minor, unseen=unseen
        )
        reply = core.recommend(opened, query)
        rows += [_pick_row(reply, pick) for pick in reply.picks]
    return _frame(rows, PICK_TYPES)


def recommend_all(
    snapshot: Snapshot | Place, *, n: int = 20, target: Target = "circle", unseen: bool = False
) -> pd.DataFrame:
    """The lists of every owner of the snapshot at once, without their reasons.

    owner_id, position (int32 from 1), product_id, score float32, source, and `worth` Float32: the expected
    good value that lists for a circle stand by, NA where the score decides. As many rows as owners have
    picks, at most n each. QueryError when n is below 1.
    """
    if n < 1:
        raise QueryError(f"n must be at least 1; got {n}")
    opened = _opened(snapshot)
    model = model_of(opened)
    rows = np.arange(len(model.people.owners), dtype=np.int32)
    sources = np.array(core.SOURCE_NAMES, dtype=object)
    chunks = [
        pd.DataFrame({
            "owner_id": model.people.owners.take(chunk.owner_row), "position": chunk.rank,
            "product_id": model.products.ids.take(chunk.product_row), "score": chunk.score,
            "source": sources[chunk.source],
            "worth": pd.NA if chunk.worth is None else chunk.worth,
        }).astype(dict(LIST_TYPES))
        for chunk in core.rank_many(opened, rows, n, target, unseen)
    ]  # fmt: skip
    return pd.concat(chunks, ignore_index=True) if chunks else _frame([], LIST_TYPES)


def _pick_row(reply: Reply, pick: Pick) -> tuple[Any, ...]:
    price = (None, None) if pick.offer is None else (pick.offer.price_minor, pick.offer.currency)
    kept = None if pick.expected is None else pick.expected.kept
    brings = (None, None, None) if kept is None else (kept.mid, kept.low, kept.high)
    return (
        reply.owner_id, pick.position, pick.product_id, pick.title, pick.category, *price, pick.score,
        pick.source, pick.value_score, *brings, reply.fallback, tuple(reason.text for reason in pick.reasons),
    )  # fmt: skip


def _opened(snapshot: Snapshot | Place) -> Snapshot:
    return snapshot if isinstance(snapshot, Snapshot) else open_snapshot(snapshot)


def _frame(rows: Iterable[tuple[Any, ...]], types: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(types), dtype="object").astype(dict(types))
