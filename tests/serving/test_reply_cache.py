"""Kept replies: the same bytes but for the request id, never across snapshots, never too many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asgi_caller import Caller
from fake_snapshots import open_fake, write_fake

from recsys.domain import Query, Reply
from recsys.pointer import promote
from serving.app import create_app
from serving.reply_cache import OVERHEAD_BYTES, KeptReply, ReplyCache
from serving.settings import Settings
from serving.snapshots import Served

PATH = "/v1/owners/owner-1/recommend"


def reply(n_bytes: int = 100) -> KeptReply:
    return KeptReply(b"x" * n_bytes, {}, None, False)


def test_the_longest_unasked_reply_goes_first() -> None:
    cache = ReplyCache(3 * (100 + OVERHEAD_BYTES))
    for owner in "abc":
        cache.keep("s", Query(owner), reply())
    assert cache.get("s", Query("a")) is not None
    cache.keep("s", Query("d"), reply())
    assert [owner for owner in "abcd" if cache.get("s", Query(owner))] == ["a", "c", "d"]


def test_a_reply_too_large_or_a_cache_of_nothing_keeps_none() -> None:
    for cache in (ReplyCache(0), ReplyCache(500)):
        cache.keep("s", Query("a"), reply(1000))
        assert len(cache) == 0


def test_the_same_question_kept_twice_counts_once() -> None:
    cache = ReplyCache(2 * (100 + OVERHEAD_BYTES))
    for _ in range(5):
        cache.keep("s", Query("a"), reply())
    cache.keep("s", Query("b"), reply())
    assert len(cache) == 2


def test_another_snapshot_empties_it() -> None:
    cache = ReplyCache(10_000)
    cache.keep("one", Query("a"), reply())
    assert cache.get("two", Query("a")) is None
    cache.keep("two", Query("b"), reply())
    assert cache.get("one", Query("a")) is None and len(cache) == 1


def served(tmp_path: Path, *, draws: bool = False, mb: int = 64) -> tuple[Caller, list[Query]]:
    """A service over a fake snapshot, and every question that reached the engine."""
    asked: list[Query] = []

    def opener(path: Path) -> Served:
        found = open_fake(path)

        def recommend(query: Query) -> Reply:
            asked.append(query)
            return found.recommend(query)

        return replace(found, recommend=recommend, draws=draws)

    write_fake(tmp_path, "one")
    promote(tmp_path, "one")
    app = create_app(Settings(snapshots=tmp_path, reply_cache_mb=mb), opener)
    app.state.service.keeper.refresh()
    asked.clear()
    return Caller(app), asked


def bodies(caller: Caller, *paths: str) -> list[dict[str, object]]:
    return [caller.get(path).json() for path in paths]


def test_asked_again_it_is_the_same_reply_with_an_id_of_its_own(tmp_path: Path) -> None:
    caller, asked = served(tmp_path)
    first, again, other = bodies(caller, PATH, PATH, f"{PATH}?n=3")
    assert len(asked) == 2
    assert first.pop("request_id") != again.pop("request_id")
    assert first == again != other


def test_another_scene_or_channel_is_another_question(tmp_path: Path) -> None:
    caller, asked = served(tmp_path)
    bodies(caller, PATH, f"{PATH}?scene=breakfast", f"{PATH}?scene=lunch", f"{PATH}?channel=group", PATH)
    assert [(query.scene, query.channel) for query in asked] == [
        (None, None), ("breakfast", None), ("lunch", None), (None, "group"),
    ]  # fmt: skip


def test_what_is_drawn_anew_and_her_own_list_are_never_kept(tmp_path: Path) -> None:
    caller, asked = served(tmp_path, draws=True)
    bodies(caller, PATH, PATH)
    assert len(asked) == 2 and asked[0].seed != asked[1].seed
    assert len(caller.app.state.service.replies) == 0


def test_red_control_without_room_each_is_computed(tmp_path: Path) -> None:
    caller, asked = served(tmp_path, mb=0)
    bodies(caller, PATH, PATH)
    assert len(asked) == 2


def test_metrics_tell_kept_from_computed(tmp_path: Path) -> None:
    caller, _ = served(tmp_path)
    bodies(caller, PATH, PATH, PATH)
    text = caller.get("/metrics").body.decode()
    assert 'sharepicks_replies_total{origin="computed"} 1.0' in text
    assert 'sharepicks_replies_total{origin="cache"} 2.0' in text
    assert 'sharepicks_picks_total{source="taste"} 30.0' in text
