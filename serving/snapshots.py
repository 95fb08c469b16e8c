"""The serving snapshot: one reference that moves when the pointer moves.

A request takes the reference once and finishes on it, so no reply mixes two snapshots. A candidate is
opened, verified and asked one trial question beside the old one; a damaged one never serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recsys.domain import Query, Reply
from recsys.errors import SnapshotError
from recsys.pointer import MANIFEST_FILE, read_pointer

if TYPE_CHECKING:
    from recsys.model import Model
    from recsys.snapshot import Snapshot

Outcome = Literal["same", "swapped", "refused", "missing"]
FileKey = tuple[str, int, int, int]

log = logging.getLogger("sharepicks.snapshots")


@dataclass(frozen=True, slots=True)
class Served:
    """A verified snapshot as the routes see it; `as_of` is None for a timeless one."""

    snapshot_id: str
    as_of: datetime | None
    recommend: Callable[[Query], Reply]
    explain_value: Callable[[str], Mapping[str, Any] | None] = lambda _product_id: None
    supplier_insights: Callable[[str, int], Mapping[str, Any] | None] = lambda _supplier_id, _n: None
    demand: Callable[[int], list[dict[str, Any]]] = lambda _n: []
    model: Model | None = None  # what live facts are laid over; None: its replies are as they are
    draws: bool = False  # whether a reply hangs on its seed, as exploration slots make it
    snapshot: Snapshot | None = None  # for what is read of it when it is first asked for


def open_served(path: Path) -> Served:
    """The snapshot of a folder, verified and able to answer; SnapshotError when it is not."""
    from recsys.explain_value import explain_value
    from recsys.model_files import model_of
    from recsys.recommend import recommend
    from recsys.snapshot import open_snapshot
    from recsys.supplier_report import SupplierReport
    from recsys.trial import try_out

    snapshot = open_snapshot(path, verify=True)
    manifest, suppliers, model = snapshot.manifest, SupplierReport(snapshot), model_of(snapshot)
    as_of = read_as_of(manifest.fields.get("as_of"), path)
    served = Served(
        manifest.snapshot_id, as_of, partial(recommend, snapshot), partial(explain_value, snapshot),
        suppliers.insights, suppliers.demand, model, model.rules.exploration_slots > 0,
        snapshot,
    )  # fmt: skip
    try_out(path, snapshot.ids("owners"), served.recommend)
    return served


def read_as_of(value: object, path: Path) -> datetime | None:
    """The moment a snapshot knows, from its manifest's field; SnapshotError unless RFC 3339 or null."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and (moment := datetime.fromisoformat(value)).tzinfo is not None:
            return moment.astimezone(UTC)
    raise SnapshotError(f"{path}: as_of must be an RFC 3339 time with an offset, or null; train it again")


class SnapshotKeeper:
    """Holds the serving snapshot of a folder and replaces it when the pointer moves.

    `served` is None until a usable snapshot was found; `trouble` says why the newest candidate does not
    serve (None when it does). `refresh` is called by one thread at a time.
    """

    def __init__(self, folder: Path, open_snapshot: Callable[[Path], Served] = open_served) -> None:
        self.folder = folder
        self.served: Served | None = None
        self.trouble: str | None = f"{folder}: not opened yet"
        self._open = open_snapshot
        self._served_key: tuple[FileKey, ...] | None = None
        self._refused_key: tuple[FileKey, ...] | None = None
        self._said: str | None = None

    def refresh(self) -> Outcome:
        """Look at the pointer once and swap when it names another, usable snapshot."""
        try:
            path = read_pointer(self.folder)
            manifest_key = (_file_key(path / MANIFEST_FILE),)
        except (SnapshotError, OSError) as error:
            return self._stay("missing", _sentence(error))
        if manifest_key == self._served_key:
            self.trouble = self._said = self._refused_key = None
            return "same"
        # The pointer itself is part of a refused candidate's key: promoting it once more tries it again.
        candidate_key = (*manifest_key, _file_key(self.folder / "current"))
        if candidate_key == self._refused_key:
            return "same"
        try:
            served = self._open(path)
        except SnapshotError as error:
            self._refused_key = candidate_key
            return self._stay("refused", _sentence(error))
        except OSError as error:  # no handles, no memory to map: may pass, so it is tried again
            return self._stay("refused", _sentence(error))
        self.served = served
        self._served_key = manifest_key
        self.trouble = self._said = self._refused_key = None
        log.info("snapshot swapped", extra={"fields": {"snapshot_id": served.snapshot_id}})
        return "swapped"

    def _stay(self, outcome: Outcome, sentence: str) -> Outcome:
        self.trouble = sentence
        if sentence == self._said:
            return "same"
        self._said = sentence
        log.error("snapshot %s", outcome, extra={"fields": {"detail": sentence}})
        return outcome


async def keep_fresh(
    keeper: SnapshotKeeper, poll_every_s: float, on_outcome: Callable[[Outcome], None]
) -> None:
    """Refresh the keeper again and again, in a thread, until cancelled."""
    while True:
        on_outcome(await asyncio.to_thread(keeper.refresh))
        await asyncio.sleep(poll_every_s)


def _file_key(file: Path) -> FileKey:
    try:
        found = file.stat()
    except FileNotFoundError:
        return (str(file), 0, 0, 0)
    return (str(file), found.st_ino, found.st_mtime_ns, found.st_size)


def _sentence(error: SnapshotError | OSError) -> str:
    if isinstance(error, SnapshotError):
        return str(error)
    return f"{error.filename or 'the snapshot'}: {error.strerror or type(error).__name__}"
