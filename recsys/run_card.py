"""What stands beside a snapshot: its run card and its evaluation, as JSON.

Measurements may not change a snapshot's hash, so they are no part of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recsys.errors import SnapshotError
from recsys.files import open_regular

RUN_CARD = "run-card.json"
EVALUATION = "evaluation.json"
MAX_BYTES = 16 << 20


def run_card_path(snapshot: Path) -> Path:
    """Where the run card of a snapshot stands."""
    return snapshot.with_name(f"{snapshot.name}.{RUN_CARD}")


def evaluation_path(snapshot: Path) -> Path:
    """Where an evaluation of a snapshot stands that was kept."""
    return snapshot.with_name(f"{snapshot.name}.{EVALUATION}")


def read_beside(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file beside a snapshot; None without one, SnapshotError for another text."""
    if not file.is_file():
        return None
    with open_regular(file) as stream:
        encoded = stream.read(MAX_BYTES + 1)
    try:
        found = json.loads(encoded) if len(encoded) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SnapshotError(f"{file}: must be one JSON object of at most {MAX_BYTES} bytes; write it again")
    return found
