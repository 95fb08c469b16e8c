"""The commands about trust that `serving` brings to `sharepicks`: what is blocked, and what suppliers learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

SnapshotFolder = Annotated[
    Path,
    typer.Argument(
        metavar="SNAPSHOT", help="A snapshot, or a folder of snapshots with a file `current` naming one."
    ),
]


@app.command(epilog="Example: sharepicks blocks ./snapshots --json")
def blocks(
    snapshot: SnapshotFolder,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the products that a burst of bad endings blocks, with the evidence and the owners who shared them.

    Blocked is what in the newest 14 days ended badly so often that its true rate lies over the limit with a
    probability of 95 % or more. A block ends by itself when a later snapshot's evidence no longer says so.
    """
    from recsys.explain_blocks import blocks as found_in
    from recsys.model_files import model_of
    from serving.bulk import open_serving

    opened = open_serving(snapshot)
    found = found_in(model_of(opened))
    if json:
        import orjson

        body = {"snapshot_id": opened.manifest.snapshot_id, "blocks": found}
        typer.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    for block in found:
        typer.echo(f"{block['product_id']} {block['title']}")
        typer.echo(
            f"  {block['n_bad']} members' orders of about {block['exposure_lines']:.1f} went badly since "
            f"{block['since']:%Y-%m-%d %H:%M} UTC: {block['n_returns']} returns, "
            f"{block['n_complaints']} complaints, {block['n_low_ratings']} low ratings"
        )
        typer.echo(
            f"  rate {block['rate']:.1%}, usual in {block['category']} {block['usual_rate']:.1%}; "
            f"over the limit of {block['limit']:.1%} with {block['p_over_limit']:.2%}"
        )
        owners = ", ".join(owner["owner_id"] for owner in block["owners"])
        typer.echo(f"  shared by {len(block['owners'])} owners: {owners}" if owners else "  shared by nobody")
    typer.echo(f"{len(found):,} products are blocked")
