"""The commands that `serving` brings to `sharepicks`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: sharepicks serve --snapshots ./snapshots --port 8000")
def serve(
    snapshots: Annotated[
        Path | None,
        typer.Option(
            help="One snapshot, or a folder of snapshots with a file `current` naming the serving one."
        ),
    ] = None,
    store: Annotated[str | None, typer.Option(help="The online store; not there yet.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Server processes, one core each.")] = 1,
    insecure_no_keys: Annotated[
        bool,
        typer.Option("--insecure-no-keys", help="Listen beyond this machine although nobody needs a key."),
    ] = False,
) -> None:
    """Answer recommend and rank over HTTP until Ctrl-C, from the snapshot the pointer names."""
    from serving.server import address_of, listen, serve
    from serving.settings import refuse_open_door, settings_from

    if store is not None:
        raise UsageError(
            "the online store is not there yet: leave --store out; events are not taken in so far"
        )
    refuse_open_door(host, insecure_no_keys=insecure_no_keys)
    given = {} if snapshots is None else {"SHAREPICKS_SNAPSHOTS": str(snapshots)}
    settings = settings_from({**os.environ, "SHAREPICKS_WORKERS": str(workers), **given})
    if not settings.snapshots.is_dir():
        raise UsageError(
            f"{settings.snapshots}: no such folder; train a snapshot, or name one with --snapshots"
        )
    listener = listen(host, port)
    typer.echo(f"serving {address_of(listener)} from {settings.snapshots}; Ctrl-C stops it")
    typer.echo(
        "no keys are configured: every caller may read every owner's picks"
        if insecure_no_keys
        else "no keys are configured: only this machine is listened to"
    )
    serve(settings, listener)


@app.command(epilog="Example: sharepicks doctor --snapshots ./snapshots")
def doctor(
    snapshots: Annotated[Path | None, typer.Option(help="The folder `serve` would be given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at versions, threads, memory, disk and snapshots; exit code 1 when something is broken."""
    from serving.doctor import examine

    folder = snapshots or Path(os.environ.get("SHAREPICKS_SNAPSHOTS") or "snapshots")
    findings = list(examine(folder, asked_for=snapshots is not None))
    broken = any(finding.level == "broken" for finding in findings)
    if json:
        _print_json({"ok": not broken, "findings": [_as_dict(finding) for finding in findings]})
    else:
        for f in findings:
            typer.echo(f"{f.level:8} {f.name}: {f.found}" + (f" → {f.to_do}" if f.to_do else ""))
    raise typer.Exit(1 if broken else 0)


@app.command(epilog="Example: sharepicks demo --exit")
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port; the next free one when taken.")] = 8000,
    leave: Annotated[
        bool, typer.Option("--exit", envvar="DEMO_EXIT", help="End after the first reply.")
    ] = False,
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo puts its files.")] = Path("demo"),
) -> None:
    """Simulate a town, train, evaluate, serve it and show one owner's picks with their reasons."""
    from rich.console import Console

    from serving.demo import TownSize, run_demo

    run_demo(folder, port, leave=leave, size=TownSize(), console=Console())


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _as_dict(value: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(value)  # type: ignore[call-overload, no-any-return]
