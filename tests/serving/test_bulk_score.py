from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_model import Item, World, large_town, small_model, write_small_snapshot
from typer.testing import CliRunner

import serving.bulk_input as bulk_input
import serving.bulk_score as bulk_score
from recsys.cli import build_app
from recsys.domain import Query
from recsys.errors import DataError, SnapshotError, UsageError
from recsys.ranker import Blend
from recsys.recommend import recommend
from recsys.snapshot import Snapshot
from serving.bulk_score import score_rows

WORLD = large_town()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(WORLD, tmp_path_factory.mktemp("large") / "snapshot")


def score(
    snapshot: Snapshot, folder: Path, content: bytes, name: str = "pairs.csv", *more: str
) -> pd.DataFrame:
    (folder / name).write_bytes(content)
    arguments = ["score", snapshot.path, "--pairs", folder / name, "--out", folder / "s.parquet", *more]
    CliRunner().invoke(
        build_app(), [str(a) for a in arguments], catch_exceptions=False, standalone_mode=False
    )
    return pd.read_parquet(folder / "s.parquet")


def csv(*pairs: tuple[str, str]) -> bytes:
    return "".join(f"{a},{b}\n" for a, b in [("owner_id", "product_id"), *pairs]).encode()


@pytest.mark.parametrize("target", ["circle", "self"])
def test_a_pair_scores_what_its_pick_scores(snapshot: Snapshot, tmp_path: Path, target: str) -> None:
    wanted = {}
    for owner in [*list(WORLD.circle)[:20], "o-quiet-1"]:
        for pick in recommend(snapshot, Query(owner, n=30, target=target)).picks:  # type: ignore[arg-type]
            wanted[owner, pick.product_id] = pick.score
    frame = score(snapshot, tmp_path, csv(*wanted), "pairs.csv", "--target", target)
    assert list(frame.columns) == ["owner_id", "product_id", "score", "known"]
    assert list(zip(frame.owner_id, frame.product_id, strict=True)) == list(wanted)
    assert frame.score.tolist() == pytest.approx(list(wanted.values()), abs=1e-6)
    assert frame.known.all()


def test_gates_are_aside(snapshot: Snapshot, tmp_path: Path) -> None:
    sold_out = next(p for p, item in WORLD.products.items() if item.stock == 0)
    frame = score(snapshot, tmp_path, csv(("m003", sold_out)))
    assert np.isfinite(frame.score).all()
    assert frame.known.all()


def test_every_row_is_answered_in_its_order_duplicates_too(snapshot: Snapshot, tmp_path: Path) -> None:
    pairs = [
        ("m009", "p001"),
        ("m001", "p002"),
        ("m009", "p001"),
        ("x", "p001"),
        ("m001", "y"),
        ("m001", "p002"),
    ]
    frame = score(snapshot, tmp_path, csv(*pairs))
    assert list(zip(frame.owner_id, frame.product_id, strict=True)) == pairs
    assert frame.score[0] == frame.score[2]
    assert frame.score[1] == frame.score[5]
    assert frame.known.tolist() == [True, True, True, False, False, True]
    assert np.isfinite(frame.score).all()


def test_an_unknown_owner_gets_the_score_of_the_popular_list(snapshot: Snapshot, tmp_path: Path) -> None:
    popular = recommend(snapshot, Query("stranger", n=10)).picks
    frame = score(snapshot, tmp_path, csv(*[("another", p.product_id) for p in popular]))
    assert not frame.known.any()
    assert frame.score.tolist() == pytest.approx([p.score for p in popular], abs=1e-6)


def test_an_unknown_product_stands_with_the_least_known_ones(snapshot: Snapshot, tmp_path: Path) -> None:
    best = recommend(snapshot, Query("m003", n=20)).picks
    frame = score(snapshot, tmp_path, csv(("m003", "never seen"), *[("m003", p.product_id) for p in best]))
    assert frame.score[0] < frame.score[1:].min()


def test_scores_do_not_depend_on_what_else_is_asked(snapshot: Snapshot, tmp_path: Path) -> None:
    pairs = [(o, p) for o in ("m003", "x", "m017") for p in ("p001", "y", "p050")]
    together = score(snapshot, tmp_path, csv(*pairs)).score.tolist()
    alone = [float(score(snapshot, tmp_path, csv(pair)).score[0]) for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-6)


def test_blocks_of_any_size_give_the_same(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(f"m{i % 70:03}", f"p{i % 130:03}") for i in range(900)]
    whole = score(snapshot, tmp_path, csv(*pairs))
    monkeypatch.setattr(bulk_input, "BLOCK_ROWS", 100)
    monkeypatch.setattr(bulk_input, "BLOCK_BYTES", 512)
    monkeypatch.setattr(bulk_score, "chunk_size", lambda _: 3)
    pd.testing.assert_frame_equal(score(snapshot, tmp_path, csv(*pairs)), whole)
    assert pq.read_metadata(tmp_path / "s.parquet").num_row_groups > 3


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.csv.gz", "pairs.parquet", "bom.csv"])
def test_csv_gz_and_parquet_are_read_alike(snapshot: Snapshot, tmp_path: Path, name: str) -> None:
    pairs = [("m003", "p001"), ("NA", "p002"), ("m003", "007")]
    content = csv(*pairs)
    if name.endswith("gz"):
        content = gzip.compress(content)
    elif name == "bom.csv":
        content = b"\xef\xbb\xbf" + content
    elif name.endswith("parquet"):
        frame = pd.DataFrame(pairs, columns=["owner_id", "product_id"]).assign(more=1.5)
        frame[["more", "product_id", "owner_id"]].to_parquet(tmp_path / name)
        content = (tmp_path / name).read_bytes()
    frame = score(snapshot, tmp_path, content, name)
    assert list(zip(frame.owner_id, frame.product_id, strict=True)) == pairs


def test_more_columns_and_quotes_do_not_matter(snapshot: Snapshot, tmp_path: Path) -> None:
    frame = score(snapshot, tmp_path, b'x,product_id,owner_id\n5,p001,"m003"\nhello,"p,2",m003\n')
    assert frame.product_id.tolist() == ["p001", "p,2"]
    assert frame.owner_id.tolist() == ["m003", "m003"]


def test_a_header_alone_gives_no_rows(snapshot: Snapshot, tmp_path: Path) -> None:
    assert len(score(snapshot, tmp_path, csv())) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"pairs\.csv: must be comma-separated UTF-8 text with a header; got: Empty CSV file"),
        (b"owner_id,product\na,b\n", r"pairs\.csv row 1: the header must name owner_id,product_id; got 'ow"),
        (b"owner_id,product_id\na,b\nc\n", r"pairs\.csv row 3: a row must have .* header, 2; got 1 in 'c'"),
        (b"owner_id,product_id\na,b,c\n", r"pairs\.csv row 2: a row must have .* header, 2; got 3 in 'a,b"),
        (b"owner_id,product_id\na,b\nc,\n", r"pairs\.csv row 3: product_id must not be empty"),
        (b"owner_id,product_id\n,b\n", r"pairs\.csv row 2: owner_id must not be empty"),
        (b"owner_id,product_id\na,b\nc,\xff\n", r"pairs\.csv: must be .* UTF-8 .* Row #3"),
        ("owner_id,product_id\na,b\n".encode("utf-16"), r"pairs\.csv row 1: must be UTF-8 text"),
        (b"PAR1 and then nothing", r"pairs\.csv: must be a Parquet file"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_and_the_output_stays(
    snapshot: Snapshot, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "s.parquet").write_bytes(b"the old one")
    with pytest.raises(DataError, match=said):
        score(snapshot, tmp_path, content)
    assert (tmp_path / "s.parquet").read_bytes() == b"the old one"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["pairs.csv", "s.parquet"]


def test_parquet_ids_that_are_no_strings_are_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    table = pa.table({"owner_id": [1, 2], "product_id": ["a", "b"]})
    pq.write_table(table, tmp_path / "n.parquet")
    with pytest.raises(DataError, match="owner_id must be a column of strings; got int64: ids are strings"):
        score(snapshot, tmp_path, (tmp_path / "n.parquet").read_bytes(), "n.parquet")


def test_parquet_without_a_value_is_refused_with_its_row(snapshot: Snapshot, tmp_path: Path) -> None:
    table = pa.table({"owner_id": ["a", "b"], "product_id": ["x", None]})
    pq.write_table(table, tmp_path / "n.parquet")
    with pytest.raises(DataError, match=r"n\.parquet row 2: product_id must not be empty"):
        score(snapshot, tmp_path, (tmp_path / "n.parquet").read_bytes(), "n.parquet")


def test_what_is_not_there_is_said(snapshot: Snapshot, tmp_path: Path) -> None:
    run = CliRunner().invoke
    more = {"catch_exceptions": False, "standalone_mode": False}
    with pytest.raises(DataError, match="there is no such file"):
        run(
            build_app(),
            ["score", str(snapshot.path), "--pairs", "no.csv", "--out", str(tmp_path / "s")],
            **more,
        )
    with pytest.raises(SnapshotError, match="there is no such folder"):
        run(build_app(), ["score", "nowhere", "--pairs", "no.csv", "--out", str(tmp_path / "s")], **more)
    with pytest.raises(UsageError, match="--target must be circle or self; got 'both'"):
        run(build_app(), ["score", "nowhere", "--pairs", "x", "--out", "y", "--target", "both"], **more)


def test_the_summary_counts_as_json(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(csv(("m003", "p001"), ("m003", "?"), ("?", "p001")))
    arguments = [
        "score",
        snapshot.path,
        "--pairs",
        tmp_path / "p.csv",
        "--out",
        tmp_path / "s.parquet",
        "--json",
    ]
    said = json.loads(CliRunner().invoke(build_app(), [str(a) for a in arguments]).output)
    assert (said["n_pairs"], said["n_unknown"], said["target"]) == (3, 2, "circle")


def test_a_model_without_products_scores_zero() -> None:
    flat = Blend({"log_popularity": 1.0})
    world = World({}, [], {"o": []}, interests=False, rankers={"circle": flat, "self": flat})
    found = score_rows(small_model(world), np.zeros(2, np.int32), np.full(2, -1, np.int32), "circle")
    assert found.tolist() == [0.0, 0.0]


def test_hand_worked_the_score_of_an_unknown_product() -> None:
    """Scores are log(1 + orders): 0 orders is the least anybody can have, so an unknown product has 0."""
    flat = Blend({"log_orders": 1.0})
    orders = [(f"m{m}", f"p{p}", 1.0) for p in range(4) for m in range(p)]
    rankers = {"circle": flat, "self": flat}
    world = World(
        {f"p{p}": Item() for p in range(4)}, orders, {"o": ["m0"]}, interests=False, rankers=rankers
    )
    owner, product = np.array([0, 0, -1, -1], np.int32), np.array([3, -1, 2, -1], np.int32)
    found = score_rows(small_model(world), owner, product, "circle")
    assert found == pytest.approx([np.log(4), 0.0, np.log(3), 0.0])
