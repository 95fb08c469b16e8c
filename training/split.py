"""Where the past ends: one cut in time for all, or a fold held out per person where there are no times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from recsys.errors import DataError

JUDGED_SHARE = 0.2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_cut(order_time_us: NDArray[np.int64], judged_share: float = JUDGED_SHARE) -> int:
    """The last microsecond (since 1970, UTC) of the past: at least `judged_share` of the orders come later.

    The first judged order is the one at that place of the time order; every order of the same instant is
    judged with it, so that none is seen by half. DataError when nothing would be left to train on.
    """
    if len(order_time_us) == 0:
        raise DataError("orders: a split in time needs orders; got none")
    ordered = np.sort(order_time_us)
    first_judged = ordered[min(int(len(ordered) * (1 - judged_share)), len(ordered) - 1)]
    if first_judged == ordered[0]:
        raise DataError(
            "orders: a split in time needs orders at two instants at least; all stand at one; "
            "say timeless = true in dataset.toml if the times mean nothing"
        )
    return int(first_judged) - 1


def hold_out(
    person_row: NDArray[np.int32],
    product_row: NDArray[np.int32],
    rng: np.random.Generator,
    judged_share: float = JUDGED_SHARE,
) -> NDArray[np.bool_]:
    """Which rows are held out, bool[n]: per person max(1, share) of her distinct products, never all of them.

    A person with one product keeps it for training and is not judged. All rows of one person and product go
    the same way.
    """
    if len(person_row) == 0:
        return np.zeros(0, dtype=bool)
    width = int(product_row.max()) + 1
    keys, pair_of_row = np.unique(person_row.astype(np.int64) * width + product_row, return_inverse=True)
    person = keys // width  # sorted
    order = np.lexsort((rng.random(len(keys)), person))
    start = np.searchsorted(person, person)
    n_of_person = np.searchsorted(person, person, side="right") - start
    # `person` is sorted, so it reads the same before and after the shuffle inside each person.
    n_held = np.where(n_of_person > 1, np.maximum(1, (n_of_person * judged_share).astype(np.int64)), 0)
    held = np.empty(len(keys), dtype=bool)
    held[order] = np.arange(len(keys)) - start < n_held
    return held[pair_of_row]


def us_of(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def datetime_of(moment_us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=moment_us)
