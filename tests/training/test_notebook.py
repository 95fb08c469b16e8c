"""The Python API: the ten lines of docs/python.md as they stand there, each function's table, refusals."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import training.notebook as notebook
from recsys.domain import Query
from recsys.errors import DataError, QueryError, SnapshotError, UsageError
from recsys.recommend import recommend
from recsys.snapshot import Snapshot
from training.notebook import FIGURE_TYPES, LIST_TYPES, PICK_TYPES
from training.run_card import run_card_text

QUICK = {
    "operators": {
        "als_factors": [8],
        "als_alpha": [5.0],
        "als_regularization": [1.0],
        "spectral_factors": [8],
    },
    "ranker": {"n_trees": 10, "n_moments": 1},
    "audience": {"max_pairs": 2_000, "n_trees": 2},
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"


def lines_of(document: Path) -> str:
    """The one Python block of a document."""
    (code,) = re.findall(r"^```python\n(.*?)^```", document.read_text("utf-8"), re.S | re.M)
    return str(code)


def columns_told(document: Path, function: str) -> list[str]:
    """The column names of the table of that function, in order."""
    text = document.read_text("utf-8")
    rows = text.split(f"| of `{function}` |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def folder(small_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset `town` in it, where the ten lines may write."""
    path = tmp_path_factory.mktemp("notebook")
    shutil.copytree(small_town, path / "town")
    return path


@pytest.fixture(scope="module")
def ran(folder: Path) -> dict[str, Any]:
    """What the names of the ten lines stand for after they ran, with a configuration that takes seconds."""
    names: dict[str, Any] = {}
    whole = notebook.train_snapshot
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(notebook, "train_snapshot", lambda *a, **told: whole(*a, **{**told, "config": QUICK}))
        exec(compile(lines_of(DOCUMENT), str(DOCUMENT), "exec"), names)
    return names


@pytest.fixture(scope="module")
def snapshot(ran: dict[str, Any]) -> Snapshot:
    found = ran["snapshot"]
    assert isinstance(found, Snapshot)
    return found


def test_ten_lines_make_a_snapshot_a_report_and_picks(ran: dict[str, Any], folder: Path) -> None:
    lines = [line for line in lines_of(DOCUMENT).splitlines() if line.strip()]
    assert len(lines) <= 10
    assert (folder / "town.snapshot" / "manifest.json").is_file()
    assert "<svg" in (folder / "town.html").read_text("utf-8")
    assert ran["accuracy"]["method"].tolist() == ["sharepicks", "popular", "ials"]
    assert set(ran["picks"]["owner_id"]) == {"o0000", "o0001"}
    assert (ran["cheap"]["price_minor"] <= 5_000).all()
    card = json.loads((folder / "town.snapshot.run-card.json").read_text("utf-8"))
    assert card["snapshot_id"] == ran["snapshot"].manifest.snapshot_id
    assert card["snapshot_id"] in run_card_text(card)


def test_the_documented_columns_and_types_are_those_that_come(ran: dict[str, Any]) -> None:
    told = {"recommend": PICK_TYPES, "recommend_all": LIST_TYPES, "figures": FIGURE_TYPES}
    came = {"recommend": ran["picks"], "recommend_all": ran["lists"], "figures": ran["accuracy"]}
    text = DOCUMENT.read_text("utf-8")
    for function, types in told.items():
        named = set(columns_told(DOCUMENT, function)) - set(ran["accuracy"]["measure"])
        assert named == set(types), function
        assert {name: str(kind) for name, kind in came[function].dtypes.items()} == dict(types), function
        assert all(kind in text for kind in types.values())


def test_the_documented_parameters_are_those_that_exist() -> None:
    signatures = dict(re.findall(r"^\| `([a-z_]+)\(([^`]*)\)`", DOCUMENT.read_text("utf-8"), re.M))
    assert set(signatures) | {"Evaluation", "Snapshot"} == set(notebook.__all__)
    for name in ("train", "open_snapshot", "evaluate", "recommend", "recommend_all"):
        told = [part.split("=")[0].strip() for part in signatures[name].split(",") if "*" not in part]
        assert told == list(inspect.signature(getattr(notebook, name)).parameters), name


def test_a_row_holds_what_the_pick_holds(snapshot: Snapshot) -> None:
    reply = recommend(snapshot, Query("o0001", n=4))
    rows = notebook.recommend(snapshot, "o0001", n=4)
    assert len(rows) == len(reply.picks) == 4
    for row, pick in zip(rows.itertuples(index=False), reply.picks, strict=True):
        assert (row.product_id, row.position, row.score) == (pick.product_id, pick.position, pick.score)
        assert pick.offer is not None
        assert (row.price_minor, row.currency) == (pick.offer.price_minor, pick.offer.currency)
        assert row.reasons == tuple(reason.text for reason in pick.reasons)
        assert row.value_score == pick.value_score or (pd.isna(row.value_score) and pick.value_score is None)
        kept = None if pick.expected is None else pick.expected.kept
        if kept is None:
            assert pd.isna(row.kept)
        else:
            assert (row.kept_low, row.kept, row.kept_high) == (kept.low, kept.mid, kept.high)


@pytest.mark.parametrize("target", ["circle", "self"])
def test_all_lists_at_once_are_the_lists_of_each_owner(snapshot: Snapshot, target: Any) -> None:
    owners = list(snapshot.ids("owners").take(np.arange(len(snapshot.ids("owners")))))
    at_once = notebook.recommend_all(snapshot, n=7, target=target)
    each = notebook.recommend(snapshot, owners, n=7, target=target)
    columns = ["owner_id", "position", "product_id"]
    pd.testing.assert_frame_equal(at_once[columns], each[columns], check_dtype=False)
    np.testing.assert_allclose(at_once["score"], each["score"], rtol=1e-6)


def test_an_owner_nobody_knows_has_a_row_that_says_whose_list_it_is(snapshot: Snapshot) -> None:
    rows = notebook.recommend(snapshot, ["nobody"], n=3)
    assert rows["fallback"].tolist() == ["popular"] * 3


def test_no_owner_gives_no_row_and_every_column(snapshot: Snapshot) -> None:
    rows = notebook.recommend(snapshot, [])
    assert len(rows) == 0
    assert {name: str(kind) for name, kind in rows.dtypes.items()} == dict(PICK_TYPES)


def test_a_snapshot_may_be_named_by_its_path(snapshot: Snapshot, folder: Path) -> None:
    by_path = notebook.recommend(str(folder / "town.snapshot"), "o0000", n=3)
    pd.testing.assert_frame_equal(by_path, notebook.recommend(snapshot, "o0000", n=3))


def test_what_cannot_be_is_refused_in_a_sentence(snapshot: Snapshot, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="between 1 and 100"):
        notebook.recommend(snapshot, "o0000", n=0)
    with pytest.raises(QueryError, match="at least 1"):
        notebook.recommend_all(snapshot, n=0)
    with pytest.raises(UsageError, match="already exists"):
        notebook.train(folder / "town", folder / "town.snapshot")
    with pytest.raises(UsageError, match="offset"):
        notebook.train(folder / "town", tmp_path / "new", as_of="2026-01-20")
    with pytest.raises(UsageError, match="make it first"):
        notebook.evaluate(snapshot, folder / "town", report=tmp_path / "no" / "town.html")
    with pytest.raises(UsageError, match="baselines must be among"):
        notebook.evaluate(snapshot, folder / "town", baselines=["best"])
    with pytest.raises(DataError):
        notebook.train(tmp_path / "nothing", tmp_path / "new")
    with pytest.raises(SnapshotError):
        notebook.open_snapshot(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_threads_are_limited_before_numpy_comes() -> None:
    code = (
        "import os, sys\n"
        "import recsys.threads as threads\n"
        "seen = []\n"
        "limit = threads.limit_threads\n"
        "threads.limit_threads = lambda: (seen.append('numpy' in sys.modules), limit())[1]\n"
        "import training.notebook\n"
        "print(seen, os.environ['OMP_NUM_THREADS'])\n"
    )
    environment = {"SHAREPICKS_THREADS": "1", "PATH": "", "PYTHONPATH": str(DOCUMENT.parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "[False] 1\n", done.stderr
