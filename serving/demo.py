"""The demo: a simulated town, trained, judged and served by the same commands a person would type."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsys.errors import SharepicksError, UsageError
from recsys.pointer import promote
from serving.picks_text import printable

MARK = ".sharepicks-demo"
TOWN = "town"
SNAPSHOTS = "snapshots"
FIRST = "first"
STORE = "store.db"
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 25.0
PORTS_TRIED = 20
N_PICKS = 5
HELD_BACK_DAYS = 7
BASELINES = "popular,co_purchase_knn"
JUDGED_OWNERS = "300"


QUICK_CONFIG = """\
[ranker]
n_moments = 1
max_pairs = 150000
n_trees = 80

[audience]
max_pairs = 60000
n_trees = 60
"""


@dataclass(frozen=True, slots=True)
class TownSize:
    """How large the simulated town is: by default as large as a minute allows on two cores."""

    n_owners: int = 300
    n_members: int = 4_000
    n_products: int = 1_000
    n_days: int = 60
    seed: int = 7


def run_demo(folder: Path, port: int, *, leave: bool, size: TownSize, console: Console) -> None:
    """Make the town, train, judge, serve and show picks; with `leave` end after the first reply.

    Ctrl-C and SIGTERM end it and its child; KeyboardInterrupt when nothing served yet.
    """
    with _sigterm_as_ctrl_c():
        _run_steps(folder, port, leave, size, console)


def _quick(folder: Path) -> Path:
    """A configuration that learns from a small part: the demo shall be over in a minute."""
    file = folder / "quick.toml"
    file.write_text(QUICK_CONFIG, "utf-8")
    return file


def _run_steps(folder: Path, port: int, leave: bool, size: TownSize, console: Console) -> None:
    started = time.monotonic()
    clear_folder(folder)
    town, snapshots = folder / TOWN, folder / SNAPSHOTS
    snapshots.mkdir()
    _step(console, "A town", [
        "simulate", str(town), "--owners", str(size.n_owners), "--members", str(size.n_members),
        "--products", str(size.n_products), "--days", str(size.n_days), "--seed", str(size.seed),
    ])  # fmt: skip
    # the last days are kept back, so that there is something to judge the snapshot by
    as_of = (last_order_time(town) - timedelta(days=HELD_BACK_DAYS)).isoformat(timespec="seconds")
    _step(console, "A snapshot", [
        "train", str(town), "--out", str(snapshots / FIRST), "--as-of", as_of,
        "--config", str(_quick(folder)),
    ])  # fmt: skip
    _step(console, "How good it is", [
        "evaluate", str(snapshots / FIRST), str(town),
        "--baselines", BASELINES, "--max-owners", JUDGED_OWNERS,
    ])  # fmt: skip
    promote(snapshots, FIRST)
    console.rule("[bold]The service", align="left")
    # once it serves, Ctrl-C is the way to end it, and it ends with 0
    with contextlib.suppress(KeyboardInterrupt), serving_child(snapshots, port) as (child, address):
        owner_id = _an_owner(snapshots / FIRST)
        path = f"/v1/owners/{quote(owner_id, safe='')}/recommend?n={N_PICKS}"
        page = f"{address}/shop/{quote(owner_id, safe='')}"
        console.print(picks_table(owner_id, _fetch(address, path)))
        say_what_next(console, address, (page, path), folder, time.monotonic() - started)
        if not leave:
            child.wait()
            raise SharepicksError("the server ended by itself; its log above says why")


def clear_folder(folder: Path) -> None:
    """An empty demo folder; UsageError when the folder holds something the demo did not make."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder with --dir")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError(f"{folder} holds files the demo did not make; name another folder with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    for old in folder.iterdir():  # nothing half-made is used again
        if old.name != MARK:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def last_order_time(town: Path) -> datetime:
    """The moment of the last order in a simulated town."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    times = pq.read_table(town / "orders.parquet", columns=["order_time"])["order_time"]
    moment: datetime = pc.max(times).as_py()
    return moment


def command_line(arguments: Sequence[str]) -> list[str]:
    """One of our commands as a program and its arguments, run by this very Python."""
    return [sys.executable, "-c", "from recsys.cli import main; main()", *arguments]


def _step(console: Console, title: str, arguments: Sequence[str]) -> None:
    console.rule(f"[bold]{title}", align="left")
    console.print(f"$ sharepicks {' '.join(arguments)}", style="dim", markup=False, soft_wrap=True)
    started = time.monotonic()
    child = subprocess.Popen(command_line(arguments))
    try:
        code = child.wait()
    except BaseException:
        _end(child)
        raise
    if code != 0:
        raise SharepicksError(
            f"sharepicks {arguments[0]} ended with exit code {code}; its own words stand above"
        )
    console.print(f"  {time.monotonic() - started:.1f} s", style="dim")


@contextlib.contextmanager
def serving_child(snapshots: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A ready server over a folder as a child process, with its address; ended, by its own id, at the end."""
    port = free_port(port)
    log = (snapshots.parent / "serve.log").open("wb")
    store = f"sqlite:///{(snapshots.parent / STORE).resolve()}"
    arguments = ["serve", "--snapshots", str(snapshots), "--store", store, "--port", str(port)]
    with log:
        child = subprocess.Popen(command_line(arguments), stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(child, address, Path(log.name))
        yield child, address
    finally:
        _end(child)


def free_port(wanted: int) -> int:
    """The wanted port, or the next free one; UsageError when the next 20 are taken too."""
    from serving.server import listen

    for port in range(wanted, min(wanted + PORTS_TRIED, 65535) + 1):
        with contextlib.suppress(UsageError), contextlib.closing(listen("127.0.0.1", port)) as listener:
            return int(listener.getsockname()[1])
    raise UsageError(f"ports {wanted} to {wanted + PORTS_TRIED} are taken; choose another with --port")


def _wait_until_ready(child: subprocess.Popen[bytes], address: str, log: Path) -> None:
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        if child.poll() is not None:
            raise SharepicksError(f"the server ended with exit code {child.returncode}; {log} says why")
        with contextlib.suppress(OSError, http.client.HTTPException, SharepicksError):
            _fetch(address, "/readyz")
            return
        time.sleep(0.05)
    raise SharepicksError(f"the server was not ready within {READY_WITHIN_S:g} s; {log} says why")


def _fetch(address: str, path: str) -> dict[str, Any]:
    # http.client, unlike urllib, never takes a proxy from the environment: this stays on the machine
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        reply = connection.getresponse()
        body: dict[str, Any] = orjson.loads(reply.read())
    if reply.status != 200:
        raise SharepicksError(f"{address}{path} answered {reply.status}: {body.get('detail')}")
    return body


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt within the block, so that no child outlives the demo."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _an_owner(snapshot: Path) -> str:
    from recsys.snapshot import open_snapshot

    return open_snapshot(snapshot, verify=False).ids("owners")[0]


def picks_table(owner_id: str, reply: Mapping[str, Any]) -> Table:
    """A reply of `recommend` as a table for the terminal."""
    title = Text(f"Worth sharing today for {printable(owner_id)}")
    table = Table(title=title, title_justify="left", show_lines=True)
    for column, justify in (("", "right"), ("product", "left"), ("price", "right"), ("source", "left")):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("why", overflow="fold", ratio=1)
    for pick in reply["picks"]:
        offer = pick["offer"]
        table.add_row(
            str(pick["position"]),
            Text(printable(pick["product"]["title"])),  # as Text: a title may hold what looks like markup
            f"{offer['price_minor'] / 100:.2f} {offer['currency']}" if offer else "",
            pick["source"],
            Text("\n".join(printable(reason["text"]) for reason in pick["reasons"])),
        )
    return table


def say_what_next(
    console: Console, address: str, pages: tuple[str, str], folder: Path, seconds: float
) -> None:
    """Print what to open and how to stop; `pages`: her page, and the path of her picks."""
    page, path = pages
    n_ready = f"Ready in {seconds:.0f} s. Everything the demo made is in {folder}{os.sep}."
    lines = [
        n_ready,
        "Open in a browser, as the owner does on her phone:",
        f"  {page}",
        "Then:",
        f"  {address}{path}",
        f"  {address}/openapi.json   every call and its parameters",
        f"  {address}/metrics        what the service counts",
        "Ctrl-C stops the server.",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
