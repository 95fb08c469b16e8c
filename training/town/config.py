"""How large a simulated town is and when it begins; every rule of behaviour stands in `behaviour.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from recsys.errors import UsageError

DAY_US = 86_400_000_000
DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
LINES_PER_MEMBER_DAY = 6.5 / 90  # without `n_orders`: about 6.5 order lines per member in 90 days
SHARED_PART = 0.5  # part of all order lines that should come through a share
MAX_SHARES_PER_OWNER_DAY = 12
LIMITS = {"n_owners": (1, 10_000_000), "n_members": (2, 50_000_000), "n_products": (2, 5_000_000),
          "n_days": (1, 3650), "seed": (0, 2**63 - 1)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TownConfig:
    """A town's size; the same values always give the same town, byte for byte.

    `n_orders`: order lines to reach, about (None: LINES_PER_MEMBER_DAY). `start`: the first midnight, UTC.
    """

    n_owners: int = 1_000
    n_members: int = 20_000
    n_products: int = 5_000
    n_days: int = 90
    seed: int = 1
    n_orders: int | None = None
    start: datetime = DEFAULT_START

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                option = "--" + name.removeprefix("n_")
                raise UsageError(f"{option} must be from {low} to {high}; got {value}")
        if self.n_orders is not None and self.n_orders < 1:
            raise UsageError(f"--orders must be 1 or more; got {self.n_orders}; leave it out for the usual")
        if self.start.utcoffset() is None:
            raise UsageError(f"start must have an offset; got {self.start.isoformat()}")

    @property
    def start_us(self) -> int:
        """The first midnight in microseconds since 1970 UTC."""
        return round(self.start.timestamp()) * 1_000_000

    @property
    def end_us(self) -> int:
        """The midnight after the last day, in microseconds; nothing in the dataset is at or after it."""
        return self.start_us + self.n_days * DAY_US

    @property
    def lines_per_day(self) -> float:
        """Order lines to aim for each day."""
        if self.n_orders is not None:
            return self.n_orders / self.n_days
        return self.n_members * LINES_PER_MEMBER_DAY

    def day_of_year(self, day: int) -> int:
        """Day of the year, from 0, of the town's day."""
        return (self.start.timetuple().tm_yday - 1 + day) % 365

    def day_at(self, as_of: datetime | None) -> int:
        """The town's day in which `as_of` falls, 0 to n_days (None: the end)."""
        if as_of is None:
            return self.n_days
        day = (as_of - self.start).days
        return min(max(day, 0), self.n_days)
