"""The model in a snapshot: which entry holds which part, written and read in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from weakref import WeakKeyDictionary

from recsys.calibration import Calibration
from recsys.circuit_breaker import ARRAYS as BURST_ARRAYS
from recsys.circuit_breaker import Bursts
from recsys.domain import Target
from recsys.errors import SnapshotError
from recsys.good_value import PRODUCT_ARRAYS as VALUE_ARRAYS
from recsys.good_value import GoodValue
from recsys.index import Lists
from recsys.insights import ARRAYS as INSIGHT_ARRAYS
from recsys.insights import Insights
from recsys.model import Interests, Model, People, Products
from recsys.operators import FactorOperator, GraphOperator, Operator, ProjectionOperator
from recsys.pair_features import feature_names
from recsys.ranker import Blend, BoostedTrees, Ranker, columns_of
from recsys.scenes import ARRAYS as SCENE_ARRAYS
from recsys.scenes import SceneLifts
from recsys.signals import LAYOUT, Signals, present
from recsys.snapshot import Snapshot
from recsys.snapshot_writer import SnapshotWriter

MODEL_TEXT = "model.json"
PRODUCT_ARRAYS = (
    "category_row", "supplier_row", "price_minor", "currency_row", "stock", "popularity", "n_orders",
    "n_members", "n_recent_orders", "n_shares",
)  # fmt: skip
ROWS_OF = {
    "category_row": "categories", "supplier_row": "suppliers", "currency_row": "currencies",
    "upline_row": "owners",
}  # fmt: skip
PEOPLE_MATRICES: Mapping[str, tuple[str, str]] = {
    "orders": ("members", "products"), "shares": ("owners", "products"), "circle": ("owners", "members"),
    "circle_orders": ("owners", "products"), "circle_categories": ("owners", "categories"),
}  # fmt: skip
INTERESTS = "circle_interests"
COMMISSION = "commission"


def write_model(writer: SnapshotWriter, model: Model, supplier_ids: Any) -> None:
    """Write every part of a model into an open snapshot."""
    products, people = model.products, model.people
    writer.ids("products", products.ids)
    writer.ids("categories", products.categories)
    writer.ids("suppliers", supplier_ids)
    writer.ids("currencies", products.currencies)
    writer.ids("owners", people.owners)
    writer.ids("members", people.members)
    writer.strings("title", products.titles, "products")
    for name in PRODUCT_ARRAYS:
        writer.array(name, getattr(products, name), "products", rows_of=ROWS_OF.get(name))
    writer.array("owner_member", people.owner_member, "owners", rows_of="members")
    for name, (rows, columns) in PEOPLE_MATRICES.items():
        writer.csr(f"people_{name}", getattr(people, name), rows, columns)
    writer.csr("co_purchase", model.co_purchase, "products", "products")
    if model.interests is not None:
        writer.array(INTERESTS, model.interests.vectors, ("owners", None, None))
    for name, lists in model.lists.items():
        writer.array(f"lists_{name}_centres", lists.centres, (None, None))
        writer.array(f"lists_{name}_row", lists.list_row, "products")
    if model.value is not None:
        _write_value(writer, model.value)
    for name in BURST_ARRAYS if model.bursts is not None else ():
        writer.array(f"burst_{name}", getattr(model.bursts, name), "products")
    if model.insights is not None:
        for name, axes in INSIGHT_ARRAYS.items():
            rows_of = "categories" if name == "demand_category" else None
            writer.array(f"insight_{name}", getattr(model.insights, name), axes, rows_of=rows_of)
        writer.text("insight_reasons.json", json.dumps(model.insights.reasons))
    for name in present(model.signals):
        _write_signal(writer, name, getattr(model.signals, name))
    for target, calibration in model.calibrations.items():
        writer.array(f"calibration_{target}_score", calibration.score, None)
        writer.array(f"calibration_{target}_expected", calibration.expected, None)
    if model.commission is not None:
        writer.array(COMMISSION, model.commission, "products")
    if model.scenes is not None:
        _write_scenes(writer, model.scenes)
    specs = [_write_operator(writer, operator) for operator in model.operators]
    rankers = {target: _write_ranker(writer, target, ranker) for target, ranker in model.rankers.items()}
    described = {
        "as_of_us": model.as_of_us, "operators": specs, "rankers": rankers, "settings": dict(model.settings),
        "lists": sorted(model.lists), "signals": list(present(model.signals)),
        "calibrations": sorted(model.calibrations),
        "spreads": {target: calibration.spread for target, calibration in model.calibrations.items()},
        "value": None if model.value is None else [[n, w] for n, w in model.value.weights.items()],
        "interests": None if model.interests is None else model.interests.operator,
    }  # fmt: skip
    writer.text(MODEL_TEXT, json.dumps(described, indent=1, sort_keys=True) + "\n")


def _write_value(writer: SnapshotWriter, value: GoodValue) -> None:
    for name in VALUE_ARRAYS:
        writer.array(f"value_{name}", getattr(value, name), "products")
    writer.array("value_rates", value.rates, ("products", None))
    writer.csr("value_sets", value.sets, None, "products")


def _read_value(snapshot: Snapshot, weights: list[tuple[str, float]] | None) -> GoodValue | None:
    if weights is None:
        return None
    arrays = {name: snapshot.array(f"value_{name}") for name in VALUE_ARRAYS}
    return GoodValue(
        **arrays, rates=snapshot.array("value_rates"), weights={name: float(w) for name, w in weights},
        sets=snapshot.csr("value_sets"),
    )  # fmt: skip


def _read_bursts(snapshot: Snapshot) -> Bursts | None:
    if not snapshot.has(f"burst_{BURST_ARRAYS[0]}"):
        return None
    return Bursts(**{name: snapshot.array(f"burst_{name}") for name in BURST_ARRAYS})


def _write_scenes(writer: SnapshotWriter, scenes: SceneLifts) -> None:
    writer.ids("scenes", scenes.scenes)
    writer.ids("channels", scenes.channels)
    for name, axes in SCENE_ARRAYS.items():
        rows_of = "categories" if name == "top_row" else None
        writer.array(f"scene_{name}", getattr(scenes, name), axes, rows_of=rows_of)


def _read_scenes(snapshot: Snapshot) -> SceneLifts | None:
    if not snapshot.has("scenes"):
        return None
    arrays = {name: snapshot.array(f"scene_{name}") for name in SCENE_ARRAYS}
    return SceneLifts(snapshot.ids("scenes"), snapshot.ids("channels"), **arrays)


def _read_insights(snapshot: Snapshot) -> Insights | None:
    if not snapshot.has("insight_reasons.json"):
        return None
    arrays = {name: snapshot.array(f"insight_{name}") for name in INSIGHT_ARRAYS}
    return Insights(tuple(json.loads(snapshot.text("insight_reasons.json"))), **arrays)


def _write_signal(writer: SnapshotWriter, name: str, value: Any) -> None:
    kind, *axes = LAYOUT[name]
    if kind == "csr":
        writer.csr(f"signal_{name}", value, *axes)
    else:
        writer.array(f"signal_{name}", value, axes[0], rows_of=ROWS_OF.get(name))


def _write_operator(writer: SnapshotWriter, operator: Operator) -> dict[str, Any]:
    place = f"operator_{operator.name}"
    spec: dict[str, Any] = {"name": operator.name, "profile": operator.profile}
    if isinstance(operator, GraphOperator):
        writer.csr(place, operator.weights, "products", "products")
        return spec | {"kind": "graph", "length_power": operator.length_power}
    writer.array(f"{place}_out", operator.product_out, ("products", None))
    if isinstance(operator, ProjectionOperator):
        writer.array(f"{place}_in", operator.product_in, ("products", None))
        return spec | {"kind": "projection", "length_power": operator.length_power}
    writer.array(f"{place}_gram", operator.gram, (None, None))
    return spec | {
        "kind": "factors", "alpha": operator.alpha, "regularization": operator.regularization,
    }  # fmt: skip


def _write_ranker(writer: SnapshotWriter, target: Target, ranker: Ranker) -> dict[str, Any]:
    if isinstance(ranker, BoostedTrees):
        writer.text(f"ranker_{target}.txt", ranker.text)
        return {"kind": "boosted_trees"}
    assert isinstance(ranker, Blend)
    return {"kind": "blend", "weights": dict(ranker.weights)}


_opened: WeakKeyDictionary[Snapshot, Model] = WeakKeyDictionary()  # one model for each open snapshot


def model_of(snapshot: Snapshot) -> Model:
    """The model of an open snapshot, mapped; SnapshotError when a part of it is missing or unknown."""
    if snapshot not in _opened:
        model = _read_model(snapshot)
        model.prepare()
        _opened[snapshot] = model
    return _opened[snapshot]


def _read_model(snapshot: Snapshot) -> Model:
    described = json.loads(snapshot.text(MODEL_TEXT))
    arrays = {name: snapshot.array(name) for name in PRODUCT_ARRAYS}
    products = Products(
        ids=snapshot.ids("products"), titles=snapshot.strings("title"),
        categories=snapshot.ids("categories"), currencies=snapshot.ids("currencies"), **arrays,
    )  # fmt: skip
    matrices = {name: snapshot.csr(f"people_{name}") for name in PEOPLE_MATRICES}
    people = People(
        owners=snapshot.ids("owners"), members=snapshot.ids("members"),
        owner_member=snapshot.array("owner_member"), **matrices,
    )  # fmt: skip
    interests = None
    if described["interests"] is not None:
        interests = Interests(described["interests"], snapshot.array(INTERESTS))
    model = Model(
        products=products, people=people, co_purchase=snapshot.csr("co_purchase"),
        operators=tuple(_read_operator(snapshot, spec) for spec in described["operators"]),
        rankers={t: _read_ranker(snapshot, t, described["rankers"][t]) for t in get_args(Target)},
        as_of_us=described["as_of_us"], interests=interests, settings=described["settings"],
        lists={name: _read_lists(snapshot, name) for name in described.get("lists", ())},
        value=_read_value(snapshot, described.get("value")),
        signals=_read_signals(snapshot, described.get("signals", ())),
        calibrations={
            t: _read_calibration(snapshot, t, described.get("spreads", {}).get(t, 0.0))
            for t in described.get("calibrations", ())
        },
        commission=snapshot.array(COMMISSION) if snapshot.has(COMMISSION) else None,
        bursts=_read_bursts(snapshot),
        insights=_read_insights(snapshot),
        scenes=_read_scenes(snapshot),
    )  # fmt: skip
    for ranker in model.rankers.values():
        columns_of(feature_names(model), ranker.feature_names)  # each that it asks for is there
    return model


def _read_signals(snapshot: Snapshot, names: Sequence[str]) -> Signals:
    read = {"csr": snapshot.csr, "array": snapshot.array}
    return Signals(**{name: read[LAYOUT[name][0]](f"signal_{name}") for name in names})  # type: ignore[arg-type]


def _read_calibration(snapshot: Snapshot, target: Target, spread: float) -> Calibration:
    score, expected = (snapshot.array(f"calibration_{target}_{part}") for part in ("score", "expected"))
    return Calibration(score, expected, spread)


def _read_lists(snapshot: Snapshot, name: str) -> Lists:
    return Lists(snapshot.array(f"lists_{name}_centres"), snapshot.array(f"lists_{name}_row"))


def _read_operator(snapshot: Snapshot, spec: Mapping[str, Any]) -> Operator:
    name, profile, place = spec["name"], spec["profile"], f"operator_{spec['name']}"
    if spec["kind"] == "graph":
        return GraphOperator(name, profile, snapshot.csr(place).to_scipy(), spec["length_power"])
    product_out = snapshot.array(f"{place}_out")
    if spec["kind"] == "projection":
        product_in = snapshot.array(f"{place}_in")
        return ProjectionOperator(name, profile, product_in, product_out, spec["length_power"])
    if spec["kind"] == "factors":
        gram = snapshot.array(f"{place}_gram")
        return FactorOperator(name, profile, product_out, gram, spec["alpha"], spec["regularization"])
    raise SnapshotError(f"{snapshot.path}: operator {name} is of no known kind: {spec['kind']!r}; retrain")


def _read_ranker(snapshot: Snapshot, target: Target, spec: Mapping[str, Any]) -> Ranker:
    if spec["kind"] == "boosted_trees":
        return BoostedTrees(snapshot.text(f"ranker_{target}.txt"))
    return Blend(spec["weights"])
