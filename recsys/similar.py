"""Products like one, and products that go with one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from recsys.good_value import known
from recsys.model import Model
from recsys.reasons import MIN_CO_BUYERS

Kind = Literal["substitute", "complement"]
KINDS: tuple[Kind, ...] = ("substitute", "complement")


def similar(model: Model, product_id: str, kind: Kind, n: int) -> list[dict[str, Any]] | None:
    """At most n products, best first, open ones alone; None when the snapshot does not know the product.

    substitute: what its good value is compared with, the best value first. complement: what at least two
    people bought with it, by the weight of the co-purchase graph, substitutes left out; `n_members` says how
    many did.
    """
    row = model.products.ids.row(product_id)
    if row < 0:
        return None
    others = np.zeros(0, dtype=np.int32) if model.value is None else model.value.comparables_of(row)
    rows, n_members = (
        _substitutes(model, others) if kind == "substitute" else _complements(model, row, others)
    )
    pool = model.standing("self").pool
    kept = np.ones(len(rows), dtype=bool) if pool is None else pool.mask[rows]
    return [
        {
            "product_id": model.products.ids[at], "title": model.products.titles[at],
            "category": model.products.categories[int(model.products.category_row[at])],
            "value_score": None if model.value is None else known(model.value.value_score[at]),
            "n_members": count,
        }
        for at, count in zip(rows[kept][:n].tolist(), n_members[kept][:n].tolist(), strict=True)
    ]  # fmt: skip


def _substitutes(model: Model, others: Any) -> tuple[Any, Any]:
    """The comparables, those of the best value first, and None beside each."""
    if model.value is None or not len(others):
        return others, np.zeros(0, dtype=object)
    order = np.lexsort((others, -model.value.value_score[others]))
    return others[order], np.full(len(others), None, dtype=object)


def _complements(model: Model, row: int, others: Any) -> tuple[Any, Any]:
    """What was bought with it, the heaviest tie first, and by how many people."""
    span = model.co_purchase.span(row)
    found, weight = model.co_purchase.indices[span], model.co_purchase.data[span]
    n_members = model.co_purchase.extra["n_members"][span]
    kept = (n_members >= MIN_CO_BUYERS) & (found != row) & ~np.isin(found, others)
    order = np.lexsort((found[kept], -weight[kept]))
    return found[kept][order], n_members[kept][order].astype(object)
