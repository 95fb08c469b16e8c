"""What suppliers may learn, as a snapshot holds it: counts of many members, never one of them.

Nothing here is of fewer than 10 different members, and counts of members are rounded down to 10 before they
are stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_MEMBERS = 10
ARRAYS = {
    "supplier_lines": ("suppliers",), "supplier_members": ("suppliers",),
    "reason_lines": ("suppliers", None), "reason_expected": ("suppliers", None),
    "demand_category": (None,), "demand_low": (None,), "demand_high": (None,), "demand_members": (None,),
    "demand_owners": (None,),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Insights:
    """Suppliers' returns, and what circles have lately bought by category and price.

    int32 (n_suppliers,): supplier_lines, supplier_members (rounded down to 10). (n_suppliers, n_reasons):
    reason_lines int32 (-1: fewer than 10 members said so), reason_expected float64 (lines at the rates of the
    categories). One entry per band of prices in a category, with 10 members or more: demand_category int32,
    demand_low and demand_high int64 (minor units, low <= price < high), demand_members and demand_owners
    int32, rounded down to 10.
    """

    reasons: tuple[str, ...]
    supplier_lines: npt.NDArray[np.int32]
    supplier_members: npt.NDArray[np.int32]
    reason_lines: npt.NDArray[np.int32]
    reason_expected: npt.NDArray[np.float64]
    demand_category: npt.NDArray[np.int32]
    demand_low: npt.NDArray[np.int64]
    demand_high: npt.NDArray[np.int64]
    demand_members: npt.NDArray[np.int32]
    demand_owners: npt.NDArray[np.int32]


def rounded_down(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Counts of members as they may be told: down to a multiple of 10."""
    return (np.asarray(counts) // LEAST_MEMBERS * LEAST_MEMBERS).astype(np.int32)
