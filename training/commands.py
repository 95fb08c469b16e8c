"""The commands that `training` brings to `sharepicks`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def simulate(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset to write: a new folder")],
    owners: Annotated[int, typer.Option(help="Shop owners")] = 1_000,
    members: Annotated[int, typer.Option(help="Members of their circles")] = 20_000,
    products: Annotated[int, typer.Option(help="Products")] = 5_000,
    days: Annotated[int, typer.Option(help="Days, from 2026-01-01")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed and sizes give the same files, byte for byte")] = 1,
    orders: Annotated[
        int | None,
        typer.Option(help="Order lines to reach, about (usual: 6.5 for each member in 90 days)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Play a town of owners, circles and products into a dataset.

    Example: sharepicks simulate town --owners 1000 --members 20000 --products 5000 --days 90 --seed 1

    The hidden truth (tastes, true quality, influence) is written beside it, to DIR.truth, never inside.
    """
    from rich.console import Console
    from rich.progress import Progress

    from training.town.config import TownConfig
    from training.town.simulate import simulate as play

    config = TownConfig(owners, members, products, days, seed, orders)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("days", total=days)
        done = play(config, path, progress=lambda day, _: bar.update(task, completed=day))
    if as_json:
        typer.echo(json.dumps({"path": str(done.path), "truth": str(done.truth), "rows": dict(done.n_rows)}))
        return
    width = max(len(name) for name in done.n_rows)
    for name, n_rows in done.n_rows.items():
        typer.echo(f"{name:<{width}}  {n_rows:>12,}")
    typer.echo(f"dataset in {done.path}, its hidden truth in {done.truth}")
    typer.echo(f"next: sharepicks train {done.path} --out {done.path}.snapshot")
