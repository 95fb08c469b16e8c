"""The registry as the console shows it: what there is, who moved what, one run card, two compared."""

from __future__ import annotations

import contextlib
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from recsys.comparing import compare
from recsys.errors import SnapshotError
from recsys.manifest import read_manifest
from recsys.registry import Known, Move, done, journal, known_snapshots, named, serving_name
from recsys.run_card import evaluation_path, read_beside, run_card_path
from recsys.snapshot import open_snapshot
from serving.console.console import snapshot_address
from serving.console.sections import Link, Section, heads
from serving.console.snapshot_view import run_card_sections
from serving.shop.words import Words

N_MOVES = 20
N_OWNERS = 100  # whose lists are compared


def registry_told(folder: Path, words: Words) -> dict[str, Any]:
    """Rows of the snapshots, the names to choose from, the newest moves; empty without a registry."""
    try:
        known, moves = known_snapshots(folder), journal(folder)
    except SnapshotError:
        return {"no_registry": True, "rows": [], "names": [], "moves": None, "serving_name": None}
    usable = [one.name for one in known if one.trouble is None]
    return {
        "no_registry": False, "rows": [_row(one, words) for one in known], "names": usable,
        "moves": _moves(moves, done(folder, moves), words), "serving_name": serving_name(folder),
    }  # fmt: skip


def run_card_told(folder: Path, name: str, words: Words) -> dict[str, Any]:
    """A snapshot and what stands beside it; SnapshotError when there is none of that name or id."""
    known = named(folder, name)
    if known.trouble is not None:
        raise SnapshotError(known.trouble)
    place = folder / known.name
    fields = read_manifest(place).fields
    moves = journal(folder)
    pairs = [pair for pair in zip(moves, done(folder, moves), strict=True) if pair[0].after == known.name]
    sections = run_card_sections(
        fields, _beside(run_card_path(place)), _beside(evaluation_path(place)), words
    )
    of_it = _moves([move for move, _ in pairs], [was_done for _, was_done in pairs], words)
    return {
        "known": known, "size": _size(known, words), "serving_name": serving_name(folder),
        "sections": [*sections, *([of_it] if of_it.rows else [])],
    }  # fmt: skip


def _beside(file: Path) -> dict[str, Any] | None:
    with contextlib.suppress(SnapshotError):
        return read_beside(file)
    return None


def compared(folder: Path, before: Known, after: Known) -> dict[str, Any]:
    """Two snapshots compared, seconds of work on a thread; the last few are kept."""
    for known in (before, after):
        if known.trouble is not None:
            raise SnapshotError(known.trouble)
    return _compared(folder / before.name, before.snapshot_id, folder / after.name, after.snapshot_id)


@lru_cache(maxsize=8)
def _compared(before: Path, _before_id: str | None, after: Path, _after_id: str | None) -> dict[str, Any]:
    return compare(open_snapshot(before), open_snapshot(after), seed=0, n_owners=N_OWNERS)


def _row(known: Known, words: Words) -> dict[str, Any]:
    return {
        "name": known.name, "href": snapshot_address(known.name), "serves": known.is_serving,
        "snapshot_id": known.snapshot_id or "–", "as_of": _moment(known.as_of, words),
        "size": _size(known, words), "trouble": known.trouble is not None,
    }  # fmt: skip


def _moment(as_of: str | None, words: Words) -> str:
    with contextlib.suppress(ValueError):
        return words.say("runcard.timeless") if as_of is None else words.moment(datetime.fromisoformat(as_of))
    return str(as_of)


def _size(known: Known, words: Words) -> str:
    return words.say("snapshots.megabytes", n=words.figure(known.n_bytes / 1e6, 1))


def _moves(moves: list[Move], were_done: list[bool], words: Words) -> Section:
    rows = tuple(
        (
            made.time[:19].replace("T", " "),
            _act(made, was_done, words),
            Link(made.after, snapshot_address(made.after)), made.before or "–", made.who, made.why or "–",
        )
        for made, was_done in list(zip(moves, were_done, strict=True))[: -N_MOVES - 1 : -1]
    )  # fmt: skip
    columns = heads(words, "snapshots", "when", "act", "after", "before", "who", "reason")
    return Section(words.say("snapshots.moves"), None, (), columns, rows, len(columns))


def _act(made: Move, was_done: bool, words: Words) -> str:
    act = words.named("snapshots", f"act_{made.act}")
    return act if was_done else f"{act} {words.say('snapshots.not_done')}"
