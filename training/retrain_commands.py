"""`sharepicks gate` and `sharepicks retrain`: what may serve next, and the nightly way there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import UsageError

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")]
GATE_CODES = {"ship": 0, "hold": 3, "refuse": 4}


@app.command()
def gate(
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="The snapshot to judge")],
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset that it was trained on")],
    serving: Annotated[
        Path | None, typer.Option(metavar="SNAPSHOT", help="The snapshot that serves; none: popular alone")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same owners")] = 0,
    as_json: AsJson = False,
) -> None:
    """Judge whether a snapshot may serve: what it holds, what it lists, and what followed.

    Example: sharepicks gate snapshots/tonight town --serving snapshots/yesterday

    Where the dataset has orders after the candidate's moment, they judge it; else a twin of it is trained
    without the last part. Exit codes: 0 ship, 3 hold, 4 refuse, 1 failure, 2 usage.
    """
    from training.gate import judge_candidate
    from training.gate.finding import judgement_text

    judged = judge_candidate(candidate, dataset, serving, seed=seed)
    typer.echo(json.dumps(judged.as_json(), ensure_ascii=False) if as_json else judgement_text(judged))
    raise typer.Exit(GATE_CODES[judged.word])


@app.command()
def retrain(
    snapshots: Annotated[
        Path, typer.Option(envvar="SHAREPICKS_SNAPSHOTS", metavar="DIR", help="The registry")
    ] = Path("snapshots"),
    store: Annotated[
        str | None,
        typer.Option(envvar="SHAREPICKS_STORE", help="The online store to export, as for `serve --store`"),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A dataset to train on in place of a store")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of settings")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="T", help="The moment to pretend it is, as 2026-03-31T00:00:00Z")
    ] = None,
    keep: Annotated[int, typer.Option(help="Snapshots of retrainings to keep, 2 or more")] = 7,
    force: Annotated[bool, typer.Option("--force", help="Promote whatever the gate says")] = False,
    reason: Annotated[str | None, typer.Option(help="Why --force, for the journal")] = None,
    as_json: AsJson = False,
) -> None:
    """Export, check, train, judge at the gate and promote: one command for a scheduler.

    Example: sharepicks retrain --store sqlite:///store.db --snapshots snapshots

    A run that was killed goes on where it ended. Exit codes: 0 promoted or nothing new, 3 held for a person,
    4 refused by the gate, 5 another run goes on, 1 failure, 2 usage.
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from training.config import Config, read_config
    from training.moment import parse_moment
    from training.retrain import Plan
    from training.retrain import retrain as run

    if force and not reason:
        raise UsageError("--force needs a --reason: it is written into the journal")
    if reason and not force:
        raise UsageError("--reason says why the gate is overruled: it needs --force")
    plan = Plan(
        registry=snapshots, store=store if dataset is None else None, dataset=dataset,
        config=Config() if config is None else read_config(config),
        as_of=None if as_of is None else parse_moment(as_of), keep=keep, reason=reason,
    )  # fmt: skip
    with Console(stderr=True).status("reading") as status:
        done = run(plan, datetime.now(UTC), say=status.update)
    if as_json:
        typer.echo(json.dumps(done.as_json(), ensure_ascii=False))
    else:
        typer.echo(f"{'resumed: ' if done.resumed else ''}{done.sentence}")
        for name in done.removed:
            typer.echo(f"removed {name}: beyond the {keep} that are kept")
    raise typer.Exit(done.exit_code)
