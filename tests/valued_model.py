"""The small model with a good value for each product: the dearer, the worse, all of one set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from small_model import World, small_model

from recsys.good_value import NONE, GoodValue
from recsys.model import Model
from recsys.quality import Quality
from recsys.sparse import CsrView
from recsys.value import Comparables, scores_of, worth


def value_of(model: Model, **changes: Any) -> GoodValue:
    """Every product ends 95 of 100 orders well and is compared with all others."""
    n = model.n_products
    one = np.ones(n)
    price = model.products.price_minor.astype(np.float64)
    quality = Quality(0.95 * one, 0.9 * one)
    u, spread = worth(quality, price, 0.4 * one)
    sets = CsrView(np.array([0, n]), np.arange(n, dtype=np.int32), np.ones(n, dtype=np.int8), n)
    set_row = np.zeros(n, dtype=np.int32)
    found = scores_of(Comparables(set_row, sets), u, spread, price)

    def single(values: Any) -> Any:
        return np.asarray(values, dtype=np.float32)

    value = GoodValue(
        value_score=single(found.value_score), value_low=single(found.value_low),
        quality=single(quality.mean), quality_low=single(quality.low), return_rate=single(0.05 * one),
        n_mature=np.full(n, 40, dtype=np.int32), n_comparables=found.n_comparables,
        price_percentile=single(found.price_percentile), badge=np.zeros(n, dtype=np.int8), worth=u,
        worth_spread=single(spread), price=price, quantity=one, unit=np.full(n, -1, dtype=np.int8),
        low_30=price, median_30=price, fair_price=NONE * one, public_price=NONE * one,
        price_of_quality=single(0.4 * one), quality_floor=single(0.8 * one), set_row=set_row,
        rates=single(0.05 * one)[:, None], weights={"returns": 1.0}, sets=sets,
    )  # fmt: skip
    return replace(value, **changes)


def valued_model(world: World, **changes: Any) -> Model:
    """The small model of a world with values."""
    model = small_model(world)
    return replace(model, value=value_of(model, **changes))
