"""The commands that `training` brings to `sharepicks`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from training.experiments.commands import app as experiments
from training.retrain_commands import app as retraining
from training.snapshot_commands import app as snapshots

app = typer.Typer()
app.registered_commands += retraining.registered_commands
app.add_typer(experiments, name="experiment")
app.add_typer(snapshots, name="snapshots")


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


@app.command()
def evaluate(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="The snapshot to judge")],
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset, later orders included if any")],
    target: Annotated[str, typer.Option(help="circle: what her circle buys; self: what she buys")] = "circle",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write one page with plots")
    ] = None,
    baselines: Annotated[
        str,
        typer.Option(
            help="Beside it: all, none, or some of "
            "popular,co_purchase_knn,ease,ials,bpr,spectral,friends_only"
        ),
    ] = "all",
    max_owners: Annotated[int, typer.Option(min=1, help="Owners judged at most; more are drawn")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures")] = 0,
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation", help="Also what each source and the social part add: up to three more trainings"
        ),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the figures beside the snapshot, for its page"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Judge a snapshot by full ranking on what it has not seen, beside every baseline.

    Example: sharepicks evaluate town.snapshot town --target circle --report town.html

    Orders after the snapshot's moment judge that very snapshot. Without any, a twin of the same configuration
    is trained on an earlier part and judged on the rest; the output says which it was.
    """
    from rich.console import Console
    from rich.progress import Progress

    from features.whole_text import write_whole
    from recsys.errors import UsageError
    from recsys.run_card import evaluation_path
    from training.baselines import NAMES
    from training.evaluate import evaluate as judge
    from training.evaluation_text import evaluation_text

    if target not in ("circle", "self"):
        raise UsageError(f"--target must be circle or self; got {target!r}")
    if report is not None and not report.absolute().parent.is_dir():
        raise UsageError(f"{report}: there is no folder {report.absolute().parent}; make it first")
    chosen = {"all": NAMES, "none": ()}.get(baselines)
    names = chosen if chosen is not None else tuple(filter(None, baselines.split(",")))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading", total=1)
        found = judge(
            snapshot, dataset, target="self" if target == "self" else "circle", baselines=names, seed=seed,
            max_owners=max_owners, ablation=ablation,
            progress=lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
        )  # fmt: skip
    if report is not None:
        from training.report import write_report

        write_report(found, report)
    if keep:
        write_whole(evaluation_path(snapshot), json.dumps(found.as_json(), ensure_ascii=False) + "\n")
    typer.echo(json.dumps(found.as_json(), ensure_ascii=False) if as_json else evaluation_text(found))
    if report is not None and not as_json:
        typer.echo(f"the report: {report}")


@app.command()
def train(
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset")],
    out: Annotated[Path, typer.Option(metavar="SNAPSHOT", help="The snapshot to write: a new folder")],
    as_of: Annotated[
        str | None, typer.Option(metavar="T", help="The moment to pretend it is, as 2026-03-31T00:00:00Z")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of settings")] = None,
    engine: Annotated[
        str, typer.Option(help="What computes graphs and columns: duckdb or spark (with Java 17)")
    ] = "duckdb",
    spark_master: Annotated[
        str | None, typer.Option(metavar="URL", help="Spark's master (usual: local[2]), as spark://HOST:7077")
    ] = None,
    spark_folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where tables are written for the workers: each must reach it"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run card as JSON")] = False,
) -> None:
    """Train a snapshot: graphs, embeddings and rankers as of a moment, in one folder.

    Example: sharepicks train town --out town.snapshot --as-of 2026-03-25T00:00:00Z

    The run card (config, dataset hash, what is off and why, seconds, memory) is written beside the snapshot.
    """
    from rich.console import Console

    from features.choose_engine import chosen_engine
    from recsys.run_card import run_card_path
    from training.config import Config, read_config
    from training.moment import parse_moment
    from training.run_card import run_card_text
    from training.train import train as run

    moment = None if as_of is None else parse_moment(as_of)
    chosen = Config() if config is None else read_config(config)
    with (
        chosen_engine(
            engine, master=spark_master, folder=spark_folder, memory_limit_mb=chosen.run.memory_limit_mb
        ) as open_engine,
        Console(stderr=True).status("reading") as status,
    ):
        done = run(dataset, out, as_of=moment, config=chosen, say=status.update, open_engine=open_engine)
    typer.echo(json.dumps(done.card, ensure_ascii=False) if as_json else run_card_text(done.card))
    if not as_json:
        typer.echo(f"snapshot in {done.path}, its run card in {run_card_path(done.path)}")
        typer.echo(f"next: sharepicks evaluate {done.path} {dataset}")


@app.command()
def tune(
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset")],
    out: Annotated[Path, typer.Option(metavar="FILE.toml", help="The configuration to write: a new file")],
    minutes: Annotated[float, typer.Option(min=0.0, help="How long to search; the default is always tried")],
    target: Annotated[str, typer.Option(help="circle: what her circle buys; self: what she buys")] = "circle",
    study: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keeps the trials; the same call goes on where it ended"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed tries the same in the same order")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Search a configuration that suits a dataset better than the shipped one.

    Example: sharepicks tune town --out mine.toml --minutes 30 --study town.study

    What evaluate judges by is never looked at. Half of the owners choose, the other half measures what the
    choice gained; unless that is more than chance, the default is kept and the file says so.
    """
    from rich.console import Console

    from recsys.errors import UsageError
    from training.config_file import write_config
    from training.tune import tune as search
    from training.tuning_text import comments_of, tuning_text

    if target not in ("circle", "self"):
        raise UsageError(f"--target must be circle or self; got {target!r}")
    for file in (out, study):
        if file is not None and not file.absolute().parent.is_dir():
            raise UsageError(f"{file}: there is no folder {file.absolute().parent}; make it first")
    if out.exists():
        raise UsageError(f"{out}: already exists; name a new file for the configuration")
    with Console(stderr=True).status("reading") as status:
        found = search(
            dataset, minutes=minutes, target="self" if target == "self" else "circle", study=study, seed=seed,
            say=status.update,
        )  # fmt: skip
    write_config(found.config, out, comments_of(found))
    typer.echo(json.dumps(found.as_json(), ensure_ascii=False) if as_json else tuning_text(found))
    if not as_json:
        typer.echo(f"configuration in {out}")
        typer.echo(f"next: sharepicks train {dataset} --out SNAPSHOT --config {out}")
