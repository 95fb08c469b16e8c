from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from serving.callers.turnstile import Turnstile
from serving.errors import ServiceError


async def pass_through(turnstile: Turnstile, bucket: str, order: list[str]) -> bool:
    """Whether a request came through; it notes when it did."""
    try:
        await turnstile.enter(bucket)
    except ServiceError as refusal:
        assert refusal.code == "overloaded"
        assert refusal.headers == {"retry-after": "1"}
        return False
    order.append(bucket)
    turnstile.leave(bucket)
    return True


def all_at_once(turnstile: Turnstile, buckets: Sequence[str]) -> tuple[list[bool], list[str]]:
    """What became of requests that arrive in one turn of the loop, and in which order they passed."""
    order: list[str] = []

    async def everybody() -> list[bool]:
        return await asyncio.gather(*(pass_through(turnstile, bucket, order) for bucket in buckets))

    return asyncio.run(everybody()), order


def test_what_fits_into_the_queue_passes_in_the_order_it_came() -> None:
    passed, order = all_at_once(Turnstile(max_waiting=4, max_wait_s=60, turn_s=0), ["a"] * 5)
    assert passed == [True] * 5
    assert order == ["a"] * 5


def test_what_does_not_fit_is_refused_at_once() -> None:
    passed, _ = all_at_once(Turnstile(max_waiting=4, max_wait_s=60, turn_s=0), ["a"] * 9)
    assert passed == [True] * 5 + [False] * 4


def test_callers_take_turns_so_that_a_noisy_one_is_not_before_everybody() -> None:
    _, order = all_at_once(Turnstile(max_waiting=50, max_wait_s=60, turn_s=0), ["noisy"] * 20 + ["quiet"] * 3)
    assert order[:8] == ["noisy", "noisy", "quiet", "noisy", "quiet", "noisy", "quiet", "noisy"]


def test_a_full_queue_gives_up_the_newest_of_whoever_has_most_waiting() -> None:
    buckets = ["noisy"] * 30 + ["quiet"] * 4
    passed, _ = all_at_once(Turnstile(max_waiting=10, max_wait_s=60, turn_s=0), buckets)
    through = Counter(bucket for bucket, ok in zip(buckets, passed, strict=True) if ok)
    assert through == {"noisy": 7, "quiet": 4}


def test_red_control_one_queue_for_all_would_refuse_the_quiet_one() -> None:
    passed, _ = all_at_once(Turnstile(max_waiting=10, max_wait_s=60, turn_s=0), ["everybody"] * 34)
    assert passed[-4:] == [False] * 4


def test_what_waited_too_long_is_refused_instead_of_served_late() -> None:
    passed, _ = all_at_once(Turnstile(max_waiting=10, max_wait_s=-1, turn_s=0), ["a"] * 4)
    assert passed == [True, False, False, False]


def test_requests_under_way_are_bounded_for_all_and_for_each() -> None:
    async def hold() -> list[str]:
        turnstile, held = Turnstile(max_in_flight=4), []
        for bucket in ("a", "a", "a", "b", "b", "c"):
            try:
                await turnstile.enter(bucket)
                held.append(bucket)
            except ServiceError:
                held.append("refused")
        for bucket in ("a", "a", "b", "b"):
            turnstile.leave(bucket)
        await turnstile.enter("c")
        return held

    assert asyncio.run(hold()) == ["a", "a", "refused", "b", "b", "refused"]


def test_a_request_that_was_cancelled_does_not_take_a_turn() -> None:
    async def cancel_one() -> list[str]:
        turnstile, order = Turnstile(max_wait_s=60, turn_s=0), []
        tasks = [asyncio.create_task(pass_through(turnstile, name, order)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    assert asyncio.run(cancel_one()) == ["a", "c"]


@pytest.mark.parametrize("n", [1, 2])
def test_it_works_again_in_another_loop(n: int) -> None:
    turnstile = Turnstile()

    def once() -> Coroutine[Any, Any, bool]:
        return pass_through(turnstile, "a", [])

    assert [asyncio.run(once()) for _ in range(n + 1)] == [True] * (n + 1)


def test_requests_that_take_no_time_do_not_wait_for_one_another() -> None:
    """Nine pass a queue of four places: none of them stood in it. Held to whole turns, five would."""
    passed, order = all_at_once(Turnstile(max_waiting=4, max_wait_s=60, turn_s=60), ["a"] * 9)
    assert passed == [True] * 9 and order == ["a"] * 9


def test_as_many_as_may_be_under_way_wait_and_none_is_sent_away() -> None:
    """256 phones that ask at once: sending most of them away would cost as much as answering them."""
    passed, _ = all_at_once(Turnstile(max_wait_s=60, turn_s=0), ["a", "b"] * 128)
    assert passed == [True] * 256
