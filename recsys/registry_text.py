"""What the commands of a registry share, whichever room brings them: options, and a snapshot in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import UsageError
from recsys.registry import Known

Folder = Annotated[
    Path,
    typer.Option(
        "--snapshots", envvar="SHAREPICKS_SNAPSHOTS", help="The registry: a folder with snapshots in it."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A snapshot's name in the registry, or its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HERE = Path("snapshots")


def known_line(known: Known) -> str:
    """A snapshot in one line; an arrow points at the one that serves."""
    arrow = "->" if known.is_serving else "  "
    if known.trouble is not None:
        return f"{arrow} {known.name}  not usable: {known.trouble}"
    size = f"{known.n_bytes / 1e6:,.1f} MB"
    return f"{arrow} {known.name}  {known.snapshot_id}  as of {known.as_of or 'timeless'}  {size}"


def json_text(value: object) -> str:
    """A value as JSON for a terminal; UsageError for what is none."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError as error:
        raise UsageError(f"the manifest's fields cannot be written as JSON: {error}") from None
