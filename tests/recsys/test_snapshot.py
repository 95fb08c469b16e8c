"""Writing and reading a snapshot: what goes in comes out, and nothing unsound goes in."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from snapshot_examples import FIELDS, OWNERS, PRODUCTS, fill, write_example

from recsys.errors import SnapshotError, UsageError
from recsys.npy import DTYPES, npy_header
from recsys.snapshot import SnapshotWriter, open_snapshot, parse_manifest, read_manifest


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    written = write_example(tmp_path / "s")
    snapshot = open_snapshot(tmp_path / "s")
    assert snapshot.manifest == written == read_manifest(tmp_path / "s")
    assert dict(snapshot.manifest.fields) == FIELDS
    assert (list(snapshot.ids("products")), list(snapshot.ids("owners"))) == (PRODUCTS, OWNERS)
    assert snapshot.strings("product_titles").take([0, 1, 2]) == ["Apple", "", "好茶"]
    assert snapshot.array("product_vectors").tolist() == (np.arange(12).reshape(3, 4) / 8).tolist()
    assert snapshot.array("shared").tolist() == [[0, 2], [1, -1]]
    assert snapshot.array("in_stock").tolist() == [True, False, True]
    assert snapshot.csr("bought").to_scipy().toarray().tolist() == [[0, 0.5, 1], [2, 0, 0]]
    assert snapshot.csr("bought").extra["n_members"].tolist() == [3, 4, 5]
    assert snapshot.text("config.toml") == "k = 1 # 一\n"
    assert snapshot.has("shared") and not snapshot.has("shares")


def test_arrays_are_read_only_maps_that_numpy_can_load_too(tmp_path: Path) -> None:
    write_example(tmp_path / "s")
    vectors = open_snapshot(tmp_path / "s").array("product_vectors")
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1
    for file in sorted((tmp_path / "s").glob("*.npy")):
        np.load(file, allow_pickle=False)


def test_the_same_content_is_the_same_folder(tmp_path: Path) -> None:
    first, second = write_example(tmp_path / "a"), write_example(tmp_path / "b")
    assert first.snapshot_id == second.snapshot_id
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names == sorted(file.name for file in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert write_example(tmp_path / "c", as_of="another").snapshot_id != first.snapshot_id


def test_the_manifest_is_plain_json_with_the_id_in_front(tmp_path: Path) -> None:
    written = write_example(tmp_path / "s")
    content = json.loads((tmp_path / "s" / "manifest.json").read_text("utf-8"))
    assert content["snapshot_id"] == written.snapshot_id == content["checksum"][:16]
    assert content["schema_version"] == 1
    assert set(content["files"]) == {f.name for f in (tmp_path / "s").iterdir()} - {"manifest.json"}


@settings(deadline=None)
@given(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 12), max_size=5).map(tuple))
def test_every_header_is_one_that_numpy_reads(dtype: str, shape: tuple[int, ...]) -> None:
    header = npy_header(dtype, shape)
    assert len(header) % 64 == 0
    file = io.BytesIO(header)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype(dtype))


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 2, 3)])
@pytest.mark.parametrize("dtype", ["?", "i1", ">i4", "u8", "f2", ">f8"])
def test_every_plain_dtype_and_shape_survives(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.ones(shape, dtype=dtype, order="F")
    with SnapshotWriter(tmp_path / "s") as writer:
        writer.array("values", values, [None] * len(shape))
        writer.commit()
    found = open_snapshot(tmp_path / "s").array("values")
    assert found.shape == shape and (found == values).all()
    assert found.dtype == values.dtype.newbyteorder("<")


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    first = write_example(tmp_path / "s")
    with pytest.raises(UsageError, match="never overwritten"):
        write_example(tmp_path / "s", as_of="later")
    assert open_snapshot(tmp_path / "s").manifest == first


def test_the_second_of_two_writers_is_told(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path / "s") as slow:
        fill(slow)
        quick = write_example(tmp_path / "s")
        with pytest.raises(UsageError, match="never overwritten"):
            slow.commit()
    assert open_snapshot(tmp_path / "s").manifest == quick
    assert [f.name for f in tmp_path.iterdir()] == ["s"]


def test_without_commit_nothing_stays(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path / "deep" / "s") as writer:
        fill(writer)
    with pytest.raises(KeyboardInterrupt), SnapshotWriter(tmp_path / "deep" / "s") as writer:
        fill(writer)
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_a_killed_writer_left_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    (tmp_path / ".s.partial-dead").mkdir()
    (tmp_path / ".s.partial-dead" / "x.npy").write_bytes(b"half")
    with SnapshotWriter(tmp_path / "s") as living:
        fill(living)
        assert not (tmp_path / ".s.partial-dead").exists()
        with SnapshotWriter(tmp_path / "s"):
            pass
        living.commit()
    open_snapshot(tmp_path / "s")


BAD_CONTENT: dict[str, tuple[Callable[[SnapshotWriter], Any], str]] = {
    "not finite": (lambda w: w.array("x", np.array([1, np.nan]), (None,)), "finite; got nan"),
    "infinite": (lambda w: w.csr("x", sparse.csr_array([[np.inf]]), 1, 1), "data: every number"),
    "wrong length": (lambda w: w.array("x", np.zeros(2), "products"), "products has 3, got 2"),
    "wrong size": (lambda w: w.array("x", np.zeros((3, 2)), ("products", 5)), "5 has 5, got 2"),
    "too few axes": (lambda w: w.array("x", np.zeros((3, 2)), "products"), "do not make a array"),
    "unknown axis": (lambda w: w.array("x", np.zeros(3), "goods"), "'goods' is no id list"),
    "row too high": (lambda w: w.array("x", np.array([3]), (None,), rows_of="products"), r"\[-1, 3\); got 3"),
    "row too low": (lambda w: w.array("x", np.array([-2]), (None,), rows_of="products"), r"3\); got -2"),
    "rows as floats": (lambda w: w.array("x", np.zeros(1), (None,), rows_of="products"), "signed integers"),
    "objects": (lambda w: w.array("x", np.array([{}]), (None,)), "plain number type"),
    "complex": (lambda w: w.array("x", np.array([1j]), (None,)), "plain number type"),
    "words": (lambda w: w.array("x", np.array(["a"]), (None,)), "plain number type"),
    "strings too few": (lambda w: w.strings("x", ["a"], "products"), "products has 3, got 1"),
    "no string": (lambda w: w.strings("x", ["a", None, "c"], "products"), "row 1: must be a string"),
    "unsorted ids": (lambda w: w.ids("x", ["b", "a"]), "unique and sorted"),
    "not csr": (lambda w: w.csr("x", sparse.coo_array([[1.0]]), 1, 1), "tocsr"),
    "csr shape": (lambda w: w.csr("x", sparse.csr_array((3, 2)), "products", "products"), "has 3, got 2"),
    "extra too short": (
        lambda w: w.csr("x", sparse.csr_array([[1.0, 2.0]]), 1, 2, extra={"n": np.zeros(1)}), "do not make"),
    "extra name": (lambda w: w.csr("x", sparse.csr_array([[1.0]]), 1, 1, extra={"data": np.ones(1)}), "name"),
    "name taken": (lambda w: w.ids("products", ["a"]), "taken"),
    "file taken": (lambda w: w.array("products.bytes", np.zeros(1), (None,)), "taken"),
    "name leaves": (lambda w: w.text("../x", ""), "must be a-z"),
    "name hidden": (lambda w: w.text(".x", ""), "must be a-z"),
    "name in capitals": (lambda w: w.array("X", np.zeros(1), (None,)), "must be a-z"),
    "name of the manifest": (lambda w: w.text("manifest.json", "{}"), "taken"),
    "text as npy": (lambda w: w.text("x.npy", ""), "do not make a text"),
    "surrogate": (lambda w: w.text("x", "\ud800"), "UTF-8"),
    "field no json": (lambda w: w.commit(when=object()), "JSON values only"),
    "field numpy": (lambda w: w.commit(n=np.int64(1)), "JSON values only"),
    "field nan": (lambda w: w.commit(score=[float("nan")]), "finite"),
    "field key": (lambda w: w.commit(by_rank={1: 2}), "key must be a string"),
    "field surrogate": (lambda w: w.commit(x="\ud800"), "UTF-8"),
    "field too long": (lambda w: w.commit(x=10**5000), "JSON"),
    "field huge": (lambda w: w.commit(x="x" * (17 << 20)), "at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_what_reading_would_refuse_is_never_written(tmp_path: Path, case: str) -> None:
    write, said = BAD_CONTENT[case]
    with pytest.raises(SnapshotError, match=said), SnapshotWriter(tmp_path / "s") as writer:
        writer.ids("products", PRODUCTS)
        write(writer)
    assert list(tmp_path.iterdir()) == []


def test_a_field_in_a_field_in_a_field_is_refused(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SnapshotError, match="nested"), SnapshotWriter(tmp_path / "s") as writer:
        writer.commit(deep=deep)
    while deep:  # take it apart gently: the interpreter would recurse
        deep = deep[0]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("ids", "product_vectors", "no id list named 'product_vectors'; it has owners, products"),
        ("strings", "products_", "no strings named"), ("array", "nothing", "no array named 'nothing'"),
        ("csr", "products", "it has bought"), ("text", "ranker.txt", "it has config.toml"),
    ],
)  # fmt: skip
def test_asking_for_what_is_not_there_says_what_is(tmp_path: Path, kind: str, name: str, said: str) -> None:
    write_example(tmp_path / "s")
    snapshot = open_snapshot(tmp_path / "s")
    with pytest.raises(SnapshotError, match=said):
        getattr(snapshot, kind)(name)


def n_open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_an_open_snapshot_survives_its_folder_and_frees_its_files(tmp_path: Path) -> None:
    """A registry may remove a folder while requests still read from it."""
    write_example(tmp_path / "s")
    gc.collect()
    before = n_open_files()
    snapshot = open_snapshot(tmp_path / "s")
    assert n_open_files() > before
    for file in list((tmp_path / "s").iterdir()):
        file.unlink()
    assert snapshot.array("product_vectors")[2, 3] == 11 / 8
    del snapshot  # at once, without the garbage collector: a hot swap must not keep two for long
    assert n_open_files() == before


def test_a_manifest_is_read_from_bytes_wherever_they_are(tmp_path: Path) -> None:
    """The seam for snapshots on other stores: the manifest alone says which files to fetch."""
    written = write_example(tmp_path / "s")
    assert parse_manifest((tmp_path / "s" / "manifest.json").read_bytes()) == written


MEASURE = """
import resource, sys
from recsys.snapshot import open_snapshot
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
snapshot = open_snapshot(sys.argv[1], verify=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)
"""


def test_opening_with_verification_leaves_memory_flat(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path / "s") as writer:
        writer.array("vectors", np.ones((1 << 20, 16), dtype=np.float32), (None, None))  # 67 MB
        writer.commit()
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "s")], capture_output=True, check=True, text=True
    )
    assert int(measured.stdout) < 16 << 20
