"""What suppliers may learn, computed from the window's moment: reasons of returns, and demand by price."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from features.arrays import US_PER_DAY
from features.columns.reasons import REASONS, supplier_reasons
from features.window import Window
from recsys.insights import LEAST_MEMBERS, Insights, rounded_down
from training.inputs import Inputs

RECENT_DAYS = 30
BANDS = (1 / 3, 2 / 3)  # a category's orders by price: cheap, middle, dear
Ints = npt.NDArray[np.int64]


def insights(window: Window, inputs: Inputs) -> Insights | None:
    """The insights of a world with times and suppliers; None elsewhere."""
    if window.as_of_second is None or not window.has("products", "supplier_id"):
        return None
    found = supplier_reasons(window, inputs.catalogue.category_row)
    category, low, high, members, owners = demand(inputs)
    return Insights(
        reasons=REASONS,
        supplier_lines=found.n_lines, supplier_members=rounded_down(found.n_members),
        reason_lines=np.where(told(found.members), found.came_back, -1).astype(np.int32),
        reason_expected=found.expected, demand_category=category, demand_low=low, demand_high=high,
        demand_members=members, demand_owners=owners,
    )  # fmt: skip


def told(members: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which counts may be told: bool (n_suppliers, n_reasons), the last column of all reasons together.

    Not those of fewer than 10 members, nor what a difference to the last column would give away: as long as
    the reasons kept back are one alone, or of fewer than 10 members together, the next smallest is kept back
    too.
    """
    parts, shown = members[:, :-1], members >= LEAST_MEMBERS
    for row in np.flatnonzero(((parts > 0) & (parts < LEAST_MEMBERS)).any(axis=1)):
        for at in np.argsort(parts[row], kind="stable"):
            back = (parts[row] > 0) & ~shown[row, :-1]
            if back.sum() > 1 and parts[row][back].sum() >= LEAST_MEMBERS:
                break
            shown[row, at] = False
        else:
            shown[row, -1] = False
    return np.asarray(shown | (members == 0))


def demand(
    inputs: Inputs,
) -> tuple[npt.NDArray[np.int32], Ints, Ints, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(category, low, high, members, owners) of price bands that 10 members of circles lately bought in.

    Bands are thirds of a category's orders of 30 days by today's price.
    """
    bought, catalogue = inputs.purchases, inputs.catalogue
    assert bought.last_time is not None
    assert inputs.as_of_us is not None
    in_circle = np.zeros(len(inputs.member_ids), dtype=bool)
    in_circle[inputs.circle.column] = True
    price = catalogue.price_minor[bought.product_row]
    recent = (bought.last_time > inputs.as_of_us - RECENT_DAYS * US_PER_DAY) & (price > 0)
    recent &= in_circle[bought.member_row]
    member, price = bought.member_row[recent], price[recent]
    category = catalogue.category_row[bought.product_row[recent]]
    n_owners = np.bincount(inputs.circle.column, minlength=len(inputs.member_ids))
    rows = []
    order = np.argsort(category, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(category[order])) + 1) if len(order) else ():
        one, paid = category[inside[0]], price[inside]
        cuts = np.quantile(paid, BANDS, method="inverted_cdf").astype(np.int64) + 1
        edges = np.unique(np.r_[0, cuts, int(paid.max()) + 1])
        for low, high in pairwise(edges.tolist()):
            who = np.unique(member[inside][(paid >= low) & (paid < high)])
            if len(who) >= LEAST_MEMBERS:
                rows.append((one, low, high, len(who), _owners_of(inputs, who, n_owners)))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return (
        columns[0].astype(np.int32), columns[1], columns[2], rounded_down(columns[3]),
        rounded_down(columns[4]),
    )  # fmt: skip


def _owners_of(inputs: Inputs, members: npt.NDArray[np.int32], n_owners: npt.NDArray[np.int64]) -> int:
    """How many owners have one of the members in their circle."""
    if not n_owners[members].any():
        return 0
    wanted = np.zeros(len(inputs.member_ids), dtype=bool)
    wanted[members] = True
    return len(np.unique(inputs.circle.row[wanted[inputs.circle.column]]))
