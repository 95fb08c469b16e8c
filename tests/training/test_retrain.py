"""The nightly retraining: whole or not at all, whoever kills it and whenever; and told by its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.errors import DataError, UsageError
from recsys.registry import journal, known_snapshots, serving_name
from recsys.snapshot import open_snapshot
from tests.training.trainings import trained_again
from training import retrain as retraining
from training.commands import app
from training.config import config_from
from training.gate import Finding, Judgement
from training.retrain import WORK, Busy, Plan, Retrained, retrain
from training.train import train

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TINY = {
    "operators": {"walks": ["walk"], "spectral_factors": [], "als_factors": [8], "als_alpha": [10.0],
                  "als_regularization": [5.0], "als_iterations": 2},
    "audience": {"max_pairs": 2_000, "n_trees": 2},
    "ranker": {"n_trees": 2, "n_negatives": 5, "n_moments": 1, "min_examples": 1_000_000},
}  # fmt: skip
ROOT = Path(__file__).parents[2]
STEPS = ("_dataset", "_train", "_judged", "_place", "move", "_prune", "_clear")

Judge = Callable[..., Judgement]


def _said(word: str) -> Judge:
    sentence = "as the test wants it"
    return lambda *_, **__: Judgement((Finding("accuracy", word, sentence),))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(small_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training of the town gives, made once by the real one."""
    out = tmp_path_factory.mktemp("trained") / "town"
    train(small_town, out, config=config_from(TINY))
    return out


@pytest.fixture
def quick(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trainings of a run give that snapshot again, of another moment where one is asked for."""
    monkeypatch.setattr(retraining, "train", partial(trained_again, trained))
    return trained


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    return folder


def _plan(registry: Path, town: Path, days_ago: int = 0, **more: object) -> Plan:
    """A plan on the town; `days_ago` makes another night of it."""
    as_of = datetime(2026, 2, 8, tzinfo=UTC) - timedelta(days=days_ago) if days_ago else None
    return Plan(registry, dataset=town, config=config_from(TINY), as_of=as_of, **more)  # type: ignore[arg-type]


def _leftovers(registry: Path) -> set[str]:
    return {place.name for place in (registry / WORK).iterdir()} - {"lock", "refused"}


def test_a_night_is_promoted_and_the_next_finds_nothing_new(
    registry: Path, small_town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "judge_candidate", _said("ship"))
    done = retrain(_plan(registry, small_town), NOW)
    assert (done.outcome, done.exit_code, done.resumed) == ("promoted", 0, False)
    assert serving_name(registry) == done.name
    assert [(made.after, made.forced) for made in journal(registry)] == [(done.name, False)]
    assert done.name is not None
    card = json.loads((registry / f"{done.name}.run-card.json").read_text("utf-8"))
    assert card["gate"]["verdict"] == "ship"
    assert not _leftovers(registry)
    again = retrain(_plan(registry, small_town), NOW + timedelta(days=1))
    assert (again.outcome, again.exit_code) == ("nothing new", 0)


def test_held_waits_in_the_registry_and_refused_stays_out(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "judge_candidate", _said("hold"))
    held = retrain(_plan(registry, small_town), NOW)
    assert (held.outcome, held.exit_code, serving_name(registry)) == ("held", 3, None)
    assert [known.name for known in known_snapshots(registry)] == [held.name]
    monkeypatch.setattr(retraining, "judge_candidate", _said("refuse"))
    refused = retrain(_plan(registry, small_town, 3), NOW)
    assert (refused.outcome, refused.exit_code, refused.name) == ("refused", 4, None)
    assert "as the test wants it" in refused.sentence
    assert [known.name for known in known_snapshots(registry)] == [held.name]
    open_snapshot(registry / WORK / "refused")  # kept, to be looked at
    assert not _leftovers(registry)


def test_force_promotes_what_was_refused_and_the_journal_says_why(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "judge_candidate", _said("refuse"))
    done = retrain(_plan(registry, small_town, reason="the source was mended by hand"), NOW)
    assert done.outcome == "promoted"
    made = journal(registry)[-1]
    assert made.forced
    assert "mended by hand" in made.why
    assert "as the test wants it" in made.why


def test_what_cannot_be_opened_is_not_promoted_by_force(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = Judgement((Finding("opens", "refuse", "it cannot be opened"),))
    monkeypatch.setattr(retraining, "judge_candidate", lambda *_, **__: damaged)
    assert retrain(_plan(registry, small_town, reason="try"), NOW).outcome == "refused"
    assert serving_name(registry) is None


def test_old_snapshots_go_but_never_the_two_that_matter(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "judge_candidate", _said("ship"))
    nights = [retrain(_plan(registry, small_town, days, keep=2), NOW) for days in (4, 3, 2)]
    assert [len(night.removed) for night in nights] == [0, 0, 1]
    assert {known.name for known in known_snapshots(registry)} == {night.name for night in nights[1:]}
    assert not (registry / f"{nights[0].name}.run-card.json").exists()
    assert not _leftovers(registry)


def test_a_broken_dataset_ends_the_run_with_its_sentence_and_leaves_nothing(
    registry: Path, small_town: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "dataset.toml").write_text("timeless = false\n", "utf-8")
    (broken / "orders.csv").write_text("order_id,product_id\n1,p\n", "utf-8")
    with pytest.raises(DataError):
        retrain(_plan(registry, broken), NOW)
    assert not _leftovers(registry)
    assert not known_snapshots(registry)


def test_two_at_once_one_is_told(registry: Path, small_town: Path) -> None:
    (registry / WORK).mkdir()
    with retraining._alone(registry / WORK), pytest.raises(Busy, match="another retraining"):
        retrain(_plan(registry, small_town), NOW)
    assert Busy.exit_code == 5


def test_what_is_asked_must_make_sense(registry: Path, small_town: Path) -> None:
    with pytest.raises(UsageError, match="not both"):
        Plan(registry)
    with pytest.raises(UsageError, match="--keep"):
        _plan(registry, small_town, keep=1)
    asked = ["retrain", "--dataset", str(small_town), "--snapshots", str(registry), "--force"]
    assert isinstance(CliRunner().invoke(app, asked).exception, UsageError)


KILLED = """
import json, os, signal, sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from training import retrain as retraining
from training.config import config_from
from training.gate import Finding, Judgement
from tests.training.trainings import trained_again

registry, town, step, when, config, trained = sys.argv[1:]
retraining.judge_candidate = lambda *_, **__: Judgement((Finding("accuracy", "ship", "as the test wants "
"it"),))
retraining.train = partial(trained_again, Path(trained))
real = getattr(retraining, step)

def killed(*given, **named):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

begun = retraining.Plan(Path(registry), dataset=Path(town), config=config_from(json.loads(config)), keep=2)
if step == "_clear":  # the one at the end, not the one before a run
    place = retraining._prune
    def then(plan):
        retraining._clear = killed
        return place(plan)
    retraining._prune = then
else:
    setattr(retraining, step, killed)
retraining.retrain(begun, datetime(2026, 11, 24, 3, tzinfo=UTC))
"""


def _killed_at(registry: Path, town: Path, trained: Path, step: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(registry), str(town), step, when, json.dumps(TINY), str(trained)],
        capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def _ends_well(registry: Path, town: Path) -> Retrained:
    """The next run ends well, what the registry shows is whole, and nothing is left over."""
    for known in known_snapshots(registry):
        open_snapshot(registry / known.name)
    done = retrain(Plan(registry, dataset=town, config=config_from(TINY), keep=2), NOW + timedelta(minutes=5))
    assert done.exit_code == 0
    serving = serving_name(registry)
    assert serving == done.name
    assert serving is not None
    open_snapshot(registry / serving)
    assert [known.name for known in known_snapshots(registry)] == [serving]
    assert not _leftovers(registry)
    return done


@pytest.mark.parametrize(("step", "when"), [("_judged", "before"), ("_place", "after"), ("move", "after")])
def test_a_killed_run_is_gone_on_with(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    _killed_at(registry, small_town, quick, step, when)
    monkeypatch.setattr(retraining, "judge_candidate", _said("ship"))
    again: list[object] = []
    monkeypatch.setattr(retraining, "train", lambda *given, **_: again.append(given))
    done = _ends_well(registry, small_town)
    assert not again  # what was done before the kill was not done again
    assert done.outcome in ("promoted", "nothing new")


def test_a_killed_run_of_another_plan_is_begun_anew(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_at(registry, small_town, quick, "_judged", "before")
    monkeypatch.setattr(retraining, "judge_candidate", _said("ship"))
    done = retrain(_plan(registry, small_town, 3), NOW)
    assert not done.resumed
    assert done.name is not None
    assert done.name.startswith("2026-02-05")


@pytest.mark.long
@pytest.mark.parametrize("time", range(50))
def test_killed_at_any_step_the_next_run_ends_well(
    registry: Path, small_town: Path, quick: Path, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    _killed_at(
        registry, small_town, quick, STEPS[time % len(STEPS)], ("before", "after")[time // len(STEPS) % 2]
    )
    monkeypatch.setattr(retraining, "judge_candidate", _said("ship"))
    _ends_well(registry, small_town)
