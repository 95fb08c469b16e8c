"""Two snapshots side by side: what they were made from, and how far their lists differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys.model_files import model_of
from recsys.recommend import rank_many
from recsys.snapshot import Snapshot

N_OWNERS = 300
N_PLACES = 10


def compare(before: Snapshot, after: Snapshot, seed: int, n_owners: int = N_OWNERS) -> dict[str, Any]:
    """What changed from one snapshot to the other.

    `lists`: over at most `n_owners` drawn owners that both know, the mean part of the first 10 places that
    stays, the part of first places that changed, and the products that stand in any list before and after.
    """
    known = _owners_of_both(before, after)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(known))[:n_owners])
    owners = [known[at] for at in drawn.tolist()]
    lists = [_lists(snapshot, owners) for snapshot in (before, after)]
    stays = [len(set(a) & set(b)) / max(len(a), len(b), 1) for a, b in zip(*lists, strict=True)]
    moved = [a[:1] != b[:1] for a, b in zip(*lists, strict=True)]
    return {
        "before": _made_from(before), "after": _made_from(after),
        "config": _differences(before, after),
        "lists": {
            "n_owners": len(owners), "n_places": N_PLACES,
            "stays": float(np.mean(stays)) if stays else None,
            "first_changed": float(np.mean(moved)) if moved else None,
            "products_before": len({product for one in lists[0] for product in one}),
            "products_after": len({product for one in lists[1] for product in one}),
        },
    }  # fmt: skip


def _owners_of_both(before: Snapshot, after: Snapshot) -> list[str]:
    others = after.ids("owners")
    return [owner_id for owner_id in before.ids("owners") if owner_id in others]


def _lists(snapshot: Snapshot, owners: list[str]) -> list[list[str]]:
    """The first products of each owner's list for her circle."""
    rows = snapshot.ids("owners").rows(owners)
    products = model_of(snapshot).products.ids
    found: dict[int, list[str]] = {int(row): [] for row in rows}
    for chunk in rank_many(snapshot, rows, N_PLACES):
        for owner, product in zip(chunk.owner_row.tolist(), products.take(chunk.product_row), strict=True):
            found[owner].append(product)
    return [found[int(row)] for row in rows]


def _made_from(snapshot: Snapshot) -> dict[str, Any]:
    fields = snapshot.manifest.fields
    told = {name: fields.get(name) for name in ("as_of", "dataset_hash", "counts", "off")}
    return {"snapshot_id": snapshot.manifest.snapshot_id, **told}


def _differences(before: Snapshot, after: Snapshot) -> dict[str, list[Any]]:
    """Setting → its value before and after, where they differ."""
    old, new = (_flat(snapshot.manifest.fields.get("config") or {}) for snapshot in (before, after))
    return {
        name: [old.get(name), new.get(name)]
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        key = f"{prefix}{name}"
        found |= _flat(value, key + ".") if isinstance(value, dict) else {key: value}
    return found
