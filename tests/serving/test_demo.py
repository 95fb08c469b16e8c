from __future__ import annotations

import io
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from recsys.errors import SharepicksError, UsageError
from serving import demo
from serving.demo import MARK, TownSize, clear_folder, free_port, picks_table, run_demo


def test_a_folder_of_somebody_else_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds files the demo did not make"):
        clear_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_nothing_half_made_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    clear_folder(folder)
    (folder / "town").mkdir()
    (folder / "town" / "orders.parquet").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    clear_folder(folder)
    assert [file.name for file in folder.iterdir()] == [MARK]
    assert outside.exists()


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 20


def test_every_port_taken_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PORTS_TRIED", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="are taken"):
        free_port(taken.getsockname()[1])


def test_the_table_shows_price_source_and_reasons() -> None:
    pick = {
        "position": 1,
        "product": {"product_id": "p1", "title": "手工面条", "category": "Food"},
        "offer": {"price_minor": 1990, "currency": "CNY"},
        "source": "circle",
        "reasons": [{"text": "11 of your circle bought from this category"}, {"text": "good price"}],
    }
    written = io.StringIO()
    Console(file=written, width=160).print(picks_table("o1", {"picks": [pick, {**pick, "offer": None}]}))
    assert "手工面条" in written.getvalue()
    assert "19.90 CNY" in written.getvalue()
    assert "11 of your circle bought from this category" in written.getvalue()
    assert "good price" in written.getvalue()


def test_a_failing_step_ends_the_demo_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "command_line", lambda arguments: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(SharepicksError, match="sharepicks simulate ended with exit code 3"):
        run_demo(tmp_path / "demo", 8000, leave=True, size=TownSize(), console=Console(file=io.StringIO()))


def test_a_server_that_dies_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "command_line", lambda arguments: [sys.executable, "-c", "raise SystemExit(5)"])
    with (
        pytest.raises(SharepicksError, match=r"exit code 5; .*serve\.log says why"),
        demo.serving_child(tmp_path / "snapshots", 8000),
    ):
        raise AssertionError("it is not ready")


def test_a_title_with_brackets_is_shown_as_it_is() -> None:
    title, reason = "[bold]Half price[/bold] [link=http://x]\x1b[31m", "bought with [red]tea[/red]"
    pick = {"position": 1, "product": {"title": title}, "offer": None, "source": "circle",
            "reasons": [{"text": reason}]}  # fmt: skip
    written = io.StringIO()
    Console(file=written, width=160).print(picks_table("[i]o1[/i]", {"picks": [pick]}))
    assert "[bold]Half price[/bold] [link=http://x]\N{REPLACEMENT CHARACTER}[31m" in written.getvalue()
    assert reason in written.getvalue()
    assert "for [i]o1[/i]" in written.getvalue()


def test_red_control_rich_reads_a_plain_cell_as_markup() -> None:
    table = Table()
    table.add_column("product")
    table.add_row("[bold]Half price[/bold]")
    written = io.StringIO()
    Console(file=written, width=160).print(table)
    assert "[bold]" not in written.getvalue()
