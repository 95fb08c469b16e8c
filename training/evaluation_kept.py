"""An evaluation read back from the JSON that was kept beside a snapshot; Lorenz curves are not in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import SnapshotError
from recsys.run_card import evaluation_path, read_beside
from training.bootstrap import Interval
from training.calibration_check import CalibrationCheck, Tenth
from training.evaluation import Comparison, Evaluation, Gain, Method, SliceResult

NO_CURVE = (np.zeros(0), np.zeros(0))


def kept_evaluation(snapshot: Path) -> Evaluation | None:
    """The evaluation beside a snapshot; None without one, SnapshotError for what is none."""
    file = evaluation_path(snapshot)
    found = read_beside(file)
    if found is None:
        return None
    try:
        return evaluation_from(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"{file}: is no evaluation ({error}); write it again: evaluate --keep") from None


def evaluation_from(found: Mapping[str, Any]) -> Evaluation:
    """What `Evaluation.as_json` wrote, as values again."""
    check = found["calibration"]
    return Evaluation(
        target=found["target"], n_owners=found["n_owners"], n_products=found["n_products"],
        n_relevant=found["n_relevant"], methods=tuple(_method(one) for one in found["methods"]),
        comparisons=tuple(
            Comparison(
                one["against"], one["measure"], Interval(**one["difference"]),
                None if one["ratio"] is None else Interval(**one["ratio"]),
            )
            for one in found["comparisons"]
        ),
        slices=tuple(
            SliceResult(
                one["name"], one["meaning"], one["n_owners"],
                {name: _intervals(measures) for name, measures in one["methods"].items()},
                _intervals(one["ahead"]),
            )
            for one in found["slices"]
        ),
        facts=found["facts"], said=tuple(found["said"]), left_out=tuple(found["left_out"]),
        off=tuple(found["off"]), slices_off=tuple(found["slices_off"]),
        gains=tuple(
            Gain(one["name"], one["refitted"], _intervals(one["gains"]), _intervals(one["without"]))
            for one in found["ablation"]
        ),
        calibration=None if check is None else CalibrationCheck(
            **{**check, "tenths": tuple(Tenth(**one) for one in check["tenths"])}
        ),
    )  # fmt: skip


def _method(one: Mapping[str, Any]) -> Method:
    measures, rates = _intervals(one["measures"]), np.array(one["hit_rates"], dtype=np.float64)
    return Method(one["name"], one["label"], measures, one["beyond"], NO_CURVE, rates)


def _intervals(found: Mapping[str, Any]) -> dict[str, Interval]:
    return {name: Interval(**interval) for name, interval in found.items()}
