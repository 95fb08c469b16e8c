"""Candidates that must never serve: each takes a good snapshot and spoils one thing, as a fault would."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recsys.audience import read_audience, write_audience
from recsys.model import Model
from recsys.model_files import model_of, write_model
from recsys.ranker import Blend
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter
from recsys.sparse import CsrView

DAY_US = 86_400_000_000
Spoil = Callable[[Model], Model]


def rewritten(
    source: Path, target: Path, spoil: Spoil = lambda model: model, fields: Mapping[str, Any] | None = None
) -> Path:
    """The snapshot written anew with another model or other fields, signed as a good one is."""
    snapshot = open_snapshot(source)
    model = spoil(model_of(snapshot))
    with SnapshotWriter(target) as writer:
        write_model(writer, model, list(snapshot.ids("suppliers")))
        write_audience(writer, read_audience(snapshot))
        writer.commit(**{**_told(snapshot), **(fields or {})})
    return target


def _told(snapshot: Snapshot) -> dict[str, Any]:
    return dict(snapshot.manifest.fields)


def _turned(array: Any) -> Any:
    """The same values, each one row further."""
    return np.roll(np.asarray(array), 1, axis=0)


def _rows_turned(view: CsrView) -> CsrView:
    return view.rows(np.roll(np.arange(view.n_rows), 1))


def _emptied(view: CsrView) -> CsrView:
    return _cut(view, 0)


def _cut(view: CsrView, every: int) -> CsrView:
    """Only the first entries of each row: none of them, or one of `every`."""
    kept = np.zeros(view.nnz, dtype=bool) if not every else np.arange(view.nnz) % every == 0
    row = np.repeat(np.arange(view.n_rows), np.diff(view.indptr))[kept]
    indptr = np.r_[0, np.cumsum(np.bincount(row, minlength=view.n_rows))].astype(np.int64)
    extra = {name: values[kept] for name, values in view.extra.items()}
    return CsrView(indptr, view.indices[kept], view.data[kept], view.n_columns, extra)


def _products(**columns: Callable[[Any], Any]) -> Spoil:
    return lambda model: replace(
        model, products=replace(
            model.products, **{name: how(getattr(model.products, name)) for name, how in columns.items()}
        ),
    )  # fmt: skip


def _people(**parts: Callable[[Any], Any]) -> Spoil:
    return lambda model: replace(
        model, people=replace(
            model.people, **{name: how(getattr(model.people, name)) for name, how in parts.items()}
        ),
    )  # fmt: skip


def _value(**columns: Callable[[Any], Any]) -> Spoil:
    def spoil(model: Model) -> Model:
        assert model.value is not None
        changed = {name: how(np.array(getattr(model.value, name))) for name, how in columns.items()}
        return replace(model, value=replace(model.value, **changed))

    return spoil


def _ranked_by(weights: Mapping[str, float]) -> Spoil:
    def spoil(model: Model) -> Model:
        return replace(model, rankers={target: Blend(weights) for target in model.rankers}, calibrations={})

    return spoil


def _settings(section: str, **values: Any) -> Spoil:
    return lambda model: replace(
        model, settings={**model.settings, section: {**model.settings[section], **values}}
    )


def _turned_operators(model: Model) -> Model:
    """Every product's place in every operator is its neighbour's."""
    changed: list[Any] = []
    for operator in model.operators:
        if hasattr(operator, "weights"):
            weights = operator.weights
            changed.append(replace(operator, weights=weights[np.roll(np.arange(weights.shape[0]), 1)]))
        else:
            changed.append(replace(operator, product_out=_turned(operator.product_out)))
    return replace(model, operators=tuple(changed), lists={})


def _upside_down(model: Model) -> Model:
    names = [f"{operator.name}_relative" for operator in model.operators]
    return _ranked_by({**dict.fromkeys(names, -1.0), "log_popularity": -1.0})(model)


def _mirrored(values: Any) -> Any:
    return np.where(values >= 0, 1 - values, values).astype(values.dtype)


def _perfect(values: Any) -> Any:
    return np.where(values >= 0, 0.999, values).astype(values.dtype)


def _later(days: float) -> Spoil:
    def spoil(model: Model) -> Model:
        assert model.as_of_us is not None
        return replace(model, as_of_us=model.as_of_us + int(days * DAY_US))

    return spoil


def _ten_times(model: Model) -> Model:
    """Ten times the kept orders are expected of every share."""
    return replace(
        model,
        calibrations={
            target: replace(found, expected=(np.asarray(found.expected) * 10).astype(found.expected.dtype))
            for target, found in model.calibrations.items()
        },
    )


def _commissions_turned(model: Model) -> Model:
    return replace(model, commission=_turned(model.commission))


# name → (how the model is spoilt, the guard that must see it)
SPOILT: Mapping[str, tuple[Spoil, str]] = {
    "prices in another unit": (_products(price_minor=lambda p: np.where(p > 0, p * 100, p)), "catalogue"),
    "prices of the neighbour": (_products(price_minor=_turned), "catalogue"),
    "stock forgotten": (_products(stock=lambda s: np.full_like(s, -1)), "catalogue"),
    "everything sold out": (_products(stock=np.zeros_like), "catalogue"),
    "categories of the neighbour": (_products(category_row=_turned), "catalogue"),
    "suppliers of the neighbour": (_products(supplier_row=_turned), "catalogue"),
    "purchases of the neighbour": (_people(orders=_rows_turned), "purchases"),
    "a tenth of the purchases": (_people(orders=lambda v: _cut(v, 10)), "purchases"),
    "circles of the neighbour": (_people(circle=_rows_turned), "circles"),
    "no circles": (_people(circle=_emptied), "circles"),
    "shares of the neighbour": (_people(shares=_rows_turned), "shares"),
    "operators turned by one row": (_turned_operators, "operators"),
    "rankers upside down": (_upside_down, "operators"),
    "one score for everything": (_ranked_by({"log_own_shares": 1e-9}), "scores"),
    "popular alone": (_ranked_by({"log_popularity": 1.0}), "operators"),
    "value upside down": (_value(value_score=_mirrored), "value"),
    "quality without a fault": (_value(quality=_perfect), "value"),
    "returns of the neighbour": (_value(return_rate=_turned), "value"),
    "a band of half the value": (_settings("list", commission_band=0.5), "commission"),
    "commissions of the neighbour": (_commissions_turned, "commission"),
    "ten times the orders expected": (_ten_times, "calibration"),
    "a moment of three weeks ago": (_later(-21), "moment"),
    "a moment of next month": (_later(31), "moment"),
}  # fmt: skip


def damaged_bytes(source: Path, target: Path) -> Path:
    """One byte of an array is another."""
    shutil.copytree(source, target)
    file = max(target.glob("*.npy"), key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    content[-7] ^= 0x40
    file.write_bytes(bytes(content))
    return target


def cut_short(source: Path, target: Path) -> Path:
    """An array that a full disk left half."""
    shutil.copytree(source, target)
    file = max(target.glob("*.npy"), key=lambda one: one.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return target


def another_schema(source: Path, target: Path) -> Path:
    """Written by a version to come."""
    shutil.copytree(source, target)
    manifest = target / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 9', 1))
    return target


def no_manifest(source: Path, target: Path) -> Path:
    """A copy that ended before its last file."""
    shutil.copytree(source, target)
    (target / "manifest.json").unlink()
    return target


DAMAGED: Mapping[str, Callable[[Path, Path], Path]] = {
    "one byte changed": damaged_bytes, "an array cut short": cut_short, "another schema": another_schema,
    "no manifest": no_manifest,
}  # fmt: skip
