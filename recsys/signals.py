"""What a moment adds to the graphs: what rises, what is due again, what is new, who sells alike.

Each part is None where the data for it are absent; a world without times has none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.sparse import CsrView

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Computed by `training` as of the snapshot's moment; rows are those of the model.

    rising float32 (n_products,): 0 where a product does not rise. new_proven float32 (n_products,): 0 where
    it is not new or its supplier has no record. content float32 (n_products, n_factors), of length 1 or 0.
    """

    rising: Floats | None = None
    rising_recent: Rows | None = None  # (n_products,) members who kept it in the last 7 days
    rising_before: Rows | None = None  # (n_products,) in the 21 days before those
    new_proven: Floats | None = None
    supplier_kept: Rows | None = None  # (n_products,) kept order lines of its supplier
    supplier_lines: Rows | None = None  # (n_products,) order lines of its supplier
    rebuy_members: CsrView | None = None  # members × products: P(bought again in 14 days), only what is due
    rebuy_circle: CsrView | None = None  # owners × products: ties × that; extra n_members int32
    peers: CsrView | None = None  # owners × products: similar owners' success; extra n_owners int32
    content: Floats | None = None
    price_low: Floats | None = None  # (n_owners,) log price that a quarter of her circle's orders lie under
    price_high: Floats | None = None  # (n_owners,) and a quarter over; NaN without a circle that bought
    upline_row: Rows | None = None  # (n_owners,) the owner who brought her in, -1: none
    region_row: Rows | None = None  # (n_owners,) row of `regions`, -1: none
    regions: CsrView | None = None  # regions × products: what circles there order
    group_sizes: Rows | None = None  # (n_sizes,) members that group buys asked for, ascending
    group_rate: Floats | None = None  # (n_categories, n_sizes): share of groups that filled in time
    group_shift: Floats | None = None  # (n_owners,) added to that rate for her circle
    one_short: CsrView | None = None  # owners × products: her open groups; extra required, expire_time µs
    share_rate: Floats | None = None  # (n_owners,) log kept orders per share of hers
    usual_kept: Floats | None = None  # (n_products,) kept orders that one share of a usual owner brings
    share_pull: Floats | None = None  # (n_products,) log of how much more than her others a share brings
    influence: CsrView | None = None  # owners × categories: log lift of her shares against the node above


NO_SIGNALS = Signals()
# what each part is written as: ("array", axes) or ("csr", rows, columns)
LAYOUT: dict[str, tuple[Any, ...]] = {
    "rising": ("array", ("products",)),
    "rising_recent": ("array", ("products",)),
    "rising_before": ("array", ("products",)),
    "new_proven": ("array", ("products",)),
    "supplier_kept": ("array", ("products",)),
    "supplier_lines": ("array", ("products",)),
    "rebuy_members": ("csr", "members", "products"),
    "rebuy_circle": ("csr", "owners", "products"),
    "peers": ("csr", "owners", "products"),
    "content": ("array", ("products", None)),
    "price_low": ("array", ("owners",)),
    "price_high": ("array", ("owners",)),
    "upline_row": ("array", ("owners",)),
    "region_row": ("array", ("owners",)),
    "regions": ("csr", None, "products"),
    "group_sizes": ("array", (None,)),
    "group_rate": ("array", ("categories", None)),
    "group_shift": ("array", ("owners",)),
    "one_short": ("csr", "owners", "products"),
    "share_rate": ("array", ("owners",)),
    "usual_kept": ("array", ("products",)),
    "share_pull": ("array", ("products",)),
    "influence": ("csr", "owners", "categories"),
}


def present(signals: Signals) -> tuple[str, ...]:
    """The names of the parts that are there."""
    return tuple(f.name for f in fields(signals) if getattr(signals, f.name) is not None)
