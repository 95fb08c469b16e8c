from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_snapshots import open_fake, write_fake

from recsys.domain import Query
from recsys.errors import SnapshotError
from recsys.pointer import promote
from serving.snapshots import Outcome, Served, SnapshotKeeper, keep_fresh, read_as_of

DAMAGED = '{"snapshot_id": "thr'


@pytest.fixture
def keeper(registry: Path) -> SnapshotKeeper:
    """A keeper whose first snapshot serves."""
    made = SnapshotKeeper(registry, open_fake)
    assert made.refresh() == "swapped"
    return made


def serving_id(keeper: SnapshotKeeper) -> str:
    assert keeper.served is not None
    return keeper.served.snapshot_id


def test_the_pointer_decides_and_an_unmoved_one_opens_nothing_again(registry: Path) -> None:
    opened: list[str] = []

    def open_and_count(path: Path) -> Served:
        opened.append(path.name)
        return open_fake(path)

    keeper = SnapshotKeeper(registry, open_and_count)
    assert [keeper.refresh() for _ in range(3)] == ["swapped", "same", "same"]
    promote(registry, "two")
    assert [keeper.refresh() for _ in range(3)] == ["swapped", "same", "same"]
    promote(registry, "one")
    assert keeper.refresh() == "swapped"
    assert opened == ["one", "two", "one"]


def test_a_request_that_took_the_old_snapshot_finishes_on_it(registry: Path, keeper: SnapshotKeeper) -> None:
    taken = keeper.served
    assert taken is not None
    promote(registry, "two")
    keeper.refresh()
    assert taken.recommend(Query("o", n=1)).picks[0].title.startswith("one")
    assert serving_id(keeper) == "two"


def test_a_damaged_candidate_is_refused_said_once_and_the_old_one_serves(
    registry: Path, keeper: SnapshotKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    write_fake(registry, "three", DAMAGED)
    promote(registry, "three")
    with caplog.at_level(logging.INFO, "sharepicks.snapshots"):
        assert [keeper.refresh() for _ in range(5)] == ["refused", "same", "same", "same", "same"]
    assert serving_id(keeper) == "one"
    assert keeper.trouble is not None and "three" in keeper.trouble
    assert [record.getMessage() for record in caplog.records] == ["snapshot refused"]


def test_a_damaged_candidate_is_not_read_again_until_it_is_promoted_again(
    registry: Path,
) -> None:
    n_opened = 0

    def refuse(path: Path) -> Served:
        nonlocal n_opened
        n_opened += 1
        raise SnapshotError(f"{path}: damaged")

    keeper = SnapshotKeeper(registry, refuse)
    for _ in range(3):
        keeper.refresh()
    assert n_opened == 1
    promote(registry, "one")
    keeper.refresh()
    assert n_opened == 2


def test_a_candidate_the_system_could_not_open_is_tried_again(registry: Path) -> None:
    answers = iter([OSError(24, "Too many open files"), OSError(24, "Too many open files"), None])

    def open_at_last(path: Path) -> Served:
        failure = next(answers)
        if failure is not None:
            raise failure
        return open_fake(path)

    keeper = SnapshotKeeper(registry, open_at_last)
    assert [keeper.refresh() for _ in range(3)] == ["refused", "same", "swapped"]
    assert keeper.trouble is None


def test_moving_the_pointer_back_clears_the_trouble(registry: Path, keeper: SnapshotKeeper) -> None:
    write_fake(registry, "three", DAMAGED)
    promote(registry, "three")
    keeper.refresh()
    promote(registry, "one")
    assert keeper.refresh() == "same"
    assert keeper.trouble is None


@pytest.mark.parametrize("pointer", ["gone", "../one", "", "a/b"])
def test_a_pointer_to_nothing_keeps_the_old_snapshot(
    registry: Path, keeper: SnapshotKeeper, pointer: str
) -> None:
    (registry / "current").write_text(pointer)
    assert keeper.refresh() in ("missing", "refused")
    assert serving_id(keeper) == "one"
    assert keeper.trouble is not None


def test_a_vanished_folder_keeps_the_old_snapshot(registry: Path, keeper: SnapshotKeeper) -> None:
    registry.rename(registry.with_name("elsewhere"))
    assert keeper.refresh() == "missing"
    assert serving_id(keeper) == "one"


def test_a_snapshot_retrained_in_its_place_is_swapped_in(tmp_path: Path) -> None:
    write_fake(tmp_path, "only")
    keeper = SnapshotKeeper(tmp_path / "only", open_fake)
    assert keeper.refresh() == "swapped"
    (tmp_path / "only").rename(tmp_path / "old")
    write_fake(tmp_path, "only", '{"snapshot_id": "retrained"}')
    assert keeper.refresh() == "swapped"
    assert serving_id(keeper) == "retrained"


def test_the_watcher_swaps_by_itself(registry: Path) -> None:
    keeper = SnapshotKeeper(registry, open_fake)
    outcomes: list[Outcome] = []

    async def watch() -> None:
        swapped_twice = asyncio.Event()

        def note(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if outcomes.count("swapped") == 1 and outcome == "same":
                promote(registry, "two")
            if outcomes.count("swapped") == 2:
                swapped_twice.set()

        task = asyncio.create_task(keep_fresh(keeper, 0.001, note))
        async with asyncio.timeout(5):
            await swapped_twice.wait()
        task.cancel()

    asyncio.run(watch())
    assert serving_id(keeper) == "two"


def test_as_of_is_read_as_an_aware_time() -> None:
    assert read_as_of("2026-03-01T08:00:00+08:00", Path("s")) == datetime(2026, 3, 1, tzinfo=UTC)
    assert read_as_of(None, Path("s")) is None


@pytest.mark.parametrize("value", ["2026-03-01T08:00:00", "yesterday", 5, ""])
def test_an_as_of_without_meaning_refuses_the_snapshot(value: object) -> None:
    with pytest.raises(SnapshotError, match="as_of must be an RFC 3339 time"):
        read_as_of(value, Path("s"))
