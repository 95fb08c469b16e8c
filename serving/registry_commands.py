"""`sharepicks snapshots`: which snapshots there are, how they differ, which one serves, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import UsageError
from serving.clock import utc_now

if TYPE_CHECKING:
    from recsys.registry import Known, Move

app = typer.Typer(help="List, compare, promote and roll back the snapshots of a registry folder.")

Folder = Annotated[
    Path,
    typer.Option(
        "--snapshots", envvar="SHAREPICKS_SNAPSHOTS", help="The registry: a folder with snapshots in it."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A snapshot's name in the registry, or its id.")]
Why = Annotated[str, typer.Option(help="Why, for the journal.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the journal; this login by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HERE = Path("snapshots")


@app.command("list", epilog="Example: sharepicks snapshots list --snapshots snapshots")
def list_(snapshots: Folder = HERE, json: AsJson = False) -> None:
    """List every snapshot of the registry; an arrow points at the one that serves."""
    from recsys.registry import known_snapshots

    found = known_snapshots(snapshots)
    if json:
        _print_json([asdict(known) for known in found])
        return
    for known in found:
        typer.echo(_line(known))


@app.command(epilog="Example: sharepicks snapshots show nightly-7")
def show(name: Name, snapshots: Folder = HERE, json: AsJson = False) -> None:
    """Show what a snapshot was made from, what is off and why, and every move that made it serve."""
    from recsys.registry import done, journal, named
    from recsys.snapshot import open_snapshot

    known = named(snapshots, name)
    fields = dict(open_snapshot(snapshots / known.name).manifest.fields)
    moves = journal(snapshots)
    of_it = [
        {**asdict(made), "done": was_done}
        for made, was_done in zip(moves, done(snapshots, moves), strict=True)
        if made.after == known.name
    ]
    if json:
        _print_json({**asdict(known), "fields": fields, "moves": of_it})
        return
    typer.echo(_line(known))
    for key in ("as_of", "dataset_hash", "counts", "config"):
        typer.echo(f"{key:12} {fields.get(key)}")
    for feature, why in fields.get("off") or ():
        typer.echo(f"off          {feature}: {why}")
    for told in of_it:
        undone = "" if told["done"] else " (not done)"
        typer.echo(f"{told['act']:12} {told['time']} by {told['who']}: {told['why']}{undone}")


@app.command(epilog="Example: sharepicks snapshots compare nightly-6 nightly-7")
def compare(before: Name, after: Name, snapshots: Folder = HERE, json: AsJson = False) -> None:
    """Compare two snapshots: data, settings, and how far the lists of the same owners differ."""
    from recsys.comparing import compare as compared
    from recsys.registry import named
    from recsys.snapshot import open_snapshot

    one, other = (open_snapshot(snapshots / named(snapshots, name).name) for name in (before, after))
    found = compared(one, other, seed=0)
    if json:
        _print_json(found)
        return
    _say_compared(found)


@app.command(epilog="Example: sharepicks snapshots promote nightly-7 --why 'the night of 22 November'")
def promote(
    name: Name, snapshots: Folder = HERE, why: Why = "", by: By = None,
    if_serving: Annotated[
        str | None, typer.Option(help="Only when this one serves now; else nothing happens.")
    ] = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Make a snapshot the serving one, in one step; services that watch the registry follow within seconds.

    It is opened, verified byte by byte and asked a few questions first. Two at once: one wins, the other is
    told and nothing of it happens.
    """
    from recsys.registry import move, named
    from serving.snapshots import open_served

    made = move(
        snapshots, named(snapshots, name).name, who=_actor(by), why=why, now=utc_now(),
        verify=open_served, expected=if_serving,
    )  # fmt: skip
    _say(made, json)


@app.command(epilog="Example: sharepicks snapshots rollback --why 'complaints about the new lists'")
def rollback(snapshots: Folder = HERE, why: Why = "", by: By = None, json: AsJson = False) -> None:
    """Go back to the snapshot that served before; again, further back."""
    from recsys.registry import rollback as back
    from serving.snapshots import open_served

    _say(back(snapshots, who=_actor(by), why=why, now=utc_now(), verify=open_served), json)


def _actor(by: str | None) -> str:
    from serving.callers.commands import actor

    return actor(by)


def _say(made: Move, json: bool) -> None:
    if json:
        _print_json(asdict(made))
        return
    typer.echo(f"{made.after} serves; before: {made.before or 'nothing'}")


def _line(known: Known) -> str:
    arrow = "->" if known.is_serving else "  "
    if known.trouble is not None:
        return f"{arrow} {known.name}  not usable: {known.trouble}"
    size = f"{known.n_bytes / 1e6:,.1f} MB"
    return f"{arrow} {known.name}  {known.snapshot_id}  as of {known.as_of or 'timeless'}  {size}"


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


def _print_json(value: object) -> None:
    import orjson

    try:
        typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    except TypeError as error:
        raise UsageError(f"the manifest's fields cannot be written as JSON: {error}") from None
