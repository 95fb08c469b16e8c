"""Everything that comes out of a window, to be held against what another engine gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from features.audience_events import window_events
from features.columns.bad_endings import bad_endings
from features.columns.commission import commission_rates
from features.columns.outcomes import outcomes
from features.columns.payable import payable
from features.columns.products import product_columns
from features.columns.reasons import supplier_reasons
from features.dataset import Dataset
from features.engine import DuckDBEngine, OpenEngine
from features.graphs.co_purchase import co_purchase
from features.scene_outcomes import scene_outcomes
from features.share_outcomes import share_outcomes
from features.window import Window, open_window
from tests.features.window_worlds import graphs_and_columns, tables_fingerprint
from training.config import Graphs
from training.read_inputs import read_inputs


def everything(window: Window) -> dict[str, Any]:
    """All graphs and columns of a window, and the arrays that training reads from it, as plain values."""
    products = product_columns(window)
    parts = graphs_and_columns(window) | {
        "events": window_events(window),
        "inputs": read_inputs(window, Graphs()),
    }
    if not window.timeless:
        parts |= {
            "outcomes": outcomes(window), "bad_endings": bad_endings(window, 14),
            "payable": payable(window, products), "reasons": supplier_reasons(window, products.category_row),
            "shares": share_outcomes(window), "scenes": scene_outcomes(window),
            "commission": commission_rates(window), "weighed": co_purchase(window, weigh=True),
        }  # fmt: skip
    return {name: plain(part) for name, part in parts.items()}


def both(dataset: Dataset, open_engine: OpenEngine) -> tuple[dict[str, Any], dict[str, Any]]:
    """What DuckDB gives of a dataset, tables and all, and what another engine gives."""
    with open_window(dataset, threads=1) as window:
        duck = tables_fingerprint(window) | everything(window)
    with open_window(dataset, threads=1, open_engine=open_engine) as window:
        assert not isinstance(window.engine, DuckDBEngine)
        return duck, tables_fingerprint(window) | everything(window)


def plain(part: Any) -> Any:
    """A dataclass as a dict of its fields, all the way down; anything else as it is."""
    if not dataclasses.is_dataclass(part):
        return part
    return {field.name: plain(getattr(part, field.name)) for field in dataclasses.fields(part)}


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two plain values differ: anything but floats exactly, floats by more than 1e-9 of their size."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return [f"{where}: keys {sorted(one)} and {sorted(other)}"]
        return [told for key in one for told in differences(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return [f"{where}: {one.dtype} {one.shape} and {other.dtype} {other.shape}"]
        if one.dtype.kind == "f":
            same = np.isclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True)
        else:
            same = np.asarray(one == other)
        return [] if same.all() else [f"{where}: {np.flatnonzero(~same.ravel())[:5]}"]
    return [] if one == other else [f"{where}: {one!r:.80} and {other!r:.80}"]
