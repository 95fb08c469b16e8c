"""What the scene and the channel of a share change: how many times as many kept orders it brings.

Scenes form a tree by their paths, `festival > mid_autumn`. A scene nobody knows is taken for the nearest
above it that is known, at last for none: then nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys.category_tree import SEPARATOR
from recsys.ids import IdList

if TYPE_CHECKING:
    from recsys.domain import Target

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

# what each part is written as in a snapshot, its axes
ARRAYS: dict[str, tuple[str | None, ...]] = {
    "top_row": (None,), "log_lift": ("scenes", None), "n_shares": ("scenes", None),
    "n_kept": ("scenes", None), "n_expected": ("scenes", None), "log_channel": ("channels",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class SceneLifts:
    """Learned by `training/scenes.py`, all logarithms against the same share on any occasion, by any channel.

    scenes: paths, with every path above them. top_row int32 (n_tops,): the categories at the top of the tree,
    ascending. log_lift float32 (n_scenes, n_tops), the levels above added up. n_shares, n_kept int32 and
    n_expected float32 (n_scenes, n_tops): what it was learned from, scenes below counted in; expected of the
    same owners, categories and channels without a scene. log_channel float32 (n_channels,).
    """

    scenes: IdList
    channels: IdList
    top_row: Rows
    log_lift: Floats
    n_shares: Rows
    n_kept: Rows
    n_expected: Floats
    log_channel: Floats

    def nearest(self, scene: str) -> int:
        """The row of the scene, or of the nearest known one above it; -1: none is known."""
        names = path_of(scene).split(SEPARATOR)
        for depth in range(len(names), 0, -1):
            row = self.scenes.row(SEPARATOR.join(names[:depth]))
            if row >= 0:
                return row
        return -1


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a scene and a top category, see `SceneLifts`; `lift` is no logarithm."""

    scene: str
    lift: float
    n_shares: int
    n_kept: int
    n_expected: float


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """What a query said and the snapshot knows: a scene's row, -1 for none, and a channel's lift."""

    lifts: SceneLifts
    scene_row: int
    channel_lift: np.float32

    def scene_lift(self, top_row: Rows) -> Floats | None:
        """float32, the shape of top_row: what the scene does in these top categories; None without one."""
        if self.scene_row < 0:
            return None
        lifts = self.lifts
        at = np.minimum(np.searchsorted(lifts.top_row, top_row), len(lifts.top_row) - 1)
        found: Floats = np.where(
            lifts.top_row[at] == top_row, np.exp(lifts.log_lift[self.scene_row, at]), np.float32(1)
        )
        return found

    def lift(self, top_row: Rows) -> Floats:
        """float32, the shape of top_row: what scene and channel do together."""
        of_scene = self.scene_lift(top_row)
        if of_scene is None:
            return np.full(len(top_row), self.channel_lift, dtype=np.float32)
        return of_scene * self.channel_lift

    def told(self, top_row: int) -> Told | None:
        """What the scene's lift in this top category rests on; None where nobody shared so."""
        lifts, row = self.lifts, self.scene_row
        at = int(np.searchsorted(lifts.top_row, top_row))
        if row < 0 or at == len(lifts.top_row) or lifts.top_row[at] != top_row or not lifts.n_shares[row, at]:
            return None
        return Told(
            lifts.scenes[row], float(np.exp(lifts.log_lift[row, at])), int(lifts.n_shares[row, at]),
            int(lifts.n_kept[row, at]), float(lifts.n_expected[row, at]),
        )  # fmt: skip


def occasion_of(
    lifts: SceneLifts | None, scene: str | None, channel: str | None, target: Target
) -> Occasion | None:
    """What is known of a query's scene and channel; None where nothing is, or she does not share."""
    if lifts is None or target != "circle" or (scene is None and channel is None):
        return None
    scene_row = -1 if scene is None else lifts.nearest(scene)
    channel_row = -1 if channel is None else lifts.channels.row(channel)
    if scene_row < 0 and channel_row < 0:
        return None
    of_channel = np.exp(lifts.log_channel[channel_row]) if channel_row >= 0 else np.float32(1)
    return Occasion(lifts, scene_row, np.float32(of_channel))


def path_of(scene: str) -> str:
    """A scene as a path of the tree, however its parts were spaced: `a>b` is `a > b`; "" for none."""
    parts = (part.strip() for part in scene.split(SEPARATOR.strip()))
    return SEPARATOR.join(part for part in parts if part)
