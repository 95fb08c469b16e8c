"""What a supplier learns: why orders came back, fair prices, what closes each product, what to mend.

Everything is worked out from the snapshot; of members there are only counts of 10 and more, rounded down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.domain import Query
from recsys.gates import gates
from recsys.good_value import GoodValue, beaten, known
from recsys.insights import LEAST_MEMBERS, rounded_down
from recsys.model import Model
from recsys.model_files import model_of
from recsys.profiles import profiles_of
from recsys.snapshot import Snapshot
from recsys.value import MIN_MATURE, NO_BADGE, logit, usual_in_category

TYPICAL = 0.5  # the value_score under which most similar products are better value
MIDDLE = LEAST_MEMBERS // 2  # what stands for the buyers that rounding down hides
WEIGHED_OUT = 60  # mends whose value_score is worked out, the largest gains of worth first
FORMULA = (
    "gain = worth after − worth before: ln(unit price / fair unit price) for a price, price_of_quality · "
    "[ln(q' / (1 − q')) − ln(q / (1 − q))] with q' = q + weight · (rate − usual rate) for a rate; "
    "priority = (value_score after − value_score) · (buyers in 30 days, rounded down to 10, + 5)"
)
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Mend:
    """One thing to mend of one product: `gain` of worth, from a figure to another."""

    row: int
    action: str
    before: float
    after: float
    gain: float


@dataclass(frozen=True, eq=False)
class SupplierReport:
    """The reports of all suppliers of one snapshot."""

    snapshot: Snapshot

    @cached_property
    def model(self) -> Model:
        """The model in the snapshot."""
        return model_of(self.snapshot)

    @cached_property
    def closers(self) -> Mapping[str, Mask]:
        """What closes products: the gates, then what keeps their value low; bool (n_products,) each."""
        closed, value = dict(self.gates), self.model.value
        if value is None:
            return closed
        told = value.value_score >= 0
        closed["dearer_than_elsewhere"] = (value.public_price >= 0) & (value.public_price < value.price)
        closed["similar_products_are_better_value"] = told & (value.value_score < TYPICAL)
        closed["too_few_comparables"] = ~told
        closed["too_few_finished_orders"] = value.n_mature < MIN_MATURE
        return {name: mask for name, mask in closed.items() if mask.any()}

    @cached_property
    def gates(self) -> Mapping[str, Mask]:
        """The gates that close a product to everybody: bool (n_products,) each."""
        nobody = profiles_of(self.model, np.array([-1], dtype=np.int32), "circle")
        found = gates(self.model, nobody, Query("", n=1))
        return {name: gate for name, gate in found.items() if isinstance(gate, np.ndarray)}

    @cached_property
    def open_good_value(self) -> Mask:
        """Which products no gate closes and a badge distinguishes: bool (n_products,)."""
        value = self.model.value
        if value is None:
            return np.zeros(self.model.n_products, dtype=bool)
        good = np.asarray(value.badge != NO_BADGE)
        for closed in self.gates.values():
            good = good & ~closed
        return good

    @cached_property
    def usual_rates(self) -> Floats:
        """The bad rates usual in each product's category: float64 (n_products, n_parts)."""
        value, rows = self.model.value, self.model.products.category_row
        assert value is not None
        parts = [usual_in_category(rates, rows, value.n_mature) for rates in value.rates.T]
        return np.stack(parts, axis=1) if parts else np.zeros((len(rows), 0))

    def insights(self, supplier_id: str, n: int = 100) -> dict[str, Any] | None:
        """What one supplier learns, at most n of her products; None when the snapshot does not know her."""
        row = self.snapshot.ids("suppliers").row(supplier_id)
        if row < 0:
            return None
        rows = np.flatnonzero(self.model.products.supplier_row == row)
        mends = self.mends(rows)
        by_product: dict[int, dict[str, Any]] = {}
        for mend in mends:
            by_product.setdefault(self.model.products.ids.row(mend["product_id"]), mend)
        order = np.argsort(-self.model.products.n_recent_orders[rows], kind="stable")
        return {
            "supplier_id": supplier_id, "n_products": len(rows), **self._returns(row),
            "price": self._price(rows),
            "closed_by": [
                {"closer": name, "n_products": int(mask[rows].sum())}
                for name, mask in self.closers.items() if mask[rows].any()
            ],
            "mend_first": mends[0] if mends else None, "mends": mends[:n], "formula": FORMULA,
            "products": [self._product(int(one), by_product) for one in rows[order][:n]],
        }  # fmt: skip

    def _returns(self, row: int) -> dict[str, Any]:
        found = self.model.insights
        members = 0 if found is None else int(found.supplier_members[row])
        if found is None or members < LEAST_MEMBERS:
            return {"n_lines": None, "members": None, "returns": [], "n_reasons_hidden": 0}
        said, n_lines = found.reason_lines[row], int(found.supplier_lines[row])
        expected = found.reason_expected[row]
        reasons = [
            {
                "reason": found.reasons[at], "lines": int(said[at]), "rate": float(said[at] / n_lines),
                "usual_rate": float(expected[at] / n_lines),
                "times_usual": float(said[at] / max(expected[at], 1e-9)),
            }
            for at in np.argsort(-said, kind="stable").tolist() if said[at] > 0
        ]  # fmt: skip
        hidden = int((said < 0).sum())
        return {"n_lines": n_lines, "members": members, "returns": reasons, "n_reasons_hidden": hidden}

    def _price(self, rows: npt.NDArray[np.int64]) -> dict[str, Any] | None:
        gap = self.price_gap(rows)
        gap = gap[np.isfinite(gap)]
        if not len(gap):
            return None
        return {"n_compared": len(gap), "median_gap": float(np.median(gap)), "n_dearer": int((gap > 0).sum())}

    def price_gap(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Unit price over fair unit price, less 1; NaN where there is none."""
        value = self.model.value
        if value is None:
            return np.full(len(rows), np.nan)
        told = (value.price[rows] > 0) & (value.fair_price[rows] > 0)
        unit = value.price[rows] / value.quantity[rows]
        return np.where(told, unit / np.where(told, value.fair_price[rows], 1.0) - 1, np.nan)

    def mends(self, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """What to mend of these products, what would gain the most first, with the arithmetic."""
        value = self.model.value
        if value is None:
            return []
        found = sorted(
            self._possible(value, rows), key=lambda m: (-m.gain * self._weight(m.row), m.row, m.action)
        )
        shown = [self._weighed(value, mend) for mend in found[:WEIGHED_OUT]]
        return sorted(shown, key=lambda mend: (-mend["priority"], mend["product_id"], mend["action"]))

    def _possible(self, value: GoodValue, rows: npt.NDArray[np.int64]) -> Iterator[Mend]:
        rows = rows[value.value_score[rows] >= 0]
        gap = self.price_gap(rows)
        for at in np.flatnonzero(np.nan_to_num(gap) > 0).tolist():
            row = int(rows[at])
            before = float(value.price[row])
            yield Mend(row, "lower_price_to_fair", before, before / (1 + gap[at]), float(np.log1p(gap[at])))
        quality = value.quality[rows].astype(np.float64)
        for at, (part, weight) in enumerate(value.weights.items()):
            rate, usual = value.rates[rows, at].astype(np.float64), self.usual_rates[rows, at]
            better = np.clip(quality + weight * (rate - usual), 1e-4, 1 - 1e-4)
            gain = value.price_of_quality[rows] * (logit(better) - logit(quality))
            for place in np.flatnonzero((gain > 0) & (rate > usual)).tolist():
                row = int(rows[place])
                yield Mend(
                    row, f"{part}_to_usual", float(rate[place]), float(usual[place]), float(gain[place])
                )

    def _weight(self, row: int) -> float:
        return float(rounded_down(self.model.products.n_recent_orders[row]) + MIDDLE)

    def _weighed(self, value: GoodValue, mend: Mend) -> dict[str, Any]:
        after = float(beaten(value, mend.row, mend.gain).mean())
        before = float(value.value_score[mend.row])
        products = self.model.products
        return {
            "product_id": products.ids[mend.row], "title": products.titles[mend.row], "action": mend.action,
            "from": mend.before, "to": mend.after, "gain": mend.gain, "value_score": before,
            "value_score_after": after, "buyers_30_days": int(self._weight(mend.row)) - MIDDLE,
            "priority": max(after - before, 0.0) * self._weight(mend.row),
        }  # fmt: skip

    def _product(self, row: int, mends: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        products, value = self.model.products, self.model.value
        gap = float(self.price_gap(np.array([row]))[0])
        mend = mends.get(row)
        return {
            "product_id": products.ids[row], "title": products.titles[row],
            "category": products.categories[int(products.category_row[row])],
            "closed_by": [name for name, mask in self.closers.items() if mask[row]],
            "value_score": None if value is None else known(value.value_score[row]),
            "badge": None if value is None else value.badge_of(row),
            "price_minor": None if value is None else known(value.price[row]),
            "price_gap": gap if np.isfinite(gap) else None,
            "mend": None if mend is None else mend["action"],
        }  # fmt: skip

    def demand(self, n: int | None = None) -> list[dict[str, Any]]:
        """What circles buy without one open product of good value at that price, most members first."""
        found, products = self.model.insights, self.model.products
        if found is None:
            return []
        good, price = self.open_good_value, products.price_minor
        shown = []
        for at in np.argsort(-found.demand_members, kind="stable").tolist():
            inside = products.category_row == found.demand_category[at]
            inside &= (price >= found.demand_low[at]) & (price < found.demand_high[at])
            if (inside & good).any() or found.demand_members[at] < LEAST_MEMBERS:
                continue
            currency = products.currency_row[inside]
            told = currency[currency >= 0]
            shown.append({
                "category": products.categories[int(found.demand_category[at])],
                "price_from_minor": int(found.demand_low[at]),
                "price_below_minor": int(found.demand_high[at]),
                "currency": products.currencies[int(told[0])] if len(told) else None,
                "members": int(found.demand_members[at]), "owners": int(found.demand_owners[at]) or None,
                "n_products": int(inside.sum()),
            })  # fmt: skip
            if len(shown) == n:
                break
        return shown
