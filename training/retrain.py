"""One retraining: export → check → train → gate → promote, each step whole or not at all.

Everything happens in a hidden folder of the registry. A step is done when its result stands there under its
name, which one rename gives it; a run that was killed goes on where it ended. A run that failed begins anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from features.check import check_dataset
from features.dataset import Dataset, open_dataset
from features.fingerprint import dataset_hash
from recsys.errors import SharepicksError, SnapshotError, UsageError
from recsys.manifest import read_manifest
from recsys.model_files import model_of
from recsys.recommend import recommend_of
from recsys.registry import known_snapshots, move, served_in_turn, serving_name
from recsys.run_card import run_card_path
from recsys.snapshot import open_snapshot
from recsys.trial import try_out
from training.config import Config
from training.gate import Bounds, judge_candidate
from training.train import train

WORK = ".retrain"
STATE, LOCK, PLACED, JUDGEMENT = "state.json", "lock", "placed.json", "judgement.json"
DATASET, CANDIDATE, REFUSED = "dataset", "candidate", "refused"
RESUME_WITHIN = timedelta(hours=24)
WHO = "retrain"
Outcome = Literal["promoted", "nothing new", "held", "refused"]
EXIT_CODES: Mapping[Outcome, int] = {"promoted": 0, "nothing new": 0, "held": 3, "refused": 4}
Say = Callable[[str], None]


class Busy(SharepicksError):
    """Another retraining of the same registry goes on."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What one retraining is asked for. `store` or `dataset` names where the data come from.

    `reason`: why the gate may be overruled; None: it may not.
    """

    registry: Path
    store: str | None = None
    dataset: Path | None = None
    config: Config = field(default_factory=Config)
    as_of: datetime | None = None
    keep: int = 7
    reason: str | None = None
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        if (self.store is None) == (self.dataset is None):
            raise UsageError("name either --store or --dataset, and not both")
        if self.keep < 2:
            raise UsageError(
                f"--keep must be 2 at least, for one that serves and one to go back to; got {self.keep}"
            )
        if self.reason is not None and not self.reason.strip():
            raise UsageError("--force needs a --reason: it is written into the journal")

    @property
    def work(self) -> Path:
        """The hidden folder of a run that goes on."""
        return self.registry / WORK

    def key(self) -> dict[str, Any]:
        """What must be the same for a killed run to be gone on with; a store's address may hold a key."""
        return {
            "dataset": None if self.dataset is None else str(self.dataset.absolute()),
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "config": self.config.as_mapping(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retrained:
    """How a retraining ended; `name` is the snapshot's in the registry, None where none was placed."""

    outcome: Outcome
    sentence: str
    name: str | None
    judgement: Mapping[str, Any] | None
    resumed: bool
    removed: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What a scheduler sees."""
        return EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return {**asdict(self), "exit_code": self.exit_code}


def retrain(plan: Plan, now: datetime, say: Say = lambda _: None) -> Retrained:
    """Runs every step that is not done yet; the registry shows a snapshot whole or not at all.

    Busy when another run holds the registry; whatever a step raises ends the run and clears its folder.
    """
    if not plan.registry.is_dir():
        raise UsageError(f"{plan.registry}: must be the folder of the registry; there is no such folder")
    plan.work.mkdir(exist_ok=True)
    with _alone(plan.work):
        resumed = _resumed(plan, now)
        try:
            return _run(plan, now, say, resumed)
        except BaseException:
            _clear(plan.work)
            raise


def _run(plan: Plan, now: datetime, say: Say, resumed: bool) -> Retrained:
    say("reading the data")
    dataset = _dataset(plan)
    serving = serving_name(plan.registry)
    if not _candidate(plan).exists():
        check_dataset(dataset).raise_if_broken()
        if _nothing_new(plan, dataset, serving):
            _clear(plan.work)
            return Retrained(
                "nothing new",
                f"nothing new since {serving}: same data, same settings",
                serving,
                None,
                resumed,
            )
        _train(plan, dataset, say)
    judgement = _judged(plan, dataset, serving, say)
    say("placing it")
    return _placed(plan, judgement, serving, now, resumed)


def _candidate(plan: Plan) -> Path:
    """Where the candidate of this run stands, or is to stand: beside the registry, then in it."""
    file = plan.work / PLACED
    if file.exists():
        place = plan.registry / str(json.loads(file.read_text("utf-8"))["name"])
        if place.exists():
            return place
    return plan.work / CANDIDATE


def _dataset(plan: Plan) -> Dataset:
    """The dataset at hand, or the store's, exported once for the run, whole or not at all."""
    if plan.dataset is not None:
        return open_dataset(plan.dataset)
    assert plan.store is not None
    folder = plan.work / DATASET
    if not folder.exists():
        # a process of its own, as `training` knows no store; the address goes by the environment, for the
        # password that it may hold
        done = subprocess.run(
            [sys.executable, "-c", "from recsys.cli import main; main()", "export", str(folder)],
            env=os.environ | {"SHAREPICKS_STORE": plan.store}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SharepicksError(
                f"the export failed: {done.stderr.strip().removeprefix('sharepicks: ')[-500:]}"
            )
    return open_dataset(folder)


def _nothing_new(plan: Plan, dataset: Dataset, serving: str | None) -> bool:
    """Whether the serving snapshot was made from the same data, settings and moment."""
    if serving is None or plan.as_of is not None:
        return False
    try:
        fields = read_manifest(plan.registry / serving).fields
    except SnapshotError:
        return False
    same = (fields.get("config"), fields.get("dataset_hash")) == (
        plan.config.as_mapping(),
        dataset_hash(dataset),
    )
    return same


def _train(plan: Plan, dataset: Dataset, say: Say) -> None:
    """Trains beside its place; the run card stands before the snapshot does, so that neither comes alone."""
    part = plan.work / "training"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    made = train(dataset.path, part / CANDIDATE, as_of=plan.as_of, config=plan.config, say=say)
    run_card_path(made.path).rename(run_card_path(plan.work / CANDIDATE))
    made.path.rename(plan.work / CANDIDATE)
    part.rmdir()


def _judged(plan: Plan, dataset: Dataset, serving: str | None, say: Say) -> dict[str, Any]:
    """The gate's word, kept with the name of what it was judged against."""
    file = plan.work / JUDGEMENT
    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if found["against"] == serving or serving == _candidate(plan).name:
            return found
    say("judging it at the gate")
    path = None if serving is None else plan.registry / serving
    judged = judge_candidate(
        _candidate(plan), dataset.path, path, bounds=plan.bounds, seed=plan.config.run.seed
    )  # fmt: skip
    found = {**judged.as_json(), "against": serving}
    _write_whole(file, found)
    return found


def _placed(
    plan: Plan, judgement: dict[str, Any], serving: str | None, now: datetime, resumed: bool
) -> Retrained:
    """What the gate's word leads to; a candidate that stands in the registry already was not refused."""
    against = "; ".join(
        f"{f['guard']}: {f['sentence']}" for f in judgement["findings"] if f["word"] != "ship"
    )
    word, forced = judgement["verdict"], plan.reason is not None
    if word == "refuse" and not (forced and _opens(judgement)):
        _put_away(plan)
        return Retrained("refused", f"refused: {against}", None, judgement, resumed)
    name = _place(plan, judgement, now)
    if word == "hold" and not forced:
        _clear(plan.work)
        return Retrained("held", f"held: {name} waits for a person: {against}", name, judgement, resumed)
    overruled = word != "ship"
    if serving != name:  # else it was promoted before the run was killed
        why = f"forced: {plan.reason}; {against}" if overruled else "the gate shipped it"
        move(
            plan.registry, name, who=WHO, why=why, now=now, verify=_answers, expected=serving,
            forced=overruled,
        )  # fmt: skip
    removed = _prune(plan)
    _clear(plan.work)
    sentence = f"{name} serves{' (forced)' if overruled else ''}; before: {judgement['against'] or 'nothing'}"
    return Retrained("promoted", sentence, name, judgement, resumed, removed)


def _opens(judgement: Mapping[str, Any]) -> bool:
    return all(found["guard"] != "opens" for found in judgement["findings"])


def _put_away(plan: Plan) -> None:
    """The last refused candidate is kept to be looked at, out of the registry's sight."""
    shutil.rmtree(plan.work / REFUSED, ignore_errors=True)
    (plan.work / CANDIDATE).rename(plan.work / REFUSED)
    _clear(plan.work)


def _place(plan: Plan, judgement: dict[str, Any], now: datetime) -> str:
    """Into the registry by one rename; the card, which tells the judgement too, stands there first."""
    candidate = _candidate(plan)
    if candidate.parent == plan.registry:
        return candidate.name
    manifest = read_manifest(candidate)
    stamp = str(manifest.fields.get("as_of") or now.isoformat())[:19].replace(":", "")
    name = f"{stamp}-{manifest.snapshot_id[:8]}"
    place = plan.registry / name
    card = json.loads(run_card_path(candidate).read_text("utf-8"))
    _write_whole(run_card_path(place), {**card, "retrained": True, "gate": judgement})
    _write_whole(plan.work / PLACED, {"name": name})
    if place.exists():  # trained before from the same data: the same bytes
        shutil.rmtree(candidate)
    else:
        candidate.rename(place)
    return name


def _answers(path: Path) -> None:
    snapshot = open_snapshot(path)
    model = model_of(snapshot)
    try_out(path, snapshot.ids("owners"), lambda query: recommend_of(model, query))


def _prune(plan: Plan) -> tuple[str, ...]:
    """Removes the oldest that retraining made, beyond `keep`; never what serves or served before it."""
    stays = {serving_name(plan.registry), *served_in_turn(plan.registry)[-2:]}
    ours = [known.name for known in known_snapshots(plan.registry) if _is_ours(plan.registry / known.name)]
    n_more = max(0, len(ours) - plan.keep)
    gone = [name for name in ours if name not in stays][:n_more]
    for name in gone:
        doomed = plan.work / f"gone-{name}"
        (plan.registry / name).rename(doomed)  # out of sight in one step, then removed
        shutil.rmtree(doomed)
        run_card_path(plan.registry / name).unlink(missing_ok=True)
    return tuple(gone)


def _is_ours(snapshot: Path) -> bool:
    try:
        return bool(json.loads(run_card_path(snapshot).read_text("utf-8")).get("retrained"))
    except (OSError, ValueError, AttributeError):
        return False


def _resumed(plan: Plan, now: datetime) -> bool:
    """Whether a killed run of the same plan is gone on with; any other is cleared, and this one noted."""
    file = plan.work / STATE
    state: Any = {}
    if file.exists():
        state = json.loads(file.read_text("utf-8"))
        begun = datetime.fromisoformat(state["begun"])
        if state["key"] == plan.key() and begun <= now <= begun + RESUME_WITHIN:
            return True
    _clear(plan.work)
    _write_whole(file, {"begun": now.isoformat(), "key": plan.key()})
    return False


def _clear(work: Path) -> None:
    """Empties the folder of a run but for its lock and the last one refused; the state goes first."""
    (work / STATE).unlink(missing_ok=True)
    for place in work.iterdir():
        if place.name in (LOCK, REFUSED):
            continue
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()


def _write_whole(file: Path, value: object) -> None:
    """JSON into a file that appears whole, durably."""
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    descriptor = os.open(work / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{work.parent}: another retraining goes on; let it end, then try again") from None
        yield
    finally:
        os.close(descriptor)
