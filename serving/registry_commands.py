"""`sharepicks snapshots`: which there are, and moves that make one serve; `training` adds the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.registry_text import HERE, AsJson, Folder, Name, json_text, known_line
from serving.clock import utc_now

if TYPE_CHECKING:
    from recsys.registry import Move

app = typer.Typer(help="List, compare, promote and roll back the snapshots of a registry folder.")

Why = Annotated[str, typer.Option(help="Why, for the journal.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the journal; this login by default.")]


@app.command("list", epilog="Example: sharepicks snapshots list --snapshots snapshots")
def list_(snapshots: Folder = HERE, json: AsJson = False) -> None:
    """List every snapshot of the registry; an arrow points at the one that serves."""
    from recsys.registry import known_snapshots

    found = known_snapshots(snapshots)
    if json:
        typer.echo(json_text([asdict(known) for known in found]))
        return
    for known in found:
        typer.echo(known_line(known))


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
        typer.echo(json_text(asdict(made)))
        return
    typer.echo(f"{made.after} serves; before: {made.before or 'nothing'}")
