"""`sharepicks snapshots show` and `compare`: in lines, as JSON, and as one page with plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys.errors import UsageError
from recsys.registry_text import HERE, AsJson, Folder, Name, json_text, known_line

app = typer.Typer()

Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page with plots.")]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="OWNER_ID", help="On the page: this owner's list, and why.")
]


@app.command(epilog="Example: sharepicks snapshots show nightly-7 --html nightly-7.html")
def show(
    name: Name, snapshots: Folder = HERE, html: Html = None, owner: Owner = None, json: AsJson = False
) -> None:
    """Show what a snapshot was made from, what is off and why, and every move that made it serve.

    The page also holds what is kept beside the snapshot (audits, stages, an evaluation made with --keep), how
    its places spread over the catalogue, lists of a few owners, and what each feature adds to a score.
    """
    from recsys.registry import done, journal, named
    from recsys.snapshot import open_snapshot

    _check_file(html)
    known = named(snapshots, name)
    snapshot = open_snapshot(snapshots / known.name)
    fields = dict(snapshot.manifest.fields)
    moves = journal(snapshots)
    of_it = [
        {**asdict(made), "done": was_done}
        for made, was_done in zip(moves, done(snapshots, moves), strict=True)
        if made.after == known.name
    ]
    if html is not None:
        from features.whole_text import write_whole
        from training.snapshot_page import snapshot_page

        write_whole(html, snapshot_page(snapshot, known.name, owner))
    if json:
        typer.echo(json_text({**asdict(known), "fields": fields, "moves": of_it}))
        return
    typer.echo(known_line(known))
    for key in ("as_of", "dataset_hash", "counts", "config"):
        typer.echo(f"{key:12} {fields.get(key)}")
    for feature, why in fields.get("off") or ():
        typer.echo(f"off          {feature}: {why}")
    for told in of_it:
        undone = "" if told["done"] else " (not done)"
        typer.echo(f"{told['act']:12} {told['time']} by {told['who']}: {told['why']}{undone}")
    _say_page(html)


@app.command(epilog="Example: sharepicks snapshots compare nightly-6 nightly-7 --html both.html")
def compare(
    before: Name, after: Name, snapshots: Folder = HERE, html: Html = None, owner: Owner = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Compare two snapshots: data, settings, and how far the lists of the same owners differ."""
    from recsys.comparing import compare as compared
    from recsys.registry import named
    from recsys.snapshot import open_snapshot

    _check_file(html)
    names = [named(snapshots, name).name for name in (before, after)]
    one, other = (open_snapshot(snapshots / name) for name in names)
    found = compared(one, other, seed=0)
    if html is not None:
        from features.whole_text import write_whole
        from training.snapshot_page import pair_page

        write_whole(html, pair_page((one, other), (names[0], names[1]), found, owner))
    if json:
        typer.echo(json_text(found))
        return
    _say_compared(found)
    _say_page(html)


def _check_file(html: Path | None) -> None:
    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"{html}: there is no folder {html.absolute().parent}; make it first")


def _say_page(html: Path | None) -> None:
    if html is not None:
        typer.echo(f"the page: {html}")


def _say_compared(found: Mapping[str, Any]) -> None:
    for key in ("snapshot_id", "as_of", "dataset_hash", "counts"):
        typer.echo(f"{key:13} {found['before'][key]}\n{'':11}-> {found['after'][key]}")
    for name, (old, new) in found["config"].items():
        typer.echo(f"setting       {name}: {old} -> {new}")
    lists = found["lists"]
    if not lists["n_owners"]:
        typer.echo("lists         no owner is known to both")
        return
    typer.echo(
        f"lists         of {lists['n_owners']} owners: {lists['stays']:.0%} of the first {lists['n_places']} "
        f"places stay, {lists['first_changed']:.0%} of first places change; products in any list: "
        f"{lists['products_before']:,} -> {lists['products_after']:,}"
    )
