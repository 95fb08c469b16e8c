"""A town of two fake snapshots: a folder with a manifest opens as an engine that signs its picks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from recsys.domain import Expected, Offer, Pick, Query, Reason, Reply, Spread
from recsys.errors import SnapshotError
from recsys.pointer import promote
from serving.app import create_app
from serving.service import Service
from serving.settings import Settings
from serving.snapshots import Served

AS_OF = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KNOWN_OWNER = "owner-1"

GOOD_VALUE = {
    "value_score": 0.75, "value_low": 0.5, "quality": 0.97, "quality_low": 0.95, "return_rate": 0.02,
    "n_mature": 40, "n_comparables": 12, "price_percentile": 0.25, "badge": None,
}  # fmt: skip


def fake_recommend(snapshot_id: str, query: Query) -> Reply:
    """Picks whose titles name the snapshot they came from."""
    if query.owner_id == "owner-that-breaks":
        raise KeyError("member-4711")
    wanted = query.product_ids or tuple(f"p{row}" for row in range(50))
    picks = tuple(
        Pick(
            product_id=product_id,
            title=f"{snapshot_id} 面条",
            category="Food > Noodles",
            offer=Offer(1990, "CNY") if position % 2 else None,
            position=position,
            score=1.0 / position,
            source="taste" if position % 2 else "popular",
            reasons=(Reason("bought_together", "bought together by 214 people", {"n_people": 214}),),
            value_score=0.75 if position == 1 else None,
            good_value=GOOD_VALUE if position == 1 else None,
            expected=Expected(Spread(0, 0.5, 1), None, Spread(0, 99.5, 199)) if position == 1 else None,
        )
        for position, product_id in enumerate(wanted[: query.n], start=1)
    )
    fallback = None if query.owner_id == KNOWN_OWNER else "popular"
    shorter = None if len(picks) == query.n else f"only {len(picks)} products are left"
    return Reply(query.owner_id, query.target, picks, fallback, shorter)


def open_fake(path: Path) -> Served:
    """A fake snapshot from its manifest; a damaged one is refused as the real reader refuses."""
    try:
        manifest = json.loads((path / "manifest.json").read_text())
    except ValueError:
        raise SnapshotError(f"{path}: manifest.json is damaged") from None
    return Served(manifest["snapshot_id"], AS_OF, partial(fake_recommend, manifest["snapshot_id"]))


def write_fake(registry: Path, name: str, manifest: str | None = None) -> None:
    """Put a fake snapshot into a registry folder; `manifest` overrides its text to damage it."""
    folder = registry / name
    folder.mkdir(parents=True)
    text = json.dumps({"snapshot_id": name}) if manifest is None else manifest
    (folder / "manifest.json").write_text(text)


def make_registry(folder: Path) -> Path:
    """A registry folder with the snapshots `one` and `two`, `one` promoted."""
    write_fake(folder, "one")
    write_fake(folder, "two")
    promote(folder, "one")
    return folder


def make_app(registry: Path) -> FastAPI:
    """An app over the fakes, its first snapshot already serving; the watcher does not run."""
    app = create_app(Settings(snapshots=registry, poll_every_s=0.01, body_within_s=0.2), open_fake)
    service: Service = app.state.service
    service.metrics.snapshot_looked_at(service.keeper.refresh(), service.keeper.served)
    return app
