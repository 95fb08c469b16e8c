"""A damaged or poisoned snapshot is refused, with a sentence, soon, and without running anything."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshot_examples import forge, replace_file, seal, write_example

from recsys.errors import SnapshotError
from recsys.files import open_regular
from recsys.layout import Entry, Part
from recsys.manifest import MANIFEST_FILE
from recsys.npy import npy_header
from recsys.snapshot import open_snapshot
from recsys.values import Rule


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound snapshot, written once: fsync is slow."""
    path = tmp_path_factory.mktemp("sound") / "s"
    write_example(path)
    return path


@pytest.fixture
def snapshot(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "s"))


def refusal(path: Path, verify: bool = True) -> str | None:
    """What opening says, None when it opens."""
    try:
        open_snapshot(path, verify=verify)
    except SnapshotError as error:
        return str(error)
    return None


def flips(path: Path, n: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Files and bits, spread over all bytes of the folder but each file at least once."""
    draw = random.Random(seed)
    files = sorted(file for file in path.iterdir() if file.stat().st_size)
    sizes = [file.stat().st_size for file in files]
    chosen = files + draw.choices(files, weights=sizes, k=max(n - len(files), 0))
    for file in chosen[:n]:
        yield file, draw.randrange(file.stat().st_size * 8)


def n_refused(path: Path, n: int, seed: int, verify: bool = True) -> int:
    found = 0
    for file, bit in flips(path, n, seed):
        sound = file.read_bytes()
        spoiled = bytearray(sound)
        spoiled[bit // 8] ^= 1 << bit % 8
        file.write_bytes(spoiled)
        found += refusal(path, verify) is not None
        file.write_bytes(sound)
    assert refusal(path) is None  # every flip was taken back
    return found


def test_sixty_single_bit_flips_are_sixty_refusals(snapshot: Path) -> None:
    assert n_refused(snapshot, 60, seed=1) == 60


@pytest.mark.long
def test_a_thousand_single_bit_flips_are_a_thousand_refusals(snapshot: Path) -> None:
    assert n_refused(snapshot, 1000, seed=2) == 1000


def test_every_bit_of_the_manifest_counts(snapshot: Path) -> None:
    manifest = snapshot / MANIFEST_FILE
    sound = manifest.read_bytes()
    draw = random.Random(3)
    for place in [*range(150), *draw.choices(range(150, len(sound)), k=150)]:
        spoiled = bytearray(sound)
        spoiled[place] ^= 1 << draw.randrange(8)
        manifest.write_bytes(spoiled)
        assert refusal(snapshot, verify=False), f"byte {place}"


def test_red_control_without_verification_a_flipped_number_is_not_found(snapshot: Path) -> None:
    data = bytearray((snapshot / "product_vectors.npy").read_bytes())
    data[-1] ^= 1
    (snapshot / "product_vectors.npy").write_bytes(data)
    assert refusal(snapshot, verify=False) is None
    assert "product_vectors.npy: sha256 must be" in str(refusal(snapshot))


def test_red_control_the_thousand_need_their_hashes(snapshot: Path) -> None:
    assert n_refused(snapshot, 60, seed=1, verify=False) < 60


@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_a_short_and_a_long_file_are_told_apart(snapshot: Path, verify: bool) -> None:
    file = snapshot / "bought.data.npy"
    sound = file.read_bytes()
    file.write_bytes(sound[:-1])
    assert f"size must be {len(sound)} bytes; got {len(sound) - 1}" in str(refusal(snapshot, verify))
    file.write_bytes(sound + b"\0")
    assert f"got {len(sound) + 1}" in str(refusal(snapshot, verify))
    file.unlink()
    assert "bought.data.npy: is missing" in str(refusal(snapshot, verify))


def test_no_folder_and_no_manifest_are_said(snapshot: Path, tmp_path: Path) -> None:
    assert "there is no such folder" in str(refusal(tmp_path / "none"))
    (snapshot / MANIFEST_FILE).unlink()
    assert "manifest.json: is missing" in str(refusal(snapshot))


@pytest.mark.parametrize(
    ("version", "said"), [(0, "older: train"), (2, "newer: update"), (999_999_999, "newer")]
)
def test_another_schema_version_is_said_before_anything_else(snapshot: Path, version: int, said: str) -> None:
    seal(snapshot, b"a format of another time", version)
    assert f"schema_version must be 1; got {version}" in str(refusal(snapshot))
    assert said in str(refusal(snapshot))


def put(path: Path, name: str, values: np.ndarray[Any, Any]) -> None:
    """Other values under the same dtype and shape, with a fitting hash."""
    replace_file(path, name, npy_header(values.dtype.str, values.shape) + values.tobytes())


UNSOUND_VALUES: dict[str, tuple[str, Any, str]] = {
    "nan": ("product_vectors.npy", np.full((3, 4), np.nan, "<f4"), "must be finite; got nan"),
    "infinity in a matrix": ("bought.data.npy", np.array([1, -np.inf, 1], "<f4"), "finite; got -inf"),
    "flag": ("in_stock.npy", np.array([0, 1, 2], "u1").view("?"), "flag must be 0 or 1; got 2"),
    "row beyond its list": ("shared.npy", np.array([[0, 2], [1, 3]], "<i4"), r"[-1, 3); got 3"),
    "row below none": ("shared.npy", np.array([[0, 2], [1, -2]], "<i4"), "got -2"),
    "column beyond its list": ("bought.indices.npy", np.array([1, 3, 0], "<i4"), "[0, 3); got 3"),
    "negative column": ("bought.indices.npy", np.array([1, -1, 0], "<i4"), "got -1"),
    "indptr falls": ("bought.indptr.npy", np.array([0, 4, 3], "<i8"), "never fall"),
    "indptr starts late": ("bought.indptr.npy", np.array([1, 2, 3], "<i8"), "begin at 0"),
    "indptr ends early": ("bought.indptr.npy", np.array([0, 1, 2], "<i8"), "end at 3; got 2"),
    "offsets beyond the text": ("products.offsets.npy", np.array([0, 5, 9, 99], "<i8"), "end at 12"),
    "ids out of order": ("owners.bytes.npy", np.frombuffer(b"o2o1", "u1"), "unique and sorted"),
    "id twice": ("owners.bytes.npy", np.frombuffer(b"o1o1", "u1"), "unique and sorted"),
    "empty id": ("owners.offsets.npy", np.array([0, 0, 4], "<i8"), "row 0 has 0"),
    "nul in an id": ("owners.bytes.npy", np.frombuffer(b"o\0o1", "u1"), "NUL"),
    "no utf-8": ("product_titles.bytes.npy", np.frombuffer(b"Apple\xff\xa5\xbd\xe8\x8c\xb6", "u1"), "UTF-8"),
    "split character": ("product_titles.offsets.npy", np.array([0, 5, 6, 11], "<i8"), "inside a character"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND_VALUES)
def test_unsound_values_are_refused_though_every_hash_fits(snapshot: Path, case: str) -> None:
    name, values, said = UNSOUND_VALUES[case]
    put(snapshot, name, values)
    assert said in str(refusal(snapshot))
    assert refusal(snapshot, verify=False) is None  # red control: it is the reading of values that finds it


def object_npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}, 1]), allow_pickle=True)
    return file.getvalue()


def header_npy(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def set_entry(name: str, key: str, value: Any) -> Callable[[Path], None]:
    """Poison: one key of one entry."""
    return lambda path: forge(path, lambda body: body["entries"][name].__setitem__(key, value))


def set_part(name: str, part: str, dtype: Any, shape: Any) -> Callable[[Path], None]:
    """Poison: what the manifest says of one part."""
    poison = {"dtype": dtype, "shape": shape}
    return lambda path: forge(path, lambda body: body["entries"][name]["parts"].__setitem__(part, poison))


def add_text(name: str) -> Callable[[Path], None]:
    """Poison: a text entry whose file has this name."""

    def poison(path: Path) -> None:
        def change(body: dict[str, Any]) -> None:
            body["entries"][name] = {"kind": "text", "axes": [], "shape": [], "parts": {}}
            body["files"][name] = {"sha256": "0" * 64, "size": 1}

        forge(path, change)

    return poison


def to_link(path: Path) -> None:
    """Poison: a file becomes a link that leaves the folder."""
    shutil.move(path / "config.toml", path.parent / "outside.toml")
    (path / "config.toml").symlink_to(path.parent / "outside.toml")


def to_pipe(path: Path) -> None:
    """Poison: a file becomes a pipe, which waits for ever when opened."""
    (path / "config.toml").unlink()
    os.mkfifo(path / "config.toml")


def to_folder(path: Path) -> None:
    """Poison: a file becomes a folder."""
    (path / "config.toml").unlink()
    (path / "config.toml").mkdir()


def vectors(content: bytes) -> Callable[[Path], None]:
    """Poison: these bytes instead of an npy file, hash and size fitting."""
    return lambda path: replace_file(path, "product_vectors.npy", content)


def vectors_as_large(content: bytes) -> Callable[[Path], None]:
    """Poison: these bytes, filled up to the size that the array should have."""
    size = len(npy_header("<f4", (3, 4))) + 48
    return vectors(content[:size].ljust(size, b"\0"))


MANY = "[" * 100_000
POISONED: dict[str, tuple[Callable[[Path], None], str]] = {
    "object npy": (vectors(object_npy()), "the manifest says"),
    "object npy of the right size": (vectors_as_large(object_npy()), "npy header"),
    "object dtype in the manifest": (set_part("product_vectors", "values", "|O", [3, 4]), "plain number"),
    "structured dtype": (set_part("product_vectors", "values", "<f4,<f4", [3, 4]), "plain number type"),
    "dtype no word": (set_part("product_vectors", "values", {"a": 1}, [3, 4]), "plain number type"),
    "dtype numpy would take": (set_part("product_vectors", "values", "float32", [3, 4]), "plain number"),
    "header claims more": (vectors_as_large(npy_header("<f4", (3, 4_000_000_000))), "npy header"),
    "header with code": (vectors_as_large(header_npy("__import__('os').mkdir('pwned')\n")), "npy header"),
    "header deep": (vectors_as_large(header_npy("(" * 60_000)), "npy header"),
    "header version 3": (vectors_as_large(b"\x93NUMPY\x03\x00" + b"\xff" * 8), "npy header"),
    "a pickle": (vectors_as_large(b"\x80\x04\x95" + b"." * 50), "npy header"),
    "a zip": (vectors_as_large(b"PK\x03\x04" + b"." * 50), "npy header"),
    "shape larger than the file": (set_part("product_vectors", "values", "<f4", [3, 4_000]), "do not make"),
    "shape beyond memory": (set_part("product_vectors", "values", "<f4", [1 << 40, 1 << 40]), "storable"),
    "shape zero by endless": (set_part("product_vectors", "values", "<f4", [0, 1 << 62, 9]), "storable"),
    "shape negative": (set_part("product_vectors", "values", "<f4", [-3, -4]), "storable"),
    "shape of a hundred dimensions": (set_part("product_vectors", "values", "<f4", [1] * 100), "storable"),
    "shape of flags": (set_part("product_vectors", "values", "<f4", [True, 4]), "whole numbers"),
    "shape no list": (set_part("product_vectors", "values", "<f4", "34"), "whole numbers"),
    "part unknown": (set_part("product_vectors", "more", "<f4", [3]), "do not make"),
    "part that leaves": (set_part("bought", "../x", "<f4", [3]), "must be a-z"),
    "kind unknown": (set_entry("product_vectors", "kind", "pickle"), "kind must be one of"),
    "kind no word": (set_entry("product_vectors", "kind", ["array"]), "must be names"),
    "axis unknown": (set_entry("product_vectors", "axes", ["members", None]), "is no id list"),
    "axis no id list": (set_entry("product_vectors", "axes", ["bought", None]), "is no id list"),
    "axis does not fit": (set_entry("product_vectors", "axes", ["owners", None]), "owners has 2, got 3"),
    "axes too few": (set_entry("bought", "axes", ["owners"]), "csr has 2 axes"),
    "axes nested": (set_entry("bought", "axes", [["owners"], "products"]), "axes must be a list"),
    "rows of nothing": (set_entry("shared", "rows_of", "members"), "is no id list"),
    "columns beyond int32": (set_entry("bought", "shape", [2, 1 << 40]), "rows are int32"),
    "entry no object": (lambda p: forge(p, lambda b: b["entries"].update(x=7)), "must be a JSON object"),
    "entries missing": (lambda p: forge(p, lambda b: b.pop("entries")), "entries: must be a JSON object"),
    "file of no entry": (
        lambda p: forge(p, lambda b: b["files"].update(x=b["files"]["shared.npy"])), "no entry"),
    "file not listed": (lambda p: forge(p, lambda b: b["files"].pop("shared.npy")), "is not listed"),
    "hash in capitals": (
        lambda p: forge(p, lambda b: b["files"]["shared.npy"].update(sha256="A" * 64)), "64 hex digits"),
    "size as a fraction": (
        lambda p: forge(p, lambda b: b["files"]["shared.npy"].update(size=1.5)), "and a size"),
    "path up": (add_text("../../etc/passwd"), "must be a-z"),
    "path absolute": (add_text("/etc/passwd"), "must be a-z"),
    "path two dots": (add_text(".."), "must be a-z"),
    "path with an end": (add_text("passwd\n"), "must be a-z"),
    "path with a nul": (add_text("a\0b"), "must be a-z"),
    "path of the manifest": (add_text("manifest.json"), "belongs to another entry"),
    "file of two entries": (add_text("shared.npy"), "shared.npy"),
    "name endless": (add_text("a" * 100_000), "at most 100 long"),
    "link": (to_link, "must be a plain file"),
    "pipe": (to_pipe, "must be a plain file"),
    "folder": (to_folder, "must be a plain file"),
    "json deep": (lambda p: seal(p, f'"fields": {MANY}'.encode()), "JSON"),
    "json deep and closed": (
        lambda p: seal(p, b'"fields": {"x": ' + b"[" * 500 + b"]" * 500 + b"}}"),
        "nested at most 32"),
    "json huge": (lambda p: seal(p, b" " * (17 << 20) + b'"fields": {}}'), "at most"),
    "json key twice": (lambda p: seal(p, b'"files": {}, "files": {}}'), "stands twice"),
    "json nan": (lambda p: seal(p, b'"fields": {"x": NaN}}'), "NaN is no JSON number"),
    "json infinity by size": (lambda p: seal(p, b'"fields": {"x": 1e999}}'), "finite"),
    "json number endless": (lambda p: seal(p, b'"fields": {"x": ' + b"9" * 100_000 + b"}}"), "JSON"),
    "json no utf-8": (lambda p: seal(p, b'"fields": {"x": "\xff"}}'), "JSON"),
    "json goes on": (lambda p: seal(p, b'"fields": {}} {}'), "JSON"),
    "not json": (lambda p: seal(p, b"pickle"), "JSON"),
    "manifest empty": (lambda p: (p / MANIFEST_FILE).write_bytes(b"") and None, "first line"),
    "manifest without its line": (lambda p: (p / MANIFEST_FILE).write_bytes(b"{}") and None, "first line"),
    "text no utf-8": (lambda p: replace_file(p, "config.toml", b"\xff"), "must be UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", POISONED)
def test_poison_is_refused_soon_with_a_sentence(
    snapshot: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, said = POISONED[case]
    poison(snapshot)
    monkeypatch.chdir(snapshot.parent)
    for verify in (True, False):  # none of this needs the reading of values
        began = time.perf_counter()
        sentence = str(refusal(snapshot, verify))
        assert time.perf_counter() - began < 1
        assert said in sentence and str(snapshot) in sentence
        assert len(sentence) < 700
    assert not (snapshot.parent / "pwned").exists()


def test_there_are_at_least_forty_poisons() -> None:
    assert len(POISONED) >= 40


def test_red_control_a_plain_open_follows_a_link(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_link(snapshot)
    monkeypatch.setattr("recsys.snapshot.open_regular", lambda file: io.FileIO(file))
    assert refusal(snapshot) is None


def test_red_control_without_the_rules_unsound_values_pass(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(snapshot, "bought.indices.npy", np.array([1, 3, 0], "<i4"))

    def no_rules(entry: Entry, part: str, entries: Any) -> list[Rule]:
        return []

    monkeypatch.setattr("recsys.snapshot.rules_for", no_rules)
    assert refusal(snapshot) is None


def test_a_sealed_manifest_that_says_the_truth_opens(snapshot: Path) -> None:
    """The poisons above are refused for what they are, not for how they were sealed."""
    forge(snapshot, lambda body: None)
    assert refusal(snapshot) is None
    assert json.loads((snapshot / MANIFEST_FILE).read_text("utf-8"))["schema_version"] == 1
    assert Part("<f4", (3, 4)) == open_snapshot(snapshot).manifest.entries["product_vectors"].parts["values"]
    open_regular(snapshot / "config.toml").close()
