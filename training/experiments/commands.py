"""The commands of `sharepicks experiment`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Compare policies that owners were assigned to.", no_args_is_help=True)
Data = Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset")]
AsOf = Annotated[
    str | None, typer.Option(metavar="T", help="The moment to pretend it is, as 2026-11-20T00:00:00Z")
]


@app.command()
def report(
    dataset: Data,
    experiment: Annotated[Path, typer.Option(metavar="FILE.toml", help="The experiment")],
    clusters: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="Owners assigned together; else each alone")
    ] = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Say what each policy brought, with intervals, and whether the experiment may stop.

    Example: sharepicks experiment report town --experiment autumn.toml

    It may be looked at every day: the verdict errs in 5 of 100 experiments, all looks together.
    """
    from features.circle_clusters import read_clusters
    from features.experiment_file import read_experiment
    from recsys.assignment import EVERYBODY_ALONE
    from training.experiments.report import experiment_report
    from training.experiments.report_text import report_json, report_text
    from training.moment import parse_moment

    told = read_experiment(experiment)
    together = EVERYBODY_ALONE if clusters is None else read_clusters(clusters)
    found = experiment_report(dataset, told, together, None if as_of is None else parse_moment(as_of))
    typer.echo(json.dumps(report_json(found), ensure_ascii=False) if as_json else report_text(found))


@app.command("clusters")
def write(
    dataset: Data,
    out: Annotated[
        Path, typer.Option(metavar="FILE.parquet", help="The table to write: owner_id, cluster_id")
    ],
    overlap: Annotated[float, typer.Option(min=0.01, max=1, help="Jaccard overlap of two circles")] = 0.5,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text")] = False,
) -> None:
    """Find the owners whose circles overlap strongly, to be assigned together.

    Example: sharepicks experiment clusters town --out clusters.parquet
    """
    import numpy as np

    from features.circle_clusters import circle_clusters, write_clusters
    from features.dataset import open_dataset
    from features.window import open_window
    from training.moment import parse_moment

    with open_window(open_dataset(dataset), None if as_of is None else parse_moment(as_of)) as window:
        found, n_owners = circle_clusters(window, overlap), window.count("owners")
    write_clusters(found, out)
    sizes = np.unique(found.cluster_id, return_counts=True)[1]
    said = {"n_owners": n_owners, "n_together": len(found.owner_id), "n_clusters": len(sizes),
            "largest": int(sizes.max(initial=0))}  # fmt: skip
    if as_json:
        typer.echo(json.dumps(said))
        return
    typer.echo(
        f"{said['n_together']:,} of {n_owners:,} owners stand in {said['n_clusters']:,} clusters, the "
        f"largest of {said['largest']:,}; written to {out}"
    )
