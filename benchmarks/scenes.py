"""What naming the scene is worth in a simulated town, by its hidden truth: kept orders per share.

Takes a town and a snapshot of its end (or plays and trains one). For every scene the snapshot learned and
each owner drawn, the list is asked for twice, with the scene and without, and both are judged by what shares
of them would bring on that occasion. Printed are means over owners with their 95 % interval, and the paired
ratio; how the learned lifts of scene and top category agree with the true ones; and the lifts of channels.

    python benchmarks/scenes.py                                the default town: 1,000 owners, 90 days
    python benchmarks/scenes.py --town DIR --snapshot SNAPSHOT --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import numpy as np  # noqa: E402  after the thread limits

from recsys.domain import Query  # noqa: E402
from recsys.model import Model  # noqa: E402
from recsys.model_files import model_of  # noqa: E402
from recsys.ranking import rank, scoring_of  # noqa: E402
from recsys.scoring import Scoring  # noqa: E402
from recsys.snapshot import open_snapshot  # noqa: E402
from training.bootstrap import Interval, resample  # noqa: E402
from training.town.behaviour import SCENES  # noqa: E402
from training.town.config import TownConfig  # noqa: E402
from training.town.goods import TOPS  # noqa: E402
from training.town.simulate import simulate  # noqa: E402
from training.town.truth import World  # noqa: E402
from training.train import train  # noqa: E402

Floats = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    """Prints one table, or one JSON object."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="sharepicks-scenes-") as folder:
        town, snapshot = asked.town, asked.snapshot
        if town is None:
            town = Path(folder) / "town"
            simulate(TownConfig(seed=asked.seed), town)
        if snapshot is None:
            snapshot = Path(folder) / "snapshot"
            train(town, snapshot)
        model, world = model_of(open_snapshot(snapshot)), World.load(town)
        found = _judged(model, world, asked.owners, asked.n, np.random.default_rng(asked.seed))
    sys.stdout.write(f"{json.dumps(found) if asked.json else _table(found)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--town", type=Path, help="a simulated dataset with its truth beside it")
    parser.add_argument("--snapshot", type=Path, help="a snapshot of the end of the town: used, not trained")
    parser.add_argument("--owners", type=int, default=400, help="owners judged, drawn by the seed")
    parser.add_argument("--n", type=int, default=10, help="length of each list")
    parser.add_argument("--seed", type=int, default=1, help="of the town and the owners")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _judged(model: Model, world: World, n_owners: int, n: int, rng: np.random.Generator) -> dict[str, Any]:
    if model.scenes is None:
        raise SystemExit("the snapshot learned no scenes: see what is off in its run card")
    owners = np.sort(rng.permutation(len(model.people.owners))[:n_owners]).astype(np.int32)
    scenes = [scene for scene in model.scenes.scenes if scene in SCENES]
    table = np.array([_per_share(model, world, int(owner), scenes, n) for owner in owners])
    found: dict[str, Any] = {"owners": len(owners), "n": n, "scenes": {}}
    columns = {scene: table[:, at] for at, scene in enumerate(scenes)} | {"all": table.mean(axis=1)}
    for scene, values in columns.items():  # (n_owners, 2): with the scene, without
        drawn = resample(values, rng)
        ratio = drawn.ratio(0, 1)
        found["scenes"][scene] = {
            "with": _ends(drawn.interval(0)), "without": _ends(drawn.interval(1)),
            "ratio": None if ratio is None else _ends(ratio),
        }  # fmt: skip
    found["lifts"] = _agreement(model, world, scenes)
    found["channels"] = dict(
        zip(
            model.scenes.channels,
            np.exp(model.scenes.log_channel.astype(np.float64)).round(2).tolist(),
            strict=True,
        )
    )
    return found


def _per_share(model: Model, world: World, owner: int, scenes: list[str], n: int) -> list[list[float]]:
    """For each scene true kept orders per share of the list that knows it, and of the one that does not."""
    owner_id = model.people.owners[owner]
    scoring = scoring_of(model, np.array([owner], dtype=np.int32), "circle")  # scores are kept in it
    plain = _list(scoring, None, n)
    found = []
    for scene in scenes:
        lists = (_list(scoring, scene, n), plain)
        found.append([
            float(world.expected_kept_orders([owner_id] * len(ids), ids, scene=scene).mean()) for ids in lists
        ])  # fmt: skip
    return found


def _list(scoring: Scoring, scene: str | None, n: int) -> list[str]:
    return list(scoring.model.products.ids.take(rank(scoring, Query("", n=n, scene=scene)).product[:n]))


def _agreement(model: Model, world: World, scenes: list[str]) -> dict[str, float]:
    """Learned log lifts beside what the scenes add to the logit of a click, weighted by shares."""
    lifts = model.scenes
    assert lifts is not None
    paths = [model.products.categories[int(row)] for row in lifts.top_row]
    tops = [TOPS.index(path) for path in paths]
    rows = [lifts.scenes.row(scene) for scene in scenes]
    learned = lifts.log_lift[rows].ravel().astype(np.float64)
    true = world.town.scene_logit[[SCENES.index(scene) for scene in scenes]][:, tops].ravel()
    moments = np.cov(learned, true, aweights=lifts.n_shares[rows].ravel() + 1e-9)
    return {
        "correlation": round(float(moments[0, 1] / np.sqrt(moments[0, 0] * moments[1, 1])), 3),
        "true_per_learned": round(float(moments[0, 1] / max(moments[0, 0], 1e-12)), 3),
        "cells": len(learned), "shares": int(lifts.n_shares[rows].sum()),
    }  # fmt: skip


def _ends(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['owners']} owners, lists of {found['n']}; true kept orders per share in the scene"]
    lines.append(f"{'scene':<28}{'asked with it':>26}{'asked without':>26}{'ratio':>26}")
    for scene, told in found["scenes"].items():
        lines.append(f"{scene:<28}" + "".join(f"{_said(told[k]):>26}" for k in ("with", "without", "ratio")))
    lines.append("learned lifts beside the true logits: " + json.dumps(found["lifts"]))
    lines.append("channels: " + json.dumps(found["channels"]))
    return "\n".join(lines)


def _said(ends: list[float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:.3f} ({ends[1]:.3f} to {ends[2]:.3f})"


if __name__ == "__main__":
    main()
