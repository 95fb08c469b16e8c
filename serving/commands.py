"""The commands that `serving` brings to `sharepicks`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import UsageError
from serving.callers.commands import app as keys_app
from serving.registry_commands import app as snapshots_app
from serving.store.commands import app as store_app
from serving.trust_commands import app as trust_app

app = typer.Typer()
app.registered_commands += trust_app.registered_commands + store_app.registered_commands
app.add_typer(keys_app, name="keys")
app.add_typer(snapshots_app, name="snapshots")


@app.command(epilog="Example: sharepicks serve --snapshots ./snapshots --port 8000")
def serve(
    snapshots: Annotated[
        Path | None,
        typer.Option(
            help="One snapshot, or a folder of snapshots with a file `current` naming the serving one."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="The online store: sqlite:///PATH or postgresql://…."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Server processes, one core each.")] = 1,
    insecure_no_keys: Annotated[
        bool,
        typer.Option("--insecure-no-keys", help="Listen beyond this machine although nobody needs a key."),
    ] = False,
) -> None:
    """Answer recommend and rank over HTTP until Ctrl-C, from the snapshot the pointer names."""
    from serving.callers.connect import NEED_KEYS, state_of_keys
    from serving.server import address_of, listen, serve
    from serving.settings import hosts_listening_on, is_loopback, refuse_open_door, settings_from

    store = store or os.environ.get("SHAREPICKS_STORE") or None
    if store is not None:
        from serving.store.opening import check_url

        check_url(store)
    keys = state_of_keys(store)
    if keys == "no keys":
        refuse_open_door(host, insecure_no_keys=insecure_no_keys)
    given = {} if snapshots is None else {"SHAREPICKS_SNAPSHOTS": str(snapshots)}
    given |= {} if store is None else {"SHAREPICKS_STORE": store}
    given["SHAREPICKS_HOSTS"] = hosts_listening_on(host, os.environ.get("SHAREPICKS_HOSTS", ""))
    if not is_loopback(host) and not insecure_no_keys:
        os.environ[NEED_KEYS] = (
            "1"  # for the workers: a store that is found later, without keys, opens nothing
        )
    settings = settings_from({**os.environ, "SHAREPICKS_WORKERS": str(workers), **given})
    if not settings.snapshots.is_dir():
        raise UsageError(
            f"{settings.snapshots}: no such folder; train a snapshot, or name one with --snapshots"
        )
    listener = listen(host, port)
    typer.echo(f"serving {address_of(listener)} from {settings.snapshots}; Ctrl-C stops it")
    if keys == "keys":
        typer.echo("keys are configured: every call needs one")
    elif keys == "unknown":
        typer.echo(
            "the store cannot be opened now and is tried again all the time: until then events are answered "
            "with 503, and picks come for owner tokens and the keys that were known ten minutes ago"
        )
    elif insecure_no_keys:
        typer.echo("no keys are configured: every caller may read every owner's picks")
    else:
        typer.echo("no keys are configured: only this machine is listened to")
    serve(settings, listener)


@app.command(epilog="Example: sharepicks doctor --snapshots ./snapshots")
def doctor(
    snapshots: Annotated[Path | None, typer.Option(help="The folder `serve` would be given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at versions, threads, memory, disk and snapshots; exit code 1 when something is broken."""
    from serving.doctor import examine

    folder = snapshots or Path(os.environ.get("SHAREPICKS_SNAPSHOTS") or "snapshots")
    findings = list(examine(folder, asked_for=snapshots is not None))
    broken = any(finding.level == "broken" for finding in findings)
    if json:
        _print_json({"ok": not broken, "findings": [_as_dict(finding) for finding in findings]})
    else:
        for f in findings:
            typer.echo(f"{f.level:8} {f.name}: {f.found}" + (f" → {f.to_do}" if f.to_do else ""))
    raise typer.Exit(1 if broken else 0)


@app.command(epilog="Example: sharepicks demo --exit")
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port; the next free one when taken.")] = 8000,
    leave: Annotated[
        bool, typer.Option("--exit", envvar="DEMO_EXIT", help="End after the first reply.")
    ] = False,
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo puts its files.")] = Path("demo"),
) -> None:
    """Simulate a town, train, evaluate, serve it and show one owner's picks with their reasons."""
    from rich.console import Console

    from serving.demo import TownSize, run_demo

    run_demo(folder, port, leave=leave, size=TownSize(), console=Console())


SnapshotFolder = Annotated[
    Path,
    typer.Argument(
        metavar="SNAPSHOT", help="A snapshot, or a folder of snapshots with a file `current` naming one."
    ),
]
TargetName = Annotated[
    str, typer.Option("--target", help="circle: what her circle buys; self: what she buys.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: sharepicks recommend ./snapshots owner-17 -n 10 --max-price-minor 5000")
def recommend(
    snapshot: SnapshotFolder,
    owner_id: Annotated[
        str, typer.Argument(metavar="OWNER_ID", help="An owner; an unknown one is no error.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many picks.")] = 20,
    target: TargetName = "circle",
    category: Annotated[
        str | None, typer.Option(help="Only this category and those below it, as `Home > Kitchen`.")
    ] = None,
    max_price_minor: Annotated[
        int | None, typer.Option(min=0, help="Only products at most this dear, in minor units.")
    ] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Leave out what she ordered before.")] = False,
    scene: Annotated[
        str | None, typer.Option(help="The occasion of the share, as `breakfast` or `festival > mid_autumn`.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="How she shares: moments, group, private, …")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="T", help="The moment to pretend it is, as 2026-03-31T00:00:00Z.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show what is worth sharing for one owner, with the reasons she can repeat."""
    from recsys.domain import Query
    from recsys.recommend import recommend as ask
    from serving.bulk import channel_named, moment_named, open_serving, question_id, target_named
    from serving.picks_text import print_picks
    from serving.replies import reply_bytes
    from serving.snapshots import read_as_of

    moment = None if as_of is None else moment_named(as_of)
    query = Query(
        owner_id, n=n, target=target_named(target), as_of=moment, category=category,
        max_price_minor=max_price_minor, unseen=unseen, scene=scene, channel=channel_named(channel),
    )  # fmt: skip
    opened = open_serving(snapshot)
    reply, snapshot_id = ask(opened, query), opened.manifest.snapshot_id
    moment = moment or read_as_of(opened.manifest.fields.get("as_of"), opened.path)
    if json:
        typer.echo(reply_bytes(reply, question_id(snapshot_id, query), snapshot_id, moment))
    else:
        print_picks(reply, n, snapshot_id, moment)


@app.command(epilog="Example: sharepicks batch ./snapshots --out picks.parquet -n 200 --target self --unseen")
def batch(
    snapshot: SnapshotFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many picks for each owner.")] = 200,
    target: TargetName = "circle",
    unseen: Annotated[bool, typer.Option("--unseen", help="Leave out what she ordered before.")] = False,
    owners: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only these: one owner id a line, or a CSV with owner_id."),
    ] = None,
    max_product_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Part of all lists that may show one product; 0: no cap."),
    ] = None,
    max_supplier_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Part of all places that one supplier may have; 0: no cap."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Rank products for every owner into one Parquet file; stopped half-way, it goes on when run again.

    Columns: owner_id, rank (from 1), product_id, score, value_score, source. An owner the
    snapshot does not know gets the popular list. Finished parts wait in a hidden folder beside FILE,
    .FILE.parts; the same command uses them, any other argument or snapshot starts anew. Without a share
    the snapshot's own holds, from [list] of its configuration.
    """
    from serving.bulk import open_serving, target_named
    from serving.bulk_batch import BatchOptions, parts_folder_of, write_batch
    from serving.bulk_input import read_owner_ids

    options = BatchOptions(
        n, target_named(target), unseen, None if owners is None else read_owner_ids(owners),
        max_product_share=max_product_share, max_supplier_share=max_supplier_share,
    )  # fmt: skip
    opened = open_serving(snapshot)
    try:
        with _progress("owners") as advance:
            done = write_batch(opened, out, options, advance)
    except BaseException:
        if parts_folder_of(out).is_dir():
            typer.echo(f"finished parts are kept in {parts_folder_of(out)}; run again to go on", err=True)
        raise
    if json:
        asked = {"n": n, "target": target, "unseen": unseen, "snapshot_id": opened.manifest.snapshot_id}
        _print_json({"path": str(out), **asked, **_as_dict(done)})
        return
    typer.echo(f"{done.n_picks:,} picks for {done.n_owners:,} owners in {out}")
    if done.n_unknown_owners:
        typer.echo(f"{done.n_unknown_owners:,} owners are unknown to the snapshot and got the popular list")
    if done.n_owners_resumed:
        typer.echo(f"{done.n_owners_resumed:,} owners had been ranked by a run that was stopped")
    if done.n_owners_shortened:
        typer.echo(f"{done.n_owners_shortened:,} owners got fewer: the caps had given the rest away")


@app.command(epilog="Example: sharepicks score ./snapshots --pairs pairs.csv --out scores.parquet")
def score(
    snapshot: SnapshotFolder,
    pairs: Annotated[
        Path, typer.Option(metavar="FILE", help="A CSV or Parquet file with owner_id and product_id.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    target: TargetName = "circle",
    json: AsJson = False,
) -> None:
    """Score any owner-product pairs as the ranker would, gates aside, in the order of the file.

    Columns: owner_id, product_id, score, known. An unknown owner is scored as one nothing is known of, an
    unknown product as the worst of those with the least evidence; known is then false. Scores compare only
    within one owner.
    """
    from serving.bulk import open_serving, target_named
    from serving.bulk_score import score_file

    chosen = target_named(target)
    opened = open_serving(snapshot)
    with _progress("pairs") as advance:
        done = score_file(opened, pairs, out, chosen, lambda n_done: advance(n_done, None))
    if json:
        asked = {"target": target, "snapshot_id": opened.manifest.snapshot_id}
        _print_json({"path": str(out), **asked, **_as_dict(done)})
        return
    typer.echo(f"{done.n_pairs:,} pairs scored in {out}")
    if done.n_unknown:
        typer.echo(f"{done.n_unknown:,} of them name an owner or a product that the snapshot never saw")


@app.command("good-value", epilog="Example: sharepicks good-value ./snapshots --out value.parquet")
def good_value(
    snapshot: SnapshotFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    json: AsJson = False,
) -> None:
    """Write how good a value each product is: quality for the price really paid, among products like it.

    Columns: product_id, value_score (the share of similar products that are worse value), value_low (its
    pessimist), quality (the chance that an order ends well), quality_low, return_rate (of the next orders),
    n_mature (order lines whose time to return is over), n_comparables, price_percentile, badge (good_value,
    promising). Null where there is no evidence.
    """
    from serving.bulk import open_serving
    from serving.bulk_value import write_values

    opened = open_serving(snapshot)
    done = write_values(opened, out)
    if json:
        _print_json({"path": str(out), "snapshot_id": opened.manifest.snapshot_id, **_as_dict(done)})
        return
    typer.echo(f"{done.n_products:,} products in {out}")
    typer.echo(
        f"{done.n_scored:,} have a value_score, {done.n_good_value:,} the badge, "
        f"{done.n_promising:,} are promising"
    )
    if not done.n_scored:
        typer.echo("no scores: good value needs times, prices, and orders of which is known how they ended")


@app.command(epilog="Example: sharepicks audience ./snapshots --queries q.csv --out audience.parquet -n 20")
def audience(
    snapshot: SnapshotFolder,
    queries: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A CSV or Parquet file with owner_id, product_id and query_time."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many members for each query.")] = 20,
    events: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A dataset of what has happened since: known before each query."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Name the members who would be glad of a product that an owner shares at a moment, best first.

    Columns: owner_id, product_id, query_time (UTC), rank (from 1), member_id, score. Only what happened
    strictly before a query's time counts for it. An owner nobody has seen gets the members most active of
    all; scores compare only within one query.
    """
    from serving.bulk import open_serving
    from serving.bulk_audience import audience_file

    opened = open_serving(snapshot)
    with _progress("queries") as advance:
        done = audience_file(opened, queries, out, n, events, advance)
    if json:
        _print_json({"path": str(out), "n": n, "snapshot_id": opened.manifest.snapshot_id, **_as_dict(done)})
        return
    typer.echo(f"{done.n_rows:,} members named for {done.n_queries:,} queries in {out}")
    if done.n_unknown_owners:
        typer.echo(f"{done.n_unknown_owners:,} of them ask for an owner nobody has seen")
    if events is not None:
        typer.echo(f"{done.n_events_added:,} events came from {events}")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, nothing elsewhere: call it with how many are done, and of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda n_done, n_all: bar.update(task, completed=n_done, total=n_all)


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _as_dict(value: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(value)  # type: ignore[call-overload, no-any-return]
