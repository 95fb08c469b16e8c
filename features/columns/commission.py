"""The commission of each product now: for ties inside the band of equal good value, and for nothing else.

No other file of `features` or `recsys` that scores, proposes or values may read it; a test holds them to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.columns.products import offers_now
from features.window import Window
from recsys.good_value import NONE


def commission_rates(window: Window) -> npt.NDArray[np.float32] | None:
    """float32 (n_products,): the part of the price that the owner earns, -1 where it is not known.

    Of the offer that holds at the window's moment. None where no offer ever names a commission.
    """
    if not window.has("offers", "commission_rate"):
        return None
    offers = offers_now(window, "commission_rate")
    told = window.engine.fetch(
        offers.filter(offers.commission_rate.notnull()).select(
            "product_row", rate=lambda t: t.commission_rate.cast("float64")
        ),
        ("product_row",),
    )
    rates = np.full(window.count("products"), NONE, dtype=np.float32)
    rates[told["product_row"]] = told["rate"]
    return rates if len(told["product_row"]) else None
