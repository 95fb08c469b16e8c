from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_model import large_town, town, write_small_snapshot
from typer.testing import CliRunner

import serving.bulk_batch as bulk_batch
from recsys.cli import build_app
from recsys.domain import Query
from recsys.errors import DataError, UsageError
from recsys.pointer import promote
from recsys.recommend import recommend
from recsys.snapshot import Snapshot
from serving.bulk_batch import BatchOptions, parts_folder_of, write_batch

COLUMNS = ["owner_id", "rank", "product_id", "score", "value_score", "source"]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(large_town(), tmp_path_factory.mktemp("registry") / "one")


def run(*arguments: object) -> str:
    """What a command prints; its own errors are raised, as the command line sees them."""
    done = CliRunner().invoke(build_app(), [str(a) for a in arguments], catch_exceptions=False,
                              standalone_mode=False)  # fmt: skip
    return done.output


def whole(path: Path) -> list[str]:
    """What a folder shows and hides."""
    return sorted(file.name for file in path.iterdir())


@pytest.mark.parametrize(("target", "unseen"), [("circle", False), ("self", True)])
def test_batch_gives_each_owner_what_recommend_gives_her(
    snapshot: Snapshot, tmp_path: Path, target: str, unseen: bool
) -> None:
    flags = ["--unseen"] if unseen else []
    run("batch", snapshot.path, "--out", tmp_path / "p.parquet", "-n", 20, "--target", target, *flags)
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert list(frame.columns) == COLUMNS
    lists = dict(list(frame.groupby("owner_id")))
    assert len(lists) == 60
    for owner_id, picks in lists.items():
        alone = recommend(snapshot, Query(owner_id, 20, target, unseen=unseen)).picks  # type: ignore[arg-type]
        assert picks.product_id.tolist() == [p.product_id for p in alone]
        assert picks["rank"].tolist() == [p.position for p in alone]
        assert picks.source.tolist() == [p.source for p in alone]
        assert picks.score.tolist() == pytest.approx([p.score for p in alone], abs=1e-6)


def test_the_columns_have_plain_types(snapshot: Snapshot, tmp_path: Path) -> None:
    write_batch(snapshot, tmp_path / "p.parquet", BatchOptions(n=3))
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.schema.types == [
        pa.string(),
        pa.int32(),
        pa.string(),
        pa.float32(),
        pa.float64(),
        pa.string(),
    ]
    assert table["value_score"].null_count == table.num_rows == 60 * 3
    assert whole(tmp_path) == ["p.parquet"]


@pytest.mark.parametrize("owners_per_part", [1, 7, 60, 1000])
def test_parts_of_any_size_give_the_same_rows(
    snapshot: Snapshot, tmp_path: Path, owners_per_part: int
) -> None:
    write_batch(snapshot, tmp_path / "a.parquet", BatchOptions(n=5))
    write_batch(snapshot, tmp_path / "b.parquet", BatchOptions(n=5, owners_per_part=owners_per_part))
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))


@pytest.mark.parametrize("n_threads", ["1", "4"])
def test_chunks_side_by_side_stand_in_order(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_threads: str
) -> None:
    write_batch(snapshot, tmp_path / "a.parquet", BatchOptions(n=5))
    monkeypatch.setenv("SHAREPICKS_THREADS", n_threads)
    monkeypatch.setattr(bulk_batch, "chunk_size", lambda _: 7)
    write_batch(snapshot, tmp_path / "b.parquet", BatchOptions(n=5))
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))


def test_only_the_owners_of_a_file_each_once_in_its_order(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "owners.txt").write_text("m003\nstranger\n\nm001\r\nm003\n陌生人\n", "utf-8")
    said = run("batch", snapshot.path, "--out", tmp_path / "p.parquet", "-n", 4, "--owners",
               tmp_path / "owners.txt", "--json")  # fmt: skip
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert frame.owner_id.tolist() == [o for o in ("m003", "stranger", "m001", "陌生人") for _ in range(4)]
    assert frame["rank"].tolist() == [1, 2, 3, 4] * 4
    summary = json.loads(said)
    assert (summary["n_owners"], summary["n_unknown_owners"], summary["n_picks"]) == (4, 2, 16)


def test_an_unknown_owner_gets_the_popular_list(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "owners.csv").write_text("shop,owner_id\nx,stranger\n")
    run("batch", snapshot.path, "--out", tmp_path / "p.parquet", "-n", 9, "--owners", tmp_path / "owners.csv")
    frame = pd.read_parquet(tmp_path / "p.parquet")
    wanted = recommend(snapshot, Query("anybody else", n=9))
    assert wanted.fallback == "popular"
    assert frame.product_id.tolist() == [p.product_id for p in wanted.picks]
    assert set(frame.source) == {"popular"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"owner_id\n"])
def test_a_file_without_owners_is_refused(snapshot: Snapshot, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "owners").write_bytes(content)
    with pytest.raises(DataError, match="must hold at least one owner id; got none"):
        run("batch", snapshot.path, "--out", tmp_path / "p.parquet", "--owners", tmp_path / "owners")
    assert whole(tmp_path) == ["owners"]


def test_owners_that_are_not_utf8_are_refused_with_their_row(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "owners").write_bytes(b"m001\nm\xff2\n")
    with pytest.raises(DataError, match=r"owners row 2: must be UTF-8 text"):
        run("batch", snapshot.path, "--out", tmp_path / "p.parquet", "--owners", tmp_path / "owners")


@pytest.mark.parametrize("n", [1, 1000])
def test_n_of_one_and_of_a_thousand(snapshot: Snapshot, tmp_path: Path, n: int) -> None:
    summary = write_batch(snapshot, tmp_path / "p.parquet", BatchOptions(n=n))
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert frame["rank"].max() <= n
    assert summary.n_picks == len(frame) >= summary.n_owners
    assert not frame.duplicated(["owner_id", "product_id"]).any()


class Killed(BaseException):
    """As a kill would end it: nothing catches it."""


def stop_after(n_parts: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `n_parts` parts be ranked, then end; gives the sizes of the parts that were."""
    ranked: list[int] = []
    rank_part = bulk_batch._rank_part

    def counted(model: object, owners: object, options: object) -> pa.Table:
        if len(ranked) == n_parts:
            raise Killed
        ranked.append(len(owners.rows))  # type: ignore[attr-defined]
        return rank_part(model, owners, options)  # type: ignore[arg-type]

    monkeypatch.setattr(bulk_batch, "_rank_part", counted)
    return ranked


def test_a_stopped_batch_goes_on_where_it_was(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "p.parquet", BatchOptions(n=5, owners_per_part=16)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        write_batch(snapshot, out, options)
    assert whole(tmp_path) == [".p.parquet.parts"]
    with monkeypatch.context() as patch:
        ranked = stop_after(99, patch)
        summary = write_batch(snapshot, out, options)
    assert ranked == [16, 12]  # of 60 owners, 32 were there
    assert summary.n_owners_resumed == 32
    write_batch(snapshot, tmp_path / "at once.parquet", options)
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "at once.parquet"))
    assert whole(tmp_path) == ["at once.parquet", "p.parquet"]


@pytest.mark.parametrize(
    "other",
    [
        BatchOptions(n=6, owners_per_part=16),
        BatchOptions(n=5, target="self", owners_per_part=16),
        BatchOptions(n=5, unseen=True, owners_per_part=16),
        BatchOptions(n=5, owner_ids=pa.array(["m001", "m002"], pa.large_string()), owners_per_part=16),
    ],
)
def test_other_arguments_start_anew(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: BatchOptions
) -> None:
    out = tmp_path / "p.parquet"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        write_batch(snapshot, out, BatchOptions(n=5, owners_per_part=16))
    assert write_batch(snapshot, out, other).n_owners_resumed == 0
    write_batch(snapshot, tmp_path / "fresh.parquet", other)
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "fresh.parquet"))


def test_another_snapshot_starts_anew(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "p.parquet", BatchOptions(n=5, owners_per_part=16)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        write_batch(snapshot, out, options)
    other = write_small_snapshot(large_town(seed=6), tmp_path / "other")
    assert write_batch(other, out, options).n_owners_resumed == 0


def test_a_damaged_part_is_ranked_again(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "p.parquet", BatchOptions(n=5, owners_per_part=16)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        write_batch(snapshot, out, options)
    part = min(parts_folder_of(out).iterdir())
    part.write_bytes(part.read_bytes()[:50])
    assert write_batch(snapshot, out, options).n_owners_resumed == 16


def test_red_control_without_the_key_old_parts_would_be_taken(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "p.parquet"
    monkeypatch.setattr(bulk_batch, "_job_key", lambda *_: "same")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        write_batch(snapshot, out, BatchOptions(n=5, owners_per_part=16))
    assert write_batch(snapshot, out, BatchOptions(n=6, owners_per_part=16)).n_owners_resumed == 32


KILLED_HALF_WAY = """
import os, sys
import serving.bulk_batch as b
from recsys.snapshot import open_snapshot
from pathlib import Path
rank, seen = b._rank_part, []
def part(*a):
    if len(seen) == 2:
        os.kill(os.getpid(), 9)
    seen.append(1)
    return rank(*a)
b._rank_part = part
b.write_batch(open_snapshot(sys.argv[1]), Path(sys.argv[2]), b.BatchOptions(n=5, owners_per_part=16))
"""


def test_a_killed_process_leaves_no_output_and_its_parts(snapshot: Snapshot, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    done = subprocess.run([sys.executable, "-c", KILLED_HALF_WAY, snapshot.path, out])
    assert done.returncode == -9
    assert not out.exists()
    summary = write_batch(snapshot, out, BatchOptions(n=5, owners_per_part=16))
    assert (summary.n_owners_resumed, summary.n_owners) == (32, 60)
    assert whole(tmp_path) == ["p.parquet"]


def test_a_full_disk_leaves_the_old_output_and_nothing_half_written(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "p.parquet"
    out.write_bytes(b"the old one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_batch(snapshot, out, BatchOptions(n=5))
    assert str(tmp_path) in caught.value.filename
    assert out.read_bytes() == b"the old one"
    assert whole(tmp_path) == ["p.parquet"]


def test_two_batches_into_one_file_are_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"

    def second(_done: int, _all: int) -> None:
        with pytest.raises(UsageError, match="is being written by another process"):
            write_batch(snapshot, out, BatchOptions(n=5))

    write_batch(snapshot, out, BatchOptions(n=5), second)
    assert pq.read_metadata(out).num_rows == 300


@pytest.mark.parametrize(("out", "said"), [("", "this is a folder"), ("no/p.parquet", "make it first")])
def test_an_output_that_cannot_be_is_refused_at_once(
    snapshot: Snapshot, tmp_path: Path, out: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run("batch", snapshot.path, "--out", tmp_path / out)


def test_a_registry_folder_serves_what_it_points_at(snapshot: Snapshot, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    write_small_snapshot(town(), registry / "two")
    promote(registry, "two")
    run("batch", registry, "--out", tmp_path / "p.parquet", "-n", 2)
    assert set(pd.read_parquet(tmp_path / "p.parquet").owner_id) == {"o-kitchen", "o-new", "o-noodles"}


def test_progress_counts_owners(snapshot: Snapshot, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    options = BatchOptions(n=2, owners_per_part=25)
    write_batch(snapshot, tmp_path / "p.parquet", options, lambda *done: told.append(done))
    assert told == [(25, 60), (50, 60), (60, 60)]


def test_ids_keep_their_bytes(tmp_path: Path) -> None:
    """Ids that look like numbers, blanks or nothing much come back as they went in."""
    snapshot = write_small_snapshot(town(), tmp_path / "s")
    odd = ["007", "NA", " x ", "1e5", '"q"', "号"]
    owners = pa.array(odd, pa.large_string())
    write_batch(snapshot, tmp_path / "p.parquet", BatchOptions(n=1, owner_ids=owners))
    assert pd.read_parquet(tmp_path / "p.parquet").owner_id.tolist() == odd
    assert np.isfinite(pd.read_parquet(tmp_path / "p.parquet").score).all()
