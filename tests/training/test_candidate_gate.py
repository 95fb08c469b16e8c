"""The gate: what must never serve is refused, what is good is shipped, and each guard sees its own fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from features.dataset import open_dataset
from recsys.errors import SnapshotError
from recsys.snapshot import Snapshot, open_snapshot
from tests.training.corruptions import DAMAGED, SPOILT, rewritten
from training.bootstrap import Interval
from training.commands import app
from training.evaluation import Evaluation
from training.gate import Bounds, Judgement, evidence, judge_candidate
from training.gate.evidence import Evidence, gather
from training.gate.finding import judgement_text
from training.gate.guards import GUARDS
from training.gate.judge import judged_by
from training.town.config import TownConfig
from training.town.simulate import simulate
from training.train import train

QUICK: dict[str, Any] = {
    "operators": {
        "spectral_factors": [8], "als_factors": [16], "als_alpha": [10.0], "als_regularization": [5.0],
        "als_iterations": 4,
    },
    "audience": {"max_pairs": 10_000, "n_trees": 4},
    "ranker": {"n_trees": 20, "n_negatives": 20, "n_moments": 1, "min_examples": 50, "max_folds": 2},
}  # fmt: skip
TOWN = TownConfig(n_owners=100, n_members=1_000, n_products=300, n_days=60, seed=7, n_orders=9_000)
END = datetime(2026, 3, 1, tzinfo=UTC)
SHORT = ("purchases of the neighbour", "operators turned by one row", "value upside down")  # fmt: skip


@dataclass(frozen=True)
class Night:
    """A town, the snapshot that serves and tonight's candidate."""

    town: Path
    serving: Path
    candidate: Path

    def judged(self, candidate: Path) -> Judgement:
        return judge_candidate(candidate, self.town, self.serving)

    def evidence(self, candidate: Snapshot) -> Evidence:
        return gather(candidate, open_snapshot(self.serving), open_dataset(self.town), Bounds(), 0)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("night")
    simulate(TOWN, folder / "town")
    train(folder / "town", folder / "serving", as_of=END - timedelta(days=9), config=QUICK)
    train(folder / "town", folder / "candidate", as_of=END - timedelta(days=7), config=QUICK)
    return Night(folder / "town", folder / "serving", folder / "candidate")


@pytest.fixture(scope="module")
def reading_once() -> Iterator[None]:
    """What the dataset says of one moment is read once for all candidates of that moment."""
    truth, facts, side = evidence.read_truth, evidence.read_facts, evidence.read_side
    with pytest.MonkeyPatch.context() as patch:
        kept_truth, kept_facts, kept_side = _once(), _once(), _once()
        patch.setattr(
            evidence, "read_truth",
            lambda dataset, as_of, config: kept_truth(
                (dataset.path, as_of, repr(config)), lambda: truth(dataset, as_of, config)
            ),
        )  # fmt: skip
        patch.setattr(
            evidence,
            "read_facts",
            lambda judged, late: kept_facts((judged.early.path, judged.cut), lambda: facts(judged, late)),
        )
        patch.setattr(
            evidence, "read_side",
            lambda snapshot, inputs, owners: kept_side(
                (snapshot.path, len(owners), inputs.as_of_us), lambda: side(snapshot, inputs, owners)
            ),
        )  # fmt: skip
        yield


def _once() -> Callable[..., Any]:
    kept: dict[Any, Any] = {}

    def found(key: Any, read: Callable[[], Any]) -> Any:
        if key not in kept:
            kept[key] = read()
        return kept[key]

    return found


@pytest.fixture(scope="module")
def seen(night: Night, reading_once: None) -> Evidence:
    return night.evidence(open_snapshot(night.candidate))


def test_a_good_candidate_is_shipped_and_every_guard_is_told(night: Night, reading_once: None) -> None:
    judged = night.judged(night.candidate)
    assert judged.word == "ship", judgement_text(judged)
    assert [found.guard for found in judged.findings] == list(GUARDS)
    assert not judged.facts["judged_twin"]


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_cannot_be_opened_is_refused(night: Night, kind: str, tmp_path: Path) -> None:
    judged = night.judged(DAMAGED[kind](night.candidate, tmp_path / "spoilt"))
    assert judged.word == "refuse"
    assert [found.guard for found in judged.findings] == ["opens"]


def test_a_serving_snapshot_that_cannot_be_opened_is_a_failure(night: Night, tmp_path: Path) -> None:
    damaged = DAMAGED["one byte changed"](night.serving, tmp_path / "serving")
    with pytest.raises(SnapshotError, match="damaged"):
        judge_candidate(night.candidate, night.town, damaged)


def _check(night: Night, kind: str, folder: Path) -> None:
    spoil, guard = SPOILT[kind]
    spoilt = open_snapshot(rewritten(night.candidate, folder / "spoilt", spoil))
    found = night.evidence(spoilt)
    judged = judged_by(found)
    said = {finding.guard: finding.word for finding in judged.findings}
    assert judged.word == "refuse", judgement_text(judged)
    assert said[guard] == "refuse", judgement_text(judged)
    # without the guards that saw it, nothing keeps it out: it is they who do
    blind = {name: one for name, one in GUARDS.items() if said[name] == "ship"}
    assert judged_by(found, blind).word == "ship"


@pytest.mark.parametrize("kind", SHORT)
def test_a_spoilt_candidate_is_refused(night: Night, reading_once: None, kind: str, tmp_path: Path) -> None:
    _check(night, kind, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(set(SPOILT) - set(SHORT)))
def test_every_spoilt_candidate_is_refused(
    night: Night, reading_once: None, kind: str, tmp_path: Path
) -> None:
    _check(night, kind, tmp_path)


def test_at_least_24_kinds_of_spoilt_candidates_are_tried() -> None:
    assert len(SPOILT) + len(DAMAGED) >= 24


GOOD: dict[str, dict[str, Any]] = {
    **{f"seed {seed}": {"run": {"seed": seed}} for seed in range(1, 8)},
    **{f"{n} trees": {"ranker": {"n_trees": n}} for n in (16, 18, 24)},
    **{f"{n} factors": {"operators": {"als_factors": [n]}} for n in (12, 24)},
    "wider spectrum": {"operators": {"spectral_factors": [16]}},
    "longer memory": {"graphs": {"order_half_life_days": 365.0}},
    "more candidates": {"candidates": {"per_source": 80}},
    "narrower band": {"list": {"commission_band": 0.02}},
}  # fmt: skip
DAYS = {
    "a day later": 6,
    "two days later": 5,
    "a day earlier": 8,
    "the same moment as the one that serves": 9,
}


@pytest.mark.long
@pytest.mark.parametrize("kind", [*GOOD, *DAYS])
def test_good_candidates_are_shipped(night: Night, reading_once: None, kind: str, tmp_path: Path) -> None:
    config = {section: {**QUICK.get(section, {}), **GOOD.get(kind, {}).get(section, {})}
              for section in QUICK.keys() | GOOD.get(kind, {}).keys()}  # fmt: skip
    train(night.town, tmp_path / "good", as_of=END - timedelta(days=DAYS.get(kind, 7)), config=config)
    judged = night.judged(tmp_path / "good")
    assert judged.word == "ship", judgement_text(judged)


@pytest.mark.long
def test_what_has_seen_later_orders_is_refused(night: Night, reading_once: None, tmp_path: Path) -> None:
    train(night.town, tmp_path / "later", as_of=END, config=QUICK)
    before = open_snapshot(night.candidate).manifest.fields["as_of"]
    leaked = rewritten(
        tmp_path / "later", tmp_path / "leaked",
        lambda model: replace(model, as_of_us=int((END - timedelta(days=7)).timestamp() * 1_000_000)),
        {"as_of": before},
    )  # fmt: skip
    judged = night.judged(leaked)
    assert {found.guard for found in judged.against} >= {"purchases"}, judgement_text(judged)
    assert judged.word == "refuse"


@pytest.mark.long
def test_a_snapshot_of_another_town_is_refused(night: Night, tmp_path: Path) -> None:
    simulate(replace(TOWN, seed=8), tmp_path / "town")
    train(tmp_path / "town", tmp_path / "other", as_of=END - timedelta(days=7), config=QUICK)
    judged = night.judged(tmp_path / "other")
    assert judged.word == "refuse"
    assert {found.guard for found in judged.against} & {"catalogue", "purchases"}


@pytest.mark.long
def test_a_twin_is_judged_where_nothing_followed(night: Night, tmp_path: Path) -> None:
    train(night.town, tmp_path / "now", config=QUICK)
    judged = night.judged(tmp_path / "now")
    assert judged.word == "ship", judgement_text(judged)
    assert judged.facts["judged_twin"]
    turned = rewritten(tmp_path / "now", tmp_path / "turned", SPOILT["operators turned by one row"][0])
    judged = night.judged(turned)
    said = {found.guard: found.word for found in judged.findings}
    assert said["what it has seen"] == "refuse", judgement_text(judged)  # its twin is as good as ever


# one change of the evidence for each guard that looks at lists, volumes and what followed
def _lists(of: Callable[[Any], Any]) -> Callable[[Evidence], Evidence]:
    return lambda seen: replace(seen, candidate=replace(seen.candidate, lists=of(seen.candidate.lists)))


def _fields(**fields: Any) -> Callable[[Evidence], Evidence]:
    def changed(seen: Evidence) -> Evidence:
        snapshot = seen.candidate.snapshot
        manifest = replace(snapshot.manifest, fields={**snapshot.manifest.fields, **fields})
        return replace(seen, candidate=replace(seen.candidate, snapshot=_with_manifest(snapshot, manifest)))

    return changed


def _with_manifest(snapshot: Any, manifest: Any) -> Any:
    return replace(snapshot, manifest=manifest)


def _only(product: int) -> Callable[[Any], Any]:
    return lambda lists: np.where(lists >= 0, product + np.arange(lists.shape[1]), lists)


def _worst(column: str, sign: int) -> Callable[[Evidence], Evidence]:
    """Lists of the products with the highest (or lowest) value of a column, another ten for each owner."""

    def changed(seen: Evidence) -> Evidence:
        values = np.asarray(getattr(seen.truth.value, column), dtype=np.float64)
        known = np.flatnonzero(values >= 0)
        ten = known[np.argsort(sign * values[known])][:10]
        return _lists(lambda lists: np.tile(ten, (len(lists), 1)))(seen)

    return changed


def _followed(of: Callable[[Evaluation], Evaluation]) -> Callable[[Evidence], Evidence]:
    return lambda seen: replace(
        seen, followed=replace(
            seen.followed, of_target={target: of(found) for target, found in seen.followed.of_target.items()}
        ),
    )  # fmt: skip


def _compared(against: str, mean: float, ratio: float) -> Callable[[Evaluation], Evaluation]:
    def changed(found: Evaluation) -> Evaluation:
        interval, times = (
            Interval(mean, mean - 0.001, mean + 0.001),
            Interval(ratio, ratio - 0.01, ratio + 0.01),
        )
        return replace(
            found, comparisons=tuple(
                replace(one, difference=interval, ratio=times) if one.against == against else one
                for one in found.comparisons
            ),
        )  # fmt: skip

    return changed


def _slice_lost(found: Evaluation) -> Evaluation:
    lost = Interval(-0.5, -0.6, -0.4)
    return replace(
        found, slices=tuple(replace(part, ahead={**part.ahead, "serving": lost}) for part in found.slices)
    )


def _mix(seen: Evidence) -> Evidence:
    products = seen.candidate.model.products
    n_orders = np.where(products.category_row == products.category_row[0], 10_000, 0).astype(np.int32)
    model = replace(seen.candidate.model, products=replace(products, n_orders=n_orders))
    return replace(seen, candidate=replace(seen.candidate, model=model))


def _all_blocked(seen: Evidence) -> Evidence:
    n_products = seen.truth.inputs.n_products
    return replace(seen, truth=replace(seen.truth, blocked=np.ones(n_products, dtype=bool)))


def _seen_forgotten(seen: Evidence) -> Evidence:
    found = seen.followed.of_target["circle"]
    ours = replace(
        found.methods[0], measures={**found.methods[0].measures, "ndcg@20": Interval(0.0, 0.0, 0.0)}
    )
    twin = replace(found.methods[1], name="twin")
    comparisons = tuple(
        replace(one, against="twin", difference=Interval(-0.3, -0.4, -0.2)) for one in found.comparisons
    )
    judged = replace(found, methods=(ours, twin), comparisons=comparisons)
    return replace(seen, followed=replace(seen.followed, is_twin=True, seen={"circle": judged}))


CHANGED: dict[str, Callable[[Evidence], Evidence]] = {
    "volumes": _fields(counts={"owners": 10, "members": 100, "products": 30, "purchases": 100, "shares": 5}),
    "category mix": _mix,
    "what is off": _fields(off=[["returns", "the table is not there"]]),
    "blocked": _all_blocked,
    "short lists": _lists(lambda lists: np.where(np.arange(lists.shape[1]) < 3, lists, -1)),
    "coverage": _lists(_only(5)),
    "concentration": _lists(_only(5)),
    "returns of lists": _worst("return_rate", -1),
    "value of lists": _worst("value_score", 1),
    "churn": _lists(lambda lists: (lists + 150) % 300),
    "latency": lambda seen: replace(seen, candidate=replace(seen.candidate, reply_ms=900.0)),
    "size": lambda seen: replace(seen, candidate=replace(seen.candidate, n_bytes=10**12)),
    "against popular": _followed(_compared("popular", -0.4, 0.3)),
    "slices": _followed(_slice_lost),
    "too good": _followed(_compared("serving", 0.5, 3.0)),
    "what it has seen": _seen_forgotten,
    "scores": lambda seen: replace(seen, candidate=replace(seen.candidate, flat=0.9)),
    "accuracy": _followed(_compared("serving", -0.2, 0.5)),
}


@pytest.mark.parametrize("guard", CHANGED)
def test_each_guard_sees_what_it_is_for(seen: Evidence, guard: str) -> None:
    assert GUARDS[guard](seen).word == "ship"
    assert GUARDS[guard](CHANGED[guard](seen)).word == "refuse"


def test_every_guard_has_a_fault_that_it_must_see() -> None:
    tried = {guard for _, guard in SPOILT.values()} | set(CHANGED)
    assert set(GUARDS) - tried == {"ids"}  # told by the snapshot of another town


def test_nothing_that_followed_holds_the_candidate(seen: Evidence) -> None:
    blind = replace(seen, followed=replace(seen.followed, of_target={}, why_not="no later order"))
    found = GUARDS["accuracy"](blind)
    assert found.word == "hold"
    assert "no later order" in found.sentence


def test_the_command_tells_by_its_exit_code(night: Night, tmp_path: Path) -> None:
    damaged = DAMAGED["no manifest"](night.candidate, tmp_path / "spoilt")
    done = CliRunner().invoke(app, ["gate", str(damaged), str(night.town), "--json"])
    assert done.exit_code == 4
    assert '"verdict": "refuse"' in done.stdout
