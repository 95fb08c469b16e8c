"""The commands that `features` brings to `sharepicks`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from features.importers import ImportSummary

app = typer.Typer()


@app.command(name="import")
def import_(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="beidian, taobao-share, online-retail, interactions, complete-journey or segment",
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC",
            help="The source's folder; one file for interactions and segment; - for complete-journey",
        ),
    ],
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset to write: a new folder")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Make a dataset of data in a known source's own format.

    Example: sharepicks import beidian data/beidian town

    What the source has and a dataset cannot say is printed and kept in DIR/dataset.toml; rows left out stand
    in DIR/quarantine with their reasons. A dataset the same importer wrote to DIR before is replaced.
    """
    from rich.console import Console

    from features.importers import import_into

    console = Console(stderr=True)
    if sys.stderr.isatty():
        with console.status(f"importing {name} from {source} …"):
            summary = import_into(name, source, path)
    else:
        summary = import_into(name, source, path)
    typer.echo(_import_json(summary) if as_json else _import_text(summary))


@app.command()
def check(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset: a folder with a file per table")],
    quarantine: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Set bad rows aside there, with their reasons, and go on"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --quarantine: write the rows that are left as a dataset"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Hold a dataset to the data contract: its errors, counts, and what will be off.

    Example: sharepicks check town --quarantine town-bad --out town-good

    Ends with exit code 1 when the contract is broken. With --quarantine it is kept once the bad rows, and the
    rows that mean nothing without them, are set aside; a missing table or column cannot be set aside.
    """
    from rich.console import Console

    from features.check import check_dataset
    from recsys.errors import UsageError

    if out is not None and quarantine is None:
        raise UsageError("--out needs --quarantine: name the folder that takes the bad rows")
    if sys.stderr.isatty():
        with Console(stderr=True).status("opening …") as status:
            report = check_dataset(
                path, quarantine, out=out, progress=lambda what: status.update(f"{what} …")
            )
    else:
        report = check_dataset(path, quarantine, out=out)
    typer.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else report.as_text())
    if report.broken:
        raise typer.Exit(1)


def _import_json(summary: ImportSummary) -> str:
    return json.dumps(
        {
            "importer": summary.importer,
            "path": str(summary.path),
            "n_rows": dict(summary.n_rows),
            "n_quarantined": dict(summary.n_quarantined),
            "notes": list(summary.notes),
        },
        ensure_ascii=False,
    )


def _import_text(summary: ImportSummary) -> str:
    lines = [f"{summary.path}: a dataset of {summary.importer}"]
    lines += [f"  {table:<14}{n_rows:>12,} rows" for table, n_rows in summary.n_rows.items()]
    lines += [
        f"  left out      {n_rows:>12,} rows, in {summary.path / 'quarantine' / f'{name}.csv'}"
        for name, n_rows in summary.n_quarantined.items()
    ]
    lines += ["What was not carried over:"] + [f"  - {note}" for note in summary.notes]
    lines.append(f"Next: sharepicks check {summary.path}")
    return "\n".join(lines)
