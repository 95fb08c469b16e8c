"""A real snapshot of five products, made by hand: no training needed to serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys.columns import StringColumn
from recsys.ids import IdList
from recsys.model import Model, People, Products
from recsys.model_files import write_model
from recsys.operators import GraphOperator
from recsys.ranker import Blend
from recsys.snapshot import SnapshotWriter
from recsys.sparse import CsrView

AS_OF = "2026-03-01T08:00:00+00:00"
AS_OF_US = 1_772_352_000_000_000
N_PRODUCTS = 5
OWNER_ID = "owner-4711"
Rows = list[list[float]]


def _view(rows: Rows, **extra: type) -> CsrView:
    dense = sparse.csr_array(np.array(rows, dtype=np.float32))
    columns = {name: np.ones(dense.nnz, dtype=dtype) for name, dtype in extra.items()}
    indptr, indices = dense.indptr.astype(np.int64), dense.indices.astype(np.int32)
    return CsrView(indptr, indices, dense.data, dense.shape[1], columns)


def _products(title: str) -> Products:
    def every(value: float, dtype: type) -> npt.NDArray[Any]:
        return np.full(N_PRODUCTS, value, dtype=dtype)

    return Products(
        ids=IdList.of([f"p{row}" for row in range(N_PRODUCTS)]),
        titles=StringColumn.of([f"{title} {row} 号" for row in range(N_PRODUCTS)]),
        categories=IdList.of(["Food", "Food > Noodles"]),
        category_row=every(1, np.int32), supplier_row=every(-1, np.int32), price_minor=every(1990, np.int64),
        currencies=IdList.of(["CNY"]), currency_row=every(0, np.int32), stock=every(-1, np.int64),
        popularity=np.arange(N_PRODUCTS, 0, -1, dtype=np.float32), n_orders=every(3, np.int32),
        n_members=every(3, np.int32), n_recent_orders=every(1, np.int32), n_shares=every(0, np.int32),
    )  # fmt: skip


def write_tiny_snapshot(folder: Path, title: str) -> str:
    """Write a snapshot whose titles begin with `title`; returns its id. Two owners know m0 and m1."""
    graph = np.ones((N_PRODUCTS, N_PRODUCTS), dtype=np.float32)
    people = People(
        owners=IdList.of([OWNER_ID, "owner-4712"]), members=IdList.of(["m0", "m1"]),
        owner_member=np.array([-1, -1], dtype=np.int32),
        orders=_view([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0]], n=np.int32),
        shares=_view([[0] * N_PRODUCTS] * 2, last_time=np.int64, n_orders=np.int32),
        circle=_view([[1, 1], [1, 0]]),
        circle_orders=_view([[1, 2, 1, 0, 0], [1, 1, 0, 0, 0]], n_members=np.int32),
        circle_categories=_view([[0, 2], [0, 1]]),
    )  # fmt: skip
    blend = Blend({"log_popularity": 1.0})
    model = Model(
        products=_products(title), people=people, co_purchase=_view(graph.tolist(), n_members=np.int32),
        operators=(GraphOperator("basket", "orders", sparse.csr_array(graph)),),
        rankers={"circle": blend, "self": blend}, as_of_us=AS_OF_US,
    )  # fmt: skip
    with SnapshotWriter(folder) as writer:
        write_model(writer, model, ["s0"])
        return writer.commit(as_of=AS_OF).snapshot_id
