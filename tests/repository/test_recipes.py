"""The recipes of CONTRIBUTING.md are code that runs, and their diffs fit the files they change."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from features.check import check_dataset
from features.dataset import DatasetWriter
from recsys.opening import Open
from recsys.scoring import Scoring


@pytest.fixture(scope="module")
def contributing(root: Path) -> str:
    return (root / "CONTRIBUTING.md").read_text()


def recipe(contributing: str, marker: str, folder: Path) -> ModuleType:
    """The Python block that holds the marker, as a module."""
    (code,) = [c for c in re.findall(r"^```python\n(.*?)^```", contributing, re.S | re.M) if marker in c]
    file = folder / "recipe.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("recipe", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_candidate_source_proposes_what_is_shared_and_open(contributing: str, tmp_path: Path) -> None:
    products = SimpleNamespace(n_shares=np.array([0, 3, 5, 0, 9], dtype=np.int32))
    scoring = Scoring(SimpleNamespace(products=products, n_products=5), ["ann", "bea"])  # type: ignore[arg-type]
    scoring.open = Open(np.array([True, True, True, True, False]))
    found = recipe(contributing, "class MuchShared", tmp_path).MuchShared().propose(scoring, 3)
    assert found.owner.tolist() == [0, 0, 1, 1]
    assert found.product.tolist() == [2, 1, 2, 1]
    assert found.score.tolist() == [5.0, 3.0, 5.0, 3.0]


def test_the_importer_makes_a_dataset_that_keeps_the_contract(contributing: str, tmp_path: Path) -> None:
    source = tmp_path / "till"
    source.mkdir()
    (source / "till.csv").write_text(
        "when,card,article\n2026-03-01T09:00:00Z,ann,tea\n2026-03-01T09:05:00+08:00,bea,tea\n"
    )
    with DatasetWriter(tmp_path / "town", priceless=True) as writer:
        recipe(contributing, "Corner shop", tmp_path).import_dataset(source, writer)
    assert writer.n_rows == {"products": 1, "owners": 2, "orders": 2}
    assert not check_dataset(tmp_path / "town").broken


def test_every_diff_fits_the_file_it_changes(root: Path, contributing: str) -> None:
    changed = [
        "features/contract.py",
        "recsys/sources/__init__.py",
        "recsys/signals.py",
        "features/importers/__init__.py",
        "serving/routes_operation.py",
    ]
    diffs = re.findall(r"^ *```diff\n(.*?)^ *```", contributing, re.S | re.M)
    assert len(diffs) == len(changed)
    for name, diff in zip(changed, diffs, strict=True):
        text = (root / name).read_text()
        context = [line[1:] for line in diff.splitlines() if line.startswith(" ") and line.strip()[:1] != "+"]
        for line in context:
            assert line in text, f"{name}: {line}"
