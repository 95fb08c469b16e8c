"""`sharepicks good-value` and the call that explains it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from asgi_caller import Caller
from small_model import AS_OF, small_model, town
from valued_model import valued_model

from recsys.explain_value import explain_value
from recsys.model import Model
from recsys.model_files import write_model
from recsys.pointer import promote
from recsys.recommend import recommend
from recsys.snapshot import open_snapshot
from recsys.snapshot_writer import SnapshotWriter
from serving.app import create_app
from serving.bulk_value import SCHEMA, write_values
from serving.replies import ErrorBody, ProductValueBody
from serving.settings import Settings
from serving.snapshots import Served

CONTRACT = [
    "product_id", "value_score", "value_low", "quality", "quality_low", "return_rate", "n_mature",
    "n_comparables", "price_percentile", "badge",
]  # fmt: skip


def written(model: Model, folder: Path) -> Path:
    with SnapshotWriter(folder) as writer:
        write_model(writer, model, ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return folder


def open_plain(path: Path) -> Served:
    snapshot = open_snapshot(path)
    return Served("one", AS_OF, partial(recommend, snapshot), partial(explain_value, snapshot))


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    written(valued_model(town()), tmp_path / "one")
    promote(tmp_path, "one")
    app = create_app(Settings(snapshots=tmp_path), open_plain)
    app.state.service.keeper.refresh()
    return Caller(app)


def test_the_file_has_the_columns_of_the_contract_and_a_row_for_each_product(tmp_path: Path) -> None:
    model = valued_model(town())
    done = write_values(open_snapshot(written(model, tmp_path / "s")), tmp_path / "value.parquet")
    table = pq.read_table(tmp_path / "value.parquet")
    assert table.column_names == CONTRACT
    assert table["product_id"].to_pylist() == sorted(town().products)
    assert done.n_scored == done.n_products == table.num_rows
    assert model.value is not None
    assert table["value_score"].to_pylist() == pytest.approx(model.value.value_score.tolist())
    assert table["badge"].null_count == table.num_rows


def test_without_evidence_every_figure_is_null(tmp_path: Path) -> None:
    path = written(small_model(town()), tmp_path / "s")
    done = write_values(open_snapshot(path), tmp_path / "value.parquet")
    table = pq.read_table(tmp_path / "value.parquet")
    assert table.schema.equals(SCHEMA)
    assert done.n_scored == 0
    assert all(table[name].null_count == table.num_rows for name in CONTRACT[1:])


def test_the_call_shows_the_comparables_and_the_arithmetic(caller: Caller) -> None:
    answer = caller.get("/v1/products/n3/good-value")
    assert answer.status == 200
    body = answer.json()
    ProductValueBody.model_validate(body)
    assert body.keys() == ProductValueBody.model_fields.keys()
    assert len(body["comparables"]) == body["good_value"]["n_comparables"] == len(town().products) - 1


def test_an_unknown_product_is_not_found(caller: Caller) -> None:
    answer = caller.get("/v1/products/nothing/good-value")
    assert answer.status == 404
    ErrorBody.model_validate(answer.json(), strict=True)


def test_an_unknown_parameter_is_refused(caller: Caller) -> None:
    assert caller.get("/v1/products/n3/good-value?n=3").status == 422
