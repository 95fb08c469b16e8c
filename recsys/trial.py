"""A snapshot asked a few questions before it may serve: it must open, and it must answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from recsys.domain import Query, Reply, Target
from recsys.errors import SnapshotError
from recsys.ids import IdList

N_TRIALS = 5  # owners a candidate is asked about


def try_out(path: Path, owners: Sequence[str] | IdList, recommend: Callable[[Query], Reply]) -> None:
    """Asks for a newcomer and some known owners, each target; SnapshotError when an answer fails.

    This also builds what is built on first use, before a caller has to wait for it.
    """
    step = len(owners) // N_TRIALS + 1
    trials = ["a newcomer", *(owners[row] for row in range(0, len(owners), step))]
    try:
        for owner_id in trials:
            for target in get_args(Target):
                recommend(Query(owner_id, n=5, target=target))
    except Exception as error:  # whatever a strange snapshot raises, it must not replace a good one
        raise SnapshotError(
            f"{path}: it opens but cannot answer ({type(error).__name__}); train it again with this version"
        ) from error
