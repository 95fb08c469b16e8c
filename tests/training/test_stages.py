"""Stages of a run, timed by a clock in the test's hand."""

from __future__ import annotations

from collections.abc import Iterator

from training.stages import Stages


def test_each_stage_is_said_and_told_with_its_seconds_and_the_peak_at_its_end() -> None:
    clock: Iterator[float] = iter([100.0, 101.0, 103.5, 110.0, 110.0])
    peak: Iterator[int] = iter([50, 80])
    said: list[str] = []
    stages = Stages(said.append, lambda: next(clock), lambda: next(peak))
    stages("reading")
    stages("fitting")
    assert stages.ended() == [
        {"stage": "reading", "seconds": 2.5, "peak_memory_mb": 50},
        {"stage": "fitting", "seconds": 6.5, "peak_memory_mb": 80},
    ]
    assert said == ["reading", "fitting"]
    assert stages.seconds == 10.0
