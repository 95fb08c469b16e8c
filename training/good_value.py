"""The good value of every product as of the window's moment: quality, price, comparables, score, badge."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from features.arrays import NO_ROW
from features.columns.payable import payable
from features.columns.products import ProductColumns, product_columns
from features.graphs.substitutes import Substitutes, substitutes
from features.window import Window
from recsys.good_value import NONE, GoodValue
from recsys.quality import Floats
from recsys.sparse import CsrView
from recsys.value import Proof, badges, comparables, floor_of, scores_of, worth
from training.assemble import view_of
from training.fit_quality import Groups, fit_quality
from training.fit_value import fit_hedonic
from training.inputs import Edges, Inputs

Rows = npt.NDArray[np.int32]


def good_value(window: Window, inputs: Inputs, seed: int) -> GoodValue | None:
    """The good value of every product; None where the dataset has no times or tells of no outcome."""
    groups = _groups(window, inputs)
    graph = view_of(inputs.co_purchase, inputs.n_products, inputs.n_products)
    fitted = fit_quality(window, groups, graph)
    if fitted is None:
        return None
    columns = product_columns(window)
    paid = payable(window, columns)
    unit_price = paid.price / paid.quantity
    levels = _levels(window, columns, paid.unit)
    hedonic = fit_hedonic(
        unit_price, fitted.quality.mean, paid.quantity, _dense(levels[0]), np.random.default_rng([seed, 23])
    )
    u, spread = worth(fitted.quality, unit_price, hedonic.price_of_quality)
    usable = np.isfinite(u)
    found = comparables(levels, usable, _order(inputs), _substitutes(window, inputs.n_products))
    scores = scores_of(found, u, spread, unit_price)
    floor = floor_of(fitted.quality, groups.category_row, fitted.outcomes.exposure)
    proof = Proof(
        fitted.quality, floor, paid.price, paid.usual, paid.public_price, fitted.outcomes.n_mature,
        columns.supplier_row,
    )  # fmt: skip
    # a group's rate is knowledge too, where there is any at all
    told = fitted.outcomes.exposure.sum() > 0
    returned = told and fitted.outcomes.n_returns.sum() > 0
    nothing = np.full(inputs.n_products, np.nan)
    weights = {name: weight for name, weight in fitted.weights.items() if name in fitted.rates}
    return GoodValue(
        value_score=_single(scores.value_score), value_low=_single(scores.value_low),
        quality=_single(fitted.quality.mean if told else nothing),
        quality_low=_single(fitted.quality.low if told else nothing),
        return_rate=_single(fitted.rates["returns"].mean if returned else nothing),
        n_mature=fitted.outcomes.n_mature, n_comparables=scores.n_comparables,
        price_percentile=_single(scores.price_percentile), badge=badges(scores, proof),
        worth=np.nan_to_num(u), worth_spread=np.nan_to_num(spread).astype(np.float32),
        price=_double(paid.price), quantity=paid.quantity, unit=paid.unit,
        low_30=_double(paid.low_30), median_30=_double(paid.median_30),
        fair_price=_double(hedonic.fair_price),
        public_price=_double(paid.public_price), price_of_quality=_single(hedonic.price_of_quality),
        quality_floor=_single(floor), set_row=found.set_row,
        rates=np.stack([_single(fitted.rates[name].mean) for name in weights], axis=1),
        weights=weights, sets=found.sets,
    )  # fmt: skip


def _groups(window: Window, inputs: Inputs) -> Groups:
    found = window.engine.fetch(
        window.table("products").select("product_row", size=lambda t: t.unit_quantity.cast("float64")),
        ("product_row",),
    )
    size = np.where(found["size"] > 0, found["size"], 1.0)
    return Groups(inputs.catalogue.category_row, inputs.catalogue.supplier_row, size)


def _substitutes(window: Window, n_products: int) -> CsrView:
    found: Substitutes = substitutes(window)
    return view_of(Edges(found.product_row, found.other_row, found.weight, {}), n_products, n_products)


def _levels(window: Window, columns: ProductColumns, unit: Rows) -> tuple[Rows, Rows]:
    """Leaf category, then its parent, each with unit of measure and currency; -1 where there is none."""
    parents = window.categories.parent_row
    leaf = columns.category_row
    parent = np.where(leaf >= 0, parents[np.maximum(leaf, 0)] if len(parents) else NO_ROW, NO_ROW)
    _, currency = np.unique(np.asarray(columns.currency, dtype=str), return_inverse=True)
    return _joined(leaf, unit, currency), _joined(parent, unit, currency)


def _joined(category: Rows, unit: Rows, currency: npt.NDArray[np.int64]) -> Rows:
    key = (category.astype(np.int64) * 8 + unit + 1) * (int(currency.max(initial=0)) + 1) + currency
    return np.where(category >= 0, np.unique(key, return_inverse=True)[1], NO_ROW).astype(np.int32)


def _dense(groups: Rows) -> Rows:
    return np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int32)


def _order(inputs: Inputs) -> npt.NDArray[np.int64]:
    """A number of each product that no price, sale or seller moves."""
    ids = inputs.catalogue.product_ids
    return np.fromiter((zlib.crc32(str(i).encode()) for i in ids), dtype=np.int64, count=len(ids))


def _single(values: Floats) -> npt.NDArray[np.float32]:
    return np.nan_to_num(values, nan=NONE).astype(np.float32)


def _double(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=NONE)
