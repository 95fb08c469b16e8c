"""What came of shares by scene and channel, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from features.contract import CHANNELS
from features.dataset import DatasetWriter, open_dataset
from features.scene_outcomes import SceneOutcomes, scene_outcomes
from features.window import open_window

NOW = datetime(2024, 6, 10, 20, tzinfo=UTC)
DAY = timedelta(days=1)
SCENES = ["breakfast", "breakfast", "festival > mid_autumn", None, "breakfast"]
CHANNEL_OF = ["group", "group", "moments", None, "group"]


def outcomes(
    folder: Path, as_of: datetime = NOW, *, scenes: bool = True, channels: bool = True, credited: bool = True
) -> SceneOutcomes | None:
    """Two breakfasts of a day, one a day later, a festival, and one share of which nothing is said."""
    shares = {
        "share_id": ["s1", "s2", "s3", "s4", "s5"],
        "share_time": [NOW - 3 * DAY, NOW - 3 * DAY, NOW - 2 * DAY, NOW - 2 * DAY, NOW - 2 * DAY],
        "owner_id": ["w1"] * 5, "product_id": ["a"] * 5,
    }  # fmt: skip
    if scenes:
        shares["scene"] = SCENES
    if channels:
        shares["channel"] = CHANNEL_OF
    orders = {
        "order_id": ["o1", "o2", "o3", "o4"], "order_time": [NOW - 2 * DAY, NOW - 2 * DAY, NOW - DAY, NOW],
        "member_id": ["m2", "m3", "m2", "m3"], "product_id": ["a"] * 4, "quantity": [1] * 4,
        "price_minor": [500] * 4, "owner_id": ["w1"] * 4,
    }  # fmt: skip
    if credited:
        orders["share_id"] = ["s1", "s2", "s1", "s3"]
    with DatasetWriter(folder / "town") as writer:
        writer.append("products", {"product_id": ["a"], "title": ["A"], "category": ["X"]})
        writer.append("owners", {"owner_id": ["w1"], "member_id": ["m1"]})
        writer.append("shares", shares)
        writer.append("orders", orders)
        writer.append("returns", {
            "return_id": ["r1"], "order_id": ["o2"], "product_id": ["a"], "request_time": [NOW],
        })  # fmt: skip
    with open_window(open_dataset(folder / "town"), as_of, memory_limit_mb=500) as window:
        return scene_outcomes(window)


def told(found: SceneOutcomes | None) -> list[tuple[str | None, str | None, int, int]]:
    """(scene, channel, shares, kept) of each entry."""
    assert found is not None
    return [
        (
            None if scene < 0 else found.scenes[scene], None if channel < 0 else CHANNELS[channel],
            int(shares), int(kept),
        )
        for scene, channel, shares, kept in zip(
            found.scene_row, found.channel_row, found.n_shares, found.n_kept, strict=True
        )
    ]  # fmt: skip


def test_shares_are_counted_by_scene_channel_and_day_with_the_orders_that_were_kept(tmp_path: Path) -> None:
    """o2 came back; the two breakfasts of one day are one entry, that of the next day another."""
    found = outcomes(tmp_path)
    assert told(found) == [
        (None, None, 1, 0), ("breakfast", "group", 2, 2), ("breakfast", "group", 1, 0),
        ("festival > mid_autumn", "moments", 1, 1),
    ]  # fmt: skip
    assert found is not None and found.scenes == ("breakfast", "festival > mid_autumn")


def test_nothing_after_the_moment_is_read(tmp_path: Path) -> None:
    """Two days before, o3, o4 and the return have not been: both early breakfasts are kept."""
    found = outcomes(tmp_path, NOW - 2 * DAY)
    assert ("breakfast", "group", 2, 2) in told(found)  # o1 and o2, not yet sent back; o3 is to come
    assert ("festival > mid_autumn", "moments", 1, 0) in told(found)
    earlier = outcomes(tmp_path / "earlier", NOW - 2.5 * DAY)
    assert told(earlier) == [("breakfast", "group", 2, 0)]
    assert earlier is not None and earlier.scenes == ("breakfast",)  # the festival is nobody's knowledge yet


def test_either_a_scene_or_a_channel_is_enough(tmp_path: Path) -> None:
    assert {scene for scene, *_ in told(outcomes(tmp_path / "a", channels=False))} == {None, *SCENES}
    only_channels = told(outcomes(tmp_path / "b", scenes=False))
    assert {channel for _, channel, *_ in only_channels} == {None, "group", "moments"}


def test_without_scene_and_channel_or_without_credit_nothing_is_told(tmp_path: Path) -> None:
    assert outcomes(tmp_path / "a", scenes=False, channels=False) is None
    assert outcomes(tmp_path / "b", credited=False) is None
