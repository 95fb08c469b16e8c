"""What was acknowledged is there after the process was killed, and after the power went."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from postgres_server import Databases, OwnServer

from serving.store.opening import open_store

HERE = Path(__file__).parent
SCRIPT = HERE / "acknowledging.py"


@contextmanager
def writing(url: str, how: str = "durable") -> Iterator[subprocess.Popen[str]]:
    """A process that stores orders; ended when the block ends."""
    paths = os.pathsep.join([str(HERE), *sys.path])
    child = subprocess.Popen(
        [sys.executable, str(SCRIPT), url, how], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)
        assert child.stdout is not None
        child.stdout.close()


def told(child: subprocess.Popen[str], n_lines: int) -> int:
    """The order that the process tells last of so many lines."""
    assert child.stdout is not None
    return max(int(child.stdout.readline()) for _ in range(n_lines))


def kept(url: str) -> int:
    """How many of the orders 0, 1, 2 … are there without a gap."""
    with open_store(url) as store:
        rows = []
        while page := store.rows_after(rows[-1].seq if rows else 0, 10_000):
            rows += page
    found = {row.content.partition('"order_id":"')[2].partition('"')[0] for row in rows}
    return next(n for n in range(len(found) + 1) if f"o-{n}" not in found)


def told_to_the_end(child: subprocess.Popen[str]) -> int:
    """The order that a process tells last of all, once it has ended."""
    assert child.stdout is not None
    return max([0, *(int(line) for line in child.stdout.read().split("\n")[:-1])])


def lost_by_killing(url: str, how: str, n_lines: int) -> int:
    """How many acknowledged orders are missing after the process was killed at once."""
    with writing(url, how) as child:
        promised = told(child, n_lines)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        promised = max(promised, told_to_the_end(child))
    return promised - min(promised, kept(url))


def lost_by_a_crash_of_the_server(server: OwnServer, url: str, how: str, n_lines: int) -> int:
    """How many acknowledged orders are missing after the database's server crashed and came back."""
    with writing(url, how) as child:
        promised = told(child, n_lines)
        server.crash()
        child.wait(30)  # it ends by StoreError
        promised = max(promised, told_to_the_end(child))
    server.start()
    return promised - min(promised, kept(url))


@pytest.mark.parametrize("seed", range(5))
def test_no_acknowledged_order_is_lost_when_the_process_is_killed(url: str, seed: int) -> None:
    assert lost_by_killing(url, "durable", random.Random(seed).randint(1, 40)) == 0


@pytest.mark.long
def test_no_acknowledged_order_is_lost_in_two_hundred_kills(url: str) -> None:
    """One store for all: it is opened after each kill, and goes on."""
    rng = random.Random(0)
    lost = [lost_by_killing(url, "durable", rng.randint(1, 30)) for _ in range(200)]
    assert lost == [0] * 200


def test_red_control_orders_that_are_told_too_early_are_lost(tmp_path: Path) -> None:
    assert lost_by_killing(f"sqlite:///{tmp_path}/store.db", "hasty", 400) > 0


@pytest.mark.parametrize("n_crashes", [2, pytest.param(20, marks=pytest.mark.long)])
def test_no_acknowledged_order_is_lost_when_the_server_crashes(
    own_postgres: OwnServer, n_crashes: int
) -> None:
    rng, url = random.Random(2), Databases(own_postgres.url).make()
    lost = [
        lost_by_a_crash_of_the_server(own_postgres, url, "durable", rng.randint(1, 60))
        for _ in range(n_crashes)
    ]
    assert lost == [0] * n_crashes


def test_red_control_a_crash_of_a_server_that_does_not_wait_for_its_disk_loses_orders(
    own_postgres: OwnServer,
) -> None:
    url = Databases(own_postgres.url).make()
    assert lost_by_a_crash_of_the_server(own_postgres, url, "off", 60) > 0


@contextmanager
def disk(image: Path, at: Path) -> Iterator[Path]:
    """The file system of an image, mounted; what was not synced lies in memory and not in the image."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small ext4 file system in a file; the test is skipped where nobody may mount one."""
    file = tmp_path / "disk.img"
    with file.open("wb") as made:
        made.truncate(64 << 20)
    if shutil.which("mkfs.ext4") is None or os.geteuid() != 0:
        pytest.skip("NOT RUN: power cuts need root and mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-F", str(file)], check=True)
    try:
        with disk(file, tmp_path / "try"):
            return file
    except subprocess.CalledProcessError:
        pytest.skip("NOT RUN: power cuts need loop devices")


def lost_by_power_cut(image: Path, how: str, n_lines: int, folder: Path) -> int:
    """How many acknowledged orders are missing on a copy of the disk, taken while the process stood still."""
    copy = folder / "after-the-cut.img"
    with disk(image, folder / "live") as live, writing(f"sqlite:///{live}/store.db", how) as child:
        promised = told(child, n_lines)
        child.send_signal(signal.SIGSTOP)
        shutil.copyfile(image, copy)
        child.send_signal(signal.SIGCONT)
    with disk(copy, folder / "dead") as dead:
        there = kept(f"sqlite:///{dead}/store.db") if (dead / "store.db").exists() else 0
    return promised - min(promised, there)


@pytest.mark.long
def test_no_acknowledged_order_is_lost_in_twenty_power_cuts(image: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    lost = [lost_by_power_cut(image, "durable", rng.randint(1, 60), tmp_path) for _ in range(20)]
    assert lost == [0] * 20


@pytest.mark.long
def test_red_control_without_waiting_for_the_disk_a_power_cut_loses_orders(
    image: Path, tmp_path: Path
) -> None:
    assert max(lost_by_power_cut(image, "off", 60, tmp_path) for _ in range(3)) > 0
