"""The commands about trust: what is blocked and why, and what suppliers learn."""

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


@app.command(epilog="Example: sharepicks suppliers ./snapshots --out suppliers.html")
def suppliers(
    snapshot: SnapshotFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv or .html file to write.")],
    supplier_id: Annotated[
        str | None, typer.Option("--supplier", metavar="ID", help="Only this supplier.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write what suppliers learn: returns, fair prices, what closes each product, what to mend first.

    A .csv has one row for each product of each supplier: supplier_id, product_id, title, category, closed_by,
    value_score, badge, price_minor, price_gap (over the fair price), mend, from, to, value_score_after. An
    .html is one page for people, with unmet demand. Counts of members are rounded down to 10; fewer than 10
    are never shown.
    """
    from dataclasses import asdict

    import orjson

    from serving.bulk import open_serving
    from serving.bulk_suppliers import write_suppliers

    opened = open_serving(snapshot)
    done = write_suppliers(opened, out, supplier_id)
    if json:
        body = {"path": str(out), "snapshot_id": opened.manifest.snapshot_id, **asdict(done)}
        typer.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(f"{done.n_products:,} products of {done.n_suppliers:,} suppliers in {out}")
    typer.echo(f"{done.n_unmet:,} demands of circles have no open product of good value")
