from __future__ import annotations

from pathlib import Path

import pytest
from callers_town import make_town

from serving.callers.call_counts import WINDOW_S, Allowance, CallCounts

TEN = Allowance(10 / WINDOW_S)  # ten calls in a window
START = 1_000_000.0 - 1_000_000.0 % WINDOW_S


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls"


def calls(counts: CallCounts, n: int, bucket: str = "a", at: float = START) -> list[int]:
    return [counts.call(bucket, TEN, at) for _ in range(n)]


def test_the_eleventh_of_ten_calls_has_to_wait() -> None:
    waits = calls(CallCounts(), 12)
    assert waits[:10] == [0] * 10
    assert waits[10] > 0


def test_after_the_wait_that_was_named_a_call_is_within_the_allowance() -> None:
    counts = CallCounts()
    wait = calls(counts, 11, at=START + 3)[-1]
    assert wait > 0
    assert counts.call("a", TEN, START + 3 + wait) == 0


def test_the_window_before_still_counts_by_the_part_that_is_left() -> None:
    """Ten calls in the window before, half of it past: five still count, so five more may be."""
    counts = CallCounts()
    calls(counts, 10)
    assert [wait == 0 for wait in calls(counts, 6, at=START + 1.5 * WINDOW_S)] == [True] * 5 + [False]


def test_two_workers_count_together_and_without_the_file_they_would_not(file: Path) -> None:
    one, two = CallCounts(file), CallCounts(file)
    assert calls(one, 5) + calls(two, 5) == [0] * 10
    assert calls(one, 1)[0] > 0 and calls(two, 1)[0] > 0
    apart = CallCounts(), CallCounts()  # the red control
    assert calls(apart[0], 10) + calls(apart[1], 10) == [0] * 20
    one.close()
    two.close()


def test_one_key_does_not_use_up_anothers_calls() -> None:
    counts = CallCounts()
    calls(counts, 50, "noisy")
    assert calls(counts, 10, "quiet") == [0] * 10


def test_the_file_does_not_grow_with_the_callers(file: Path) -> None:
    counts = CallCounts(file)
    size = file.stat().st_size
    for n in range(20_000):
        counts.call(f"key {n}", TEN, START)
    assert file.stat().st_size == size
    counts.close()


def test_no_allowance_is_no_bound() -> None:
    counts = CallCounts()
    assert [counts.call("a", Allowance(0), START) for _ in range(1000)] == [0] * 1000


def test_a_caller_above_her_allowance_is_429_with_the_time_to_wait_and_others_go_on(tmp_path: Path) -> None:
    town = make_town(tmp_path, per_person=Allowance(0.2))
    target = "/v1/owners/owner%2FA/recommend"
    answers = [town.send("token A", "GET", target) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "too_many_requests"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 2 * WINDOW_S
    assert town.send("token B", "GET", "/v1/owners/owner-B/recommend").status == 200
    assert town.send("storefront", "GET", target).status == 200
