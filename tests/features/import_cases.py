"""What the importers' tests share: the real sources where they are, and an import into a new dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.dataset import open_dataset
from features.importers import ImportSummary, import_into

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


def real_source(name: str) -> Path:
    """The real source of that name; skips the test with a plain sentence where it is absent."""
    source = REAL_DATA / name
    if not source.exists():
        pytest.skip(f"the real data {source} is not on this machine; only the handwritten sources are tested")
    return source


def do_import(name: str, source: Path, tmp_path: Path) -> ImportSummary:
    return import_into(name, source, tmp_path / "dataset")


def table(summary: ImportSummary, name: str) -> pd.DataFrame:
    return pq.read_table(open_dataset(summary.path).tables[name]).to_pandas()


def records(summary: ImportSummary, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table as tuples of these columns."""
    return list(table(summary, name)[list(columns)].itertuples(index=False, name=None))


def has_note(summary: ImportSummary, part: str) -> bool:
    return any(part in note for note in summary.notes)
