"""What is closed to everybody whatever is asked, joined once for a snapshot and a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.opening import Mask, Pool


@dataclass(frozen=True, eq=False)
class Standing:
    """gates: name → the products it closes, bool (n_products,). cold: too few buyers to go by; None: none."""

    gates: Mapping[str, Mask]
    cold: Mask | None = None

    @cached_property
    def n_closed(self) -> Mapping[str, int]:
        """Gate → how many products it closes."""
        return {name: int(np.count_nonzero(mask)) for name, mask in self.gates.items()}

    @cached_property
    def pool(self) -> Pool | None:
        """What these gates leave open; None: everything."""
        return Pool(~np.logical_or.reduce(list(self.gates.values()))) if self.gates else None

    @cached_property
    def cold_pool(self) -> Pool:
        """The cold ones of these. Only where some are cold."""
        assert self.cold is not None
        return Pool(self.cold if self.pool is None else self.cold & self.pool.mask)

    def prepare(self) -> None:
        """Work everything out now."""
        _ = self.n_closed
        if self.pool is not None:
            self.pool.prepare()
        if self.cold is not None:
            self.cold_pool.prepare()
