"""Every block with its evidence, and the owners who shared the product."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.circuit_breaker import NEVER, PLAN, limit_of, posterior
from recsys.model import Model


def blocks(model: Model) -> list[dict[str, Any]]:
    """One entry per blocked product, the most certain first; none where nothing tells how orders ended.

    `owners`: ids of who shared it, the latest first, with the time of her last share. No member is named.
    """
    bursts = model.bursts
    if bursts is None:
        return []
    rows = np.flatnonzero(bursts.blocked)
    found = posterior(bursts.n_bad[rows], bursts.exposure[rows], bursts.usual[rows])
    limits = limit_of(bursts.usual[rows])
    chances = np.asarray(found.chance_over(limits))
    products = model.products
    return [
        {
            "product_id": products.ids[int(rows[at])], "title": products.titles[int(rows[at])],
            "category": products.categories[int(products.category_row[rows[at]])],
            "days": PLAN.days, "n_lines": int(bursts.n_lines[rows[at]]),
            "exposure_lines": float(bursts.exposure[rows[at]]), "n_bad": int(bursts.n_bad[rows[at]]),
            "n_returns": int(bursts.n_returns[rows[at]]), "n_complaints": int(bursts.n_complaints[rows[at]]),
            "n_low_ratings": int(bursts.n_low_ratings[rows[at]]),
            "since": moment_of(int(bursts.first_us[rows[at]])),
            "rate": float(found.mean[at]), "usual_rate": float(bursts.usual[rows[at]]),
            "limit": float(limits[at]), "p_over_limit": float(chances[at]), "threshold": PLAN.threshold,
            "owners": who_shared(model, int(rows[at])),
        }
        for at in np.lexsort((rows, -chances)).tolist()
    ]  # fmt: skip


def who_shared(model: Model, product_row: int) -> list[dict[str, Any]]:
    """owner_id and last_share of each owner who shared a product, the latest first."""
    shares = model.people.shares
    places = np.flatnonzero(shares.indices == product_row)
    owner_rows: npt.NDArray[Any] = np.searchsorted(shares.indptr, places, side="right") - 1
    times = shares.extra["last_time"][places]
    return [
        {"owner_id": model.people.owners[int(owner_rows[at])], "last_share": moment_of(int(times[at]))}
        for at in np.lexsort((owner_rows, -times)).tolist()
    ]


def moment_of(time_us: int) -> datetime | None:
    """An instant of a snapshot; None for never."""
    return None if time_us == NEVER else datetime.fromtimestamp(time_us / 1e6, UTC)
