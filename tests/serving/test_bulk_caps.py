"""`sharepicks batch` under caps: nobody's share is passed, and a stopped job goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_model import large_town, write_small_snapshot
from typer.testing import CliRunner

import serving.bulk_batch as bulk_batch
from recsys.cli import build_app
from recsys.model_files import model_of
from recsys.snapshot import Snapshot
from serving.bulk_batch import SCHEMA, BatchOptions, parts_folder_of, write_batch
from serving.bulk_caps import Caps, caps_for

N_OWNERS = 60


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(large_town(), tmp_path_factory.mktemp("registry") / "one")


def run(*arguments: object) -> str:
    done = CliRunner().invoke(build_app(), [str(a) for a in arguments], catch_exceptions=False,
                              standalone_mode=False)  # fmt: skip
    return done.output


def most_shown(path: Path) -> int:
    return int(pd.read_parquet(path).product_id.value_counts().max())


def test_no_product_stands_in_more_lists_than_its_share(snapshot: Snapshot, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    said = run("batch", snapshot.path, "--out", out, "-n", 5, "--max-product-share", "0.2", "--json")
    frame = pd.read_parquet(out)
    assert most_shown(out) == 12  # 20 % of 60
    assert frame.groupby("owner_id")["rank"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * N_OWNERS
    assert frame.groupby("owner_id").score.apply(lambda s: s.is_monotonic_decreasing).all()
    assert json.loads(said)["n_owners_shortened"] == 0
    assert pq.read_schema(out).equals(SCHEMA)


def test_red_control_without_a_cap_some_product_stands_in_more(snapshot: Snapshot, tmp_path: Path) -> None:
    write_batch(snapshot, tmp_path / "p.parquet", BatchOptions(n=5))
    assert most_shown(tmp_path / "p.parquet") > 12


def test_a_cap_that_leaves_too_little_gives_shorter_lists_and_says_so(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    done = write_batch(snapshot, tmp_path / "p.parquet", BatchOptions(n=20, max_product_share=0.05))
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert most_shown(tmp_path / "p.parquet") == 3
    lengths = frame.groupby("owner_id").size().reindex(list(model_of(snapshot).people.owners), fill_value=0)
    assert done.n_owners_shortened == int((lengths < 20).sum()) > 0


def test_a_cap_that_binds_nobody_changes_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    write_batch(snapshot, tmp_path / "a.parquet", BatchOptions(n=5))
    write_batch(snapshot, tmp_path / "b.parquet", BatchOptions(n=5, max_product_share=1.0))
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))


def test_parts_of_any_size_give_the_same_rows(snapshot: Snapshot, tmp_path: Path) -> None:
    found = []
    for size in (1, 7, 60):
        options = BatchOptions(n=5, max_product_share=0.2, owners_per_part=size)
        write_batch(snapshot, tmp_path / f"{size}.parquet", options)
        found.append(pq.read_table(tmp_path / f"{size}.parquet"))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_a_stopped_batch_goes_on_and_other_caps_start_anew(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "p.parquet", BatchOptions(n=5, max_product_share=0.2, owners_per_part=16)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bulk_batch, "places_kept", stopped)
        write_batch(snapshot, out, options)
    assert len(list(parts_folder_of(out).iterdir())) == 4
    assert write_batch(snapshot, out, options).n_owners_resumed == N_OWNERS
    write_batch(snapshot, tmp_path / "at once.parquet", options)
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "at once.parquet"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bulk_batch, "places_kept", stopped)
        write_batch(snapshot, out, options)
    other = BatchOptions(n=5, max_product_share=0.3, owners_per_part=16)
    assert write_batch(snapshot, out, other).n_owners_resumed == 0


def test_a_share_that_is_not_asked_for_is_the_snapshots_own(snapshot: Snapshot) -> None:
    from dataclasses import replace

    model = replace(model_of(snapshot), settings={"list": {"max_product_share": 0.3}})
    assert caps_for(model, None, None) == Caps(0.3, 0.0)
    assert caps_for(model, 0.0, 0.5) == Caps(0.0, 0.5)
    assert not caps_for(model_of(snapshot), None, None)
