"""The demo as a person runs it: a town simulated, trained, judged and served by our own commands."""

from __future__ import annotations

import io
import signal
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console
from server_process import SHAREPICKS

from serving.demo import TownSize, run_demo

SMALL_TOWN = TownSize(n_owners=30, n_members=300, n_products=200, n_days=30, seed=1)


def test_the_demo_of_a_small_town_shows_picks_and_leaves(tmp_path: Path) -> None:
    written = io.StringIO()
    console = Console(file=written, width=160)
    run_demo(tmp_path / "demo", 8000, leave=True, size=SMALL_TOWN, console=console)
    text = written.getvalue()
    assert "Worth sharing today for" in text
    assert "/recommend?n=5" in text
    assert "Ctrl-C stops the server." in text


@pytest.mark.long
def test_the_whole_demo_takes_less_than_a_minute_and_ends_with_0(tmp_path: Path) -> None:
    started = time.monotonic()
    command = [*SHAREPICKS, "demo", "--exit", "--dir", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60


@pytest.mark.long
def test_ctrl_c_ends_the_demo_and_its_server_with_0(tmp_path: Path) -> None:
    command = [*SHAREPICKS, "demo", "--dir", str(tmp_path / "demo")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ctrl-C stops"):
                process.send_signal(signal.SIGINT)
                break
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
