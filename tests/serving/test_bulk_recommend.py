from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_model import AS_OF, World, town, write_small_snapshot
from typer.testing import CliRunner

from recsys.cli import build_app
from recsys.domain import Expected, Offer, Pick, Query, Reason, Reply, Spread
from recsys.errors import SnapshotError, UsageError
from recsys.pointer import promote
from recsys.recommend import recommend
from recsys.snapshot import Snapshot
from serving.picks_text import picks_table, plain_picks, price_text, printable
from serving.replies import RecommendBody


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(town(), tmp_path_factory.mktemp("town") / "snapshot")


def run(*arguments: object) -> str:
    done = CliRunner().invoke(build_app(), [str(a) for a in arguments], catch_exceptions=False,
                              standalone_mode=False)  # fmt: skip
    return done.output


def as_json(*arguments: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(run("recommend", *arguments, "--json"))
    return body


@pytest.mark.parametrize("command", ["recommend", "batch", "score"])
def test_help_shows_an_example_for_each(command: str) -> None:
    done = CliRunner().invoke(build_app(), [command, "--help"])
    assert done.exit_code == 0
    assert f"Example: sharepicks {command}" in done.output


def test_json_has_the_fields_of_the_http_reply(snapshot: Snapshot) -> None:
    body = as_json(snapshot.path, "o-noodles", "-n", 5)
    RecommendBody.model_validate(body)
    picks = recommend(snapshot, Query("o-noodles", n=5)).picks
    assert [p["product"]["product_id"] for p in body["picks"]] == [p.product_id for p in picks]
    assert body["snapshot_id"] == snapshot.manifest.snapshot_id
    assert datetime.fromisoformat(body["as_of"]) == AS_OF
    assert body["fallback"] is None
    assert body["shorter_because"] is None


def test_the_same_question_prints_the_same_bytes(snapshot: Snapshot) -> None:
    asked = ("recommend", snapshot.path, "o-noodles", "--json")
    assert run(*asked) == run(*asked)


def test_options_reach_the_query(snapshot: Snapshot) -> None:
    body = as_json(snapshot.path, "o-noodles", "--category", "Food > Noodles", "--max-price-minor", 700)
    assert {p["product"]["product_id"] for p in body["picks"]} == {"n0", "n1", "n2"}
    everything = as_json(snapshot.path, "o-noodles", "--target", "self", "-n", 100)
    unseen = as_json(snapshot.path, "o-noodles", "--target", "self", "-n", 100, "--unseen")
    assert len(everything["picks"]) == len(unseen["picks"]) + 1


def test_as_of_moves_the_moment(tmp_path: Path) -> None:
    world: World = replace(town(), shares=[("o-noodles", "n1", 10, 0)])
    snapshot = write_small_snapshot(world, tmp_path / "s")
    now = as_json(snapshot.path, "o-noodles", "-n", 100)
    later = as_json(snapshot.path, "o-noodles", "-n", 100, "--as-of", "2026-03-06T08:00:00+08:00")
    gained = {p["product"]["product_id"] for p in later["picks"]} - {
        p["product"]["product_id"] for p in now["picks"]
    }
    assert gained == {"n1"}
    assert datetime.fromisoformat(later["as_of"]) == datetime(2026, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-03-06", "2026-03-06T08:00:00"])
def test_a_moment_without_an_offset_is_refused(snapshot: Snapshot, text: str) -> None:
    with pytest.raises(UsageError, match="--as-of must be a time with an offset"):
        run("recommend", snapshot.path, "o-noodles", "--as-of", text)


def test_plain_text_names_price_source_and_reasons(snapshot: Snapshot) -> None:
    lines = run("recommend", snapshot.path, "o-noodles", "-n", 3).splitlines()
    assert lines[0].startswith("Picks for o-noodles, target circle (snapshot ")
    assert lines[0].endswith("as of 2026-03-01 08:00 UTC)")
    first = recommend(snapshot, Query("o-noodles", n=3)).picks[0]
    assert lines[1].startswith(f"  1. Title of {first.product_id} ({first.product_id})  ")
    assert " CNY  [" in lines[1]
    assert lines[2].strip() == "; ".join(reason.text for reason in first.reasons)
    assert len(lines) == 1 + 3 * 2


def test_an_unknown_owner_is_no_error_and_the_fallback_is_said(snapshot: Snapshot) -> None:
    said = run("recommend", snapshot.path, "nobody at all", "-n", 3)
    assert "fallback popular: nothing is known of this owner" in said
    assert as_json(snapshot.path, "nobody at all")["fallback"] == "popular"


def test_a_shorter_list_says_why_in_words(snapshot: Snapshot) -> None:
    said = run("recommend", snapshot.path, "o-noodles", "--max-price-minor", 1)
    assert "0 of 20 picks: no more of what was found for her has a price, and one that low" in said


def test_a_registry_is_asked_for_what_it_serves(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(town(), tmp_path / "registry" / "one")
    promote(tmp_path / "registry", "one")
    assert as_json(tmp_path / "registry", "o-new")["snapshot_id"] == snapshot.manifest.snapshot_id


def test_a_folder_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="neither a snapshot"):
        run("recommend", tmp_path, "x")
    with pytest.raises(SnapshotError, match="there is no such folder"):
        run("recommend", tmp_path / "no", "x")


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    folder = write_small_snapshot(town(), tmp_path / "s").path
    file = folder / "popularity.npy"
    assert file.is_file(), sorted(f.name for f in folder.iterdir())
    content = bytearray(file.read_bytes())
    content[-3] ^= 4
    file.unlink()
    file.write_bytes(content)
    with pytest.raises(SnapshotError, match=r"popularity\.npy: sha256 must be"):
        run("recommend", folder, "o-noodles")


@pytest.mark.parametrize("n", ["0", "101", "many"])
def test_n_outside_its_rule_is_a_usage_error(snapshot: Snapshot, n: str) -> None:
    done = CliRunner().invoke(build_app(), ["recommend", str(snapshot.path), "o-noodles", "-n", n])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        (None, ""),
        (Offer(1990, "CNY"), "19.90 CNY"),
        (Offer(5, "EUR"), "0.05 EUR"),
        (Offer(1990, "JPY"), "1990 JPY"),
        (Offer(10**15 + 1, "CNY"), "10000000000000.01 CNY"),
        (Offer(12345, "KWD"), "12.345 KWD"),
    ],
)
def test_prices_have_the_decimals_of_their_currency(offer: Offer | None, text: str) -> None:
    assert price_text(offer) == text


HOSTILE = Pick("p\x1b1", "\x1b]0;owned\x07[bold]Noodles[/] 面条", "Food", None, 1, 0.5, "taste",
               (Reason("popular", "ordered by 3 people\nSystem: done", {"n_members": 3}),))  # fmt: skip


def test_titles_cannot_steer_the_terminal_or_break_lines() -> None:
    reply = Reply("o\x1b[2J", "circle", (HOSTILE,))
    lines = list(plain_picks(reply))
    assert len(lines) == 2
    assert all(c.isprintable() for line in lines for c in line)
    assert "[bold]Noodles[/] 面条" in lines[0]
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(picks_table(reply))
    shown = console.export_text()
    console.file.close()
    assert "[bold]Noodles[/] 面条" in shown
    assert "\x1b" not in shown


def test_printable_keeps_what_people_write() -> None:
    assert printable("三月 · Noodles (500 g)") == "三月 · Noodles (500 g)"
    assert printable("a\x9b\u202eb") == "a\ufffd\ufffdb"


def test_a_person_reads_what_a_share_is_expected_to_bring() -> None:
    expected = Expected(Spread(0, 0.824, 2), None, Spread(0, 310.2, 760))
    pick = Pick("p0", "Tea", "Food", Offer(1990, "CNY"), 1, 1.0, "taste", (), expected=expected)
    reply = Reply("o", "circle", (pick, replace(pick, position=2, expected=None)))
    text = "0.82 kept orders a share (0 to 2), earns 3.10 CNY (0.00 to 7.60)"
    lines = list(plain_picks(reply))
    assert lines[2].strip() == text
    assert len(lines) == 5  # nothing is said where nothing is known
    wide = Console(width=250, record=True, file=io.StringIO())
    wide.print(picks_table(reply))
    assert text in wide.export_text()
    without = replace(pick, expected=replace(expected, earnings=None))
    assert list(plain_picks(replace(reply, picks=(without,))))[2].strip() == text.split(", earns")[0]
    chance = list(plain_picks(Reply("o", "self", (pick,))))[2]
    assert chance.strip() == "orders it with a chance of 82%"
