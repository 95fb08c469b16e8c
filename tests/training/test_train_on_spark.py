"""`sharepicks train --engine spark` writes the snapshot that DuckDB's run writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.snapshot import open_snapshot
from tests.features.without_spark import WHY_NOT
from training.commands import app

QUICK = """
[operators]
spectral_factors = [4]
als_factors = [8]
als_alpha = [10.0]
als_regularization = [5.0]
als_iterations = 3
[audience]
max_pairs = 20000
n_trees = 8
[ranker]
n_trees = 8
n_negatives = 20
n_moments = 1
min_examples = 50
max_folds = 2
[run]
memory_limit_mb = 1000
"""


def trained(dataset: Path, out: Path, config: Path, *options: str) -> Path:
    """The snapshot that the command writes."""
    done = CliRunner().invoke(
        app, ["train", str(dataset), "--out", str(out), "--config", str(config), *options]
    )
    assert done.exception is None, done.exception
    return out


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.long
def test_both_engines_write_the_same_snapshot(small_town: Path, tmp_path: Path) -> None:
    config = tmp_path / "quick.toml"
    config.write_text(QUICK, "utf-8")
    duck = open_snapshot(trained(small_town, tmp_path / "duck", config))
    spark = open_snapshot(
        trained(small_town, tmp_path / "spark", config, "--engine", "spark", "--spark-master", "local[1]")
    )
    assert sorted(path.name for path in spark.path.iterdir()) == sorted(
        path.name for path in duck.path.iterdir()
    )
    assert spark.manifest.snapshot_id == duck.manifest.snapshot_id
