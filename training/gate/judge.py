"""A candidate goes in, a judgement comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.dataset import open_dataset
from recsys.errors import SnapshotError
from recsys.model_files import model_of
from recsys.snapshot import open_snapshot
from training.evaluation import MAIN_MEASURE
from training.gate.evidence import Evidence, gather
from training.gate.finding import Bounds, Judgement, refused
from training.gate.guards import GUARDS, Guard

DEFAULT_BOUNDS = Bounds()


def judge_candidate(
    candidate: Path, dataset: Path, serving: Path | None = None, *, bounds: Bounds = DEFAULT_BOUNDS,
    seed: int = 0, guards: Mapping[str, Guard] = GUARDS,
) -> Judgement:  # fmt: skip
    """Whether the snapshot in `candidate` may take the place of the one in `serving`.

    The dataset is the candidate's own; where it has orders after the candidate's moment they judge the
    candidate itself, else a twin is trained without its last part. A candidate that cannot be opened is
    refused; SnapshotError when the one that serves cannot be.
    """
    opened = None if serving is None else open_snapshot(serving)
    try:
        snapshot = open_snapshot(candidate)
        model_of(snapshot)
    except SnapshotError as error:
        return Judgement((refused("opens", f"it cannot be opened: {error}"),))
    evidence = gather(snapshot, opened, open_dataset(dataset), bounds, seed)
    return judged_by(evidence)


def judged_by(evidence: Evidence, guards: Mapping[str, Guard] = GUARDS) -> Judgement:
    """What these guards make of the evidence."""
    findings = tuple(guard(evidence) for guard in guards.values())
    return Judgement(findings, evidence.followed.said, _facts(evidence))


def _facts(evidence: Evidence) -> dict[str, object]:
    candidate, serving = evidence.candidate.snapshot, evidence.serving
    fields = candidate.manifest.fields
    return {
        "candidate": candidate.manifest.snapshot_id,
        "serving": None if serving is None else serving.snapshot.manifest.snapshot_id,
        "as_of": fields.get("as_of"), "dataset_hash": fields.get("dataset_hash"),
        "judged_twin": evidence.followed.is_twin,
        MAIN_MEASURE: {
            target: {
                method.label: [
                    round(value, 6)
                    for value in (
                        method.measures[MAIN_MEASURE].mean, method.measures[MAIN_MEASURE].low,
                        method.measures[MAIN_MEASURE].high,
                    )
                ]
                for method in found.methods
            }
            for target, found in evidence.followed.of_target.items()
        },
    }  # fmt: skip
