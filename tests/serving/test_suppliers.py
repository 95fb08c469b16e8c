"""What suppliers learn, over HTTP and as files: worked out by hand, and never about few members."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asgi_caller import Caller
from small_model import AS_OF, Item, small_model, town
from typer.testing import CliRunner
from valued_model import value_of

from recsys.cli import build_app
from recsys.errors import UsageError
from recsys.insights import Insights, rounded_down
from recsys.model import Model
from recsys.model_files import write_model
from recsys.pointer import promote
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter
from recsys.supplier_report import SupplierReport
from recsys.value import GOOD_VALUE
from serving.app import create_app
from serving.bulk_suppliers import COLUMNS, write_suppliers
from serving.replies import ErrorBody
from serving.settings import Settings
from serving.snapshots import open_served
from serving.supplier_replies import DemandBody, SupplierInsightsBody

SUPPLIERS = ["s-kitchen", "s-noodles", "s-small"]
REASONS = ("quality_defect", "size_fit", "any")


def stocked(*, badge: str | None = None) -> Model:
    """Noodles and kitchenware of two suppliers; n3 is twice its fair price, k0 sold out, t0 of a third."""
    world = town()
    world = replace(world, products={**world.products, "k0": Item("Home > Kitchen", 2000, 0)})
    model = small_model(world)
    ids = list(model.products.ids)
    row_of = {"k": 0, "n": 1, "t": 2}
    value = value_of(model)
    fair = value.price.copy()
    fair[ids.index("n3")] /= 2
    badges = value.badge.copy()
    if badge is not None:
        badges[ids.index(badge)] = GOOD_VALUE
    insights = Insights(
        reasons=REASONS, supplier_lines=np.array([400, 200, 12], dtype=np.int32),
        supplier_members=np.array([120, 60, 0], dtype=np.int32),
        reason_lines=np.array([[30, -1, 42], [-1, -1, -1], [-1, -1, -1]], dtype=np.int32),
        reason_expected=np.array([[10.0, 8.0, 18.0], [4.0, 1.0, 5.0], [0.0, 0.0, 0.0]]),
        demand_category=np.array(
            [model.products.categories.row(path) for path in ("Food > Noodles", "Home > Kitchen")], np.int32
        ),
        demand_low=np.array([500, 0]), demand_high=np.array([800, 2500]),
        demand_members=np.array([30, 20], dtype=np.int32), demand_owners=np.array([10, 0], dtype=np.int32),
    )  # fmt: skip
    products = replace(model.products, supplier_row=np.array([row_of[i[0]] for i in ids], dtype=np.int32))
    return replace(
        model, products=products, value=replace(value, fair_price=fair, badge=badges), insights=insights
    )


def written(model: Model, folder: Path) -> Snapshot:
    with SnapshotWriter(folder) as writer:
        write_model(writer, model, SUPPLIERS)
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(folder)


@pytest.fixture
def report(tmp_path: Path) -> SupplierReport:
    return SupplierReport(written(stocked(), tmp_path / "s"))


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    written(stocked(), tmp_path / "one")
    promote(tmp_path, "one")
    app = create_app(Settings(snapshots=tmp_path), open_served)
    app.state.service.keeper.refresh()
    return Caller(app)


def test_returns_stand_beside_what_is_usual_and_what_few_said_is_kept_back(report: SupplierReport) -> None:
    found = report.insights("s-kitchen")
    assert found is not None
    assert [(r["reason"], r["lines"], r["times_usual"]) for r in found["returns"]] == [
        ("any", 42, pytest.approx(42 / 18)), ("quality_defect", 30, pytest.approx(3.0)),
    ]  # fmt: skip
    assert found["n_reasons_hidden"] == 1
    assert found["returns"][1]["rate"] == pytest.approx(30 / 400)


def test_a_supplier_with_few_buyers_gets_no_counts_of_them(report: SupplierReport) -> None:
    found = report.insights("s-small")
    assert found is not None
    assert (found["n_lines"], found["members"], found["returns"]) == (None, None, [])


def test_the_price_gap_and_what_to_mend_first_are_worked_out(report: SupplierReport) -> None:
    found = report.insights("s-noodles")
    assert found is not None
    assert found["price"] == {"n_compared": 10, "median_gap": 0.0, "n_dearer": 1}
    first = found["mend_first"]
    assert (first["product_id"], first["action"]) == ("n3", "lower_price_to_fair")
    assert (first["from"], first["to"]) == (800.0, 400.0)
    assert first["gain"] == pytest.approx(np.log(2))
    assert first["value_score_after"] > first["value_score"]
    weight = first["buyers_30_days"] + 5
    assert first["priority"] == pytest.approx((first["value_score_after"] - first["value_score"]) * weight)


def test_what_closes_each_product_is_named(report: SupplierReport) -> None:
    found = report.insights("s-kitchen")
    assert found is not None
    assert {"closer": "out_of_stock", "n_products": 1} in found["closed_by"]
    k0 = next(p for p in found["products"] if p["product_id"] == "k0")
    assert "out_of_stock" in k0["closed_by"]


def test_demand_is_what_has_no_open_product_of_good_value(tmp_path: Path) -> None:
    unmet = SupplierReport(written(stocked(), tmp_path / "none")).demand()
    assert [(d["category"], d["members"], d["owners"]) for d in unmet] == [
        ("Food > Noodles", 30, 10), ("Home > Kitchen", 20, None),
    ]  # fmt: skip
    met = SupplierReport(written(stocked(badge="n1"), tmp_path / "one")).demand()
    assert [d["category"] for d in met] == ["Home > Kitchen"]
    sold_out = SupplierReport(written(stocked(badge="k0"), tmp_path / "closed")).demand()
    assert len(sold_out) == 2, "what nobody can buy supplies nobody"


def test_counts_of_members_are_rounded_down() -> None:
    assert rounded_down(np.array([0, 9, 10, 19, 120])).tolist() == [0, 0, 10, 10, 120]


def test_the_calls_have_the_documented_shape(caller: Caller) -> None:
    answer = caller.get("/v1/suppliers/s-noodles/insights?n=3")
    assert answer.status == 200
    body = SupplierInsightsBody.model_validate(answer.json())
    assert len(body.products) == 3
    demand = caller.get("/v1/demand?n=1")
    assert demand.status == 200
    assert len(DemandBody.model_validate(demand.json()).unmet) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/suppliers/nobody/insights", 404), ("/v1/suppliers/s-small/insights?n=0", 422),
     ("/v1/suppliers/s-small/insights?m=1", 422), ("/v1/demand?n=x", 422), ("/v1/demand?k=1", 422)],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(caller: Caller, path: str, status: int) -> None:
    answer = caller.get(path)
    assert answer.status == status
    ErrorBody.model_validate(answer.json(), strict=True)


def test_no_reply_names_a_member(caller: Caller) -> None:
    members = town().members
    for path in ("/v1/suppliers/s-kitchen/insights", "/v1/suppliers/s-noodles/insights", "/v1/demand"):
        text = str(caller.get(path).json())
        assert not [m for m in members if f"'{m}'" in text]


def test_the_file_has_a_row_for_each_product(tmp_path: Path) -> None:
    snapshot = written(stocked(), tmp_path / "s")
    done = write_suppliers(snapshot, tmp_path / "all.csv")
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert done.n_products == len(rows) == len(town().products)
    (n3,) = [row for row in rows if row["product_id"] == "n3"]
    assert (n3["supplier_id"], n3["mend"], n3["to"]) == ("s-noodles", "lower_price_to_fair", "400.0")
    assert write_suppliers(snapshot, tmp_path / "one.csv", "s-noodles").n_suppliers == 1


def test_a_title_that_a_sheet_would_run_is_written_as_text(tmp_path: Path) -> None:
    model = stocked()
    titles = ["=1+1" for _ in range(len(model.products))]
    model = replace(model, products=replace(model.products, titles=type(model.products.titles).of(titles)))
    write_suppliers(written(model, tmp_path / "s"), tmp_path / "all.csv")
    assert "'=1+1" in (tmp_path / "all.csv").read_text()
    write_suppliers(open_snapshot(tmp_path / "s"), tmp_path / "all.html")


def test_the_page_is_whole_and_escapes_titles(tmp_path: Path) -> None:
    model = stocked()
    titles = ["<script>alert(1)</script>" for _ in range(len(model.products))]
    model = replace(model, products=replace(model.products, titles=type(model.products.titles).of(titles)))
    write_suppliers(written(model, tmp_path / "s"), tmp_path / "all.html")
    page = (tmp_path / "all.html").read_text()
    assert "<script" not in page
    assert "http" not in page
    assert "Mend first" in page


@pytest.mark.parametrize(("name", "supplier"), [("all.pdf", None), ("all.csv", "nobody")])
def test_an_unknown_ending_or_supplier_is_refused(tmp_path: Path, name: str, supplier: str | None) -> None:
    with pytest.raises(UsageError):
        write_suppliers(written(stocked(), tmp_path / "s"), tmp_path / name, supplier)


def test_the_commands_say_what_they_wrote_and_what_is_blocked(tmp_path: Path) -> None:
    written(stocked(), tmp_path / "s")
    out = tmp_path / "all.html"
    said = CliRunner().invoke(build_app(), ["suppliers", str(tmp_path / "s"), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "21 products of 3 suppliers" in said.output
    said = CliRunner().invoke(build_app(), ["blocks", str(tmp_path / "s")])
    assert (said.exit_code, said.output) == (0, "0 products are blocked\n")
