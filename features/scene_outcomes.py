"""What came of shares by occasion and way: owner, product, scene and channel, as of a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.arrays import Array
from features.contract import CHANNELS
from features.share_outcomes import credited_orders
from features.window import Window

MAX_SCENES = 2000  # the most shared; a scene is free text, and what is left out counts as no scene


@dataclass(frozen=True, slots=True, eq=False)
class SceneOutcomes:
    """One entry per owner, product, scene, channel and day on which she shared it so, sorted by these.

    owner_row, product_row, scene_row (of `scenes`), channel_row (of `contract.CHANNELS`), each int32, the
    last two -1 where nothing is said; day_us int64, its midnight, µs since 1970 UTC; n_shares, n_kept int64.
    `scenes`: as they were written, sorted. Nothing after the window's moment counts; kept orders as in
    `ShareOutcomes`.
    """

    scenes: tuple[str, ...]
    owner_row: Array
    product_row: Array
    scene_row: Array
    channel_row: Array
    day_us: Array
    n_shares: Array
    n_kept: Array

    def __len__(self) -> int:
        return len(self.n_shares)


def scene_outcomes(window: Window) -> SceneOutcomes | None:
    """The outcomes of all shares up to the moment; None where nothing tells what came of one, or neither
    scene nor channel is ever said."""
    if window.timeless or not (window.has("shares", "share_id") and window.has("orders", "share_id")):
        return None
    if not (window.has("shares", "scene") or window.has("shares", "channel")):
        return None
    scenes = _scenes(window)
    names = pa.table({"named": pa.array(scenes, pa.string()), "row": np.arange(len(scenes), dtype=np.int32)})
    with window.engine.scratch() as scratch:
        named = scratch.upload(names)
        shares = window.table("shares")
        shares = shares.left_join(named, shares.scene == named.named)
        channels = [(name, row) for row, name in enumerate(CHANNELS)]
        shares = shares.select(
            "share_id", "owner_row", "product_row",
            scene_row=shares.row.fill_null(-1).cast("int32"),
            channel_row=shares.channel.cases(*channels, else_=-1).cast("int32"),
            day_us=shares.share_time.truncate("D"),
        )  # fmt: skip
        credited = credited_orders(window)
        joined = shares.left_join(
            credited, [shares.share_id == credited.through, shares.product_row == credited.of]
        )
        keys = ("owner_row", "product_row", "scene_row", "channel_row", "day_us")
        counted = joined.group_by(*keys).agg(
            n_shares=joined.count(), n_kept=joined.n_kept.fill_null(0).sum().cast("int64")
        )
        return SceneOutcomes(tuple(scenes), **window.engine.fetch(counted, keys))


def _scenes(window: Window) -> list[str]:
    if not window.has("shares", "scene"):
        return []
    shares = window.table("shares")
    counted = shares.filter(shares.scene.notnull()).group_by("scene").agg(n=lambda t: t.count())
    most = counted.order_by([counted.n.desc(), counted.scene]).limit(MAX_SCENES)
    return sorted(str(name) for name in window.engine.fetch_strings(most, "scene", "scene"))
