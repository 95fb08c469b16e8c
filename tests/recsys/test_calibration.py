"""What a score stands for: a rising line that a snapshot keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from small_model import Item, World, small_model

from recsys.calibration import Calibration
from recsys.model_files import model_of, write_model
from recsys.snapshot import SnapshotWriter, open_snapshot

WORLD = World({"p1": Item()}, [("m1", "p1", 3.0)], {"m1": ["m1"]})
LINE = Calibration(np.array([-1, 1], dtype=np.float32), np.array([0.5, 2.5], dtype=np.float32))


def test_a_score_between_two_knots_lies_between_what_they_stand_for_and_is_flat_beyond():
    found = LINE.expected_at(np.array([-9, -1, 0, 1, 9], dtype=np.float32))

    assert found.dtype == np.float32
    assert found.tolist() == [0.5, 0.5, 1.5, 2.5, 2.5]


def test_a_snapshot_keeps_the_calibration_of_each_target(tmp_path: Path):
    with SnapshotWriter(tmp_path / "s") as writer:
        write_model(writer, replace(small_model(WORLD), calibrations={"circle": LINE}), ["s0"])
        writer.commit()

    kept = model_of(open_snapshot(tmp_path / "s")).calibrations

    assert list(kept) == ["circle"]
    assert kept["circle"].score.tolist() == [-1, 1]
    assert kept["circle"].expected.tolist() == [0.5, 2.5]
