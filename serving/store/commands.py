"""The command that brings what the store holds back to the dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: sharepicks export --store sqlite:///store.db town")
def export(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset to write: a new folder.")],
    store: Annotated[
        str | None,
        typer.Option(help="The online store: sqlite:///PATH or postgresql://…; SHAREPICKS_STORE by default."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the online store as a dataset, as `check` and `train` read it; the service may go on meanwhile.

    The same events give the same bytes, in whatever order they came and however often.
    """
    import orjson

    from serving.store.export import export_store
    from serving.store.opening import open_store

    url = store or os.environ.get("SHAREPICKS_STORE")
    if not url:
        raise UsageError("name the store with --store, or in SHAREPICKS_STORE")
    with open_store(url, must_exist=True) as opened:
        done = export_store(opened, path)
    if json:
        typer.echo(orjson.dumps({"path": str(path), "n_rows": done.n_rows}).decode())
        return
    for name, n_rows in done.n_rows.items():
        typer.echo(f"{n_rows:>12,} {name}")
    typer.echo(f"written to {path}")
