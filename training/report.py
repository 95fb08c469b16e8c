"""An evaluation as one HTML file: no network, no script, plots as inline SVG, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from features.whole_text import write_whole
from training.evaluation import MAIN_MEASURE, Evaluation, calibration_sentence, verdict
from training.plots import (
    plot_calibration,
    plot_comparisons,
    plot_gains,
    plot_hit_rates,
    plot_lorenz,
    plot_measures,
    plot_slices,
)

TABLE_MEASURES = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "mrr@10", "mrr@20", "hit@10", "hit@20")
GRADED_MEASURES = ("graded_ndcg@10", "graded_ndcg@20")
BEYOND = {
    "coverage@20": ("coverage", "share of the catalogue that some list of 20 shows"),
    "gini@20": ("Gini", "0: all products are shown alike; 1: one product has all the places"),
    "novelty@20": ("novelty", "mean rarity in bits: one bit more is half as many earlier buyers"),
    "diversity@20": ("diversity", "share of pairs within a list from different categories"),
    "distance@20": ("distance", "mean 1 - cosine of pairs within a list, by who bought them (no categories)"),
}
MAX_BYTES = 2_000_000


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Writes the report beside its place and renames it there; the same evaluation gives the same bytes."""
    write_whole(path, render_report(evaluation))


def render_report(evaluation: Evaluation) -> str:
    """The page as text; every value from the dataset is escaped."""
    return page_of("report.html", _content(evaluation))


def page_of(template: str, content: Mapping[str, Any]) -> str:
    """A template of `training/templates` filled in, with the style of all pages; every value is escaped."""
    folder = files("training").joinpath("templates")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = Markup(folder.joinpath("page.css").read_text("utf-8"))  # ours, so safe as it is
    return environment.get_template(template).render(style=style, **content)


def _content(evaluation: Evaluation) -> dict[str, Any]:
    best = evaluation.best_baseline
    labels = {method.name: method.label for method in evaluation.methods}
    slices = [part for part in evaluation.slices if part.n_owners]
    measures = TABLE_MEASURES + (GRADED_MEASURES if evaluation.target == "circle" else ())
    shown = [evaluation.ours, *([best] if best else [])]
    plots = {
        "measures": plot_measures(evaluation.methods),
        "lorenz": plot_lorenz(evaluation.methods, best),
        "comparisons": plot_comparisons(evaluation.comparisons, labels) if best else "",
        "slices": plot_slices(slices, shown) if slices else "",
        "hit_rates": plot_hit_rates(shown),
        "gains": plot_gains(evaluation.gains) if evaluation.gains else "",
        "calibration": "" if evaluation.calibration is None else plot_calibration(evaluation.calibration),
    }
    return {
        "evaluation": evaluation, "best": best, "labels": labels, "verdict": verdict(evaluation),
        "measures": measures, "beyond": _beyond(evaluation), "slices": slices,
        "empty_slices": [part.name for part in evaluation.slices if not part.n_owners],
        "comparisons": [c for c in evaluation.comparisons if c.measure == MAIN_MEASURE],
        "calibration": calibration_sentence(evaluation),
        "facts": _fact_rows(evaluation.facts),
        "config": flat_settings(evaluation.facts.get("config") or {}),
        "seconds": [(labels.get(name, name), s) for name, s in evaluation.facts.get("seconds", {}).items()],
        # Drawn by us from numbers and escaped text, so safe to stand in the page as it is.
        "plots": {name: Markup(svg) for name, svg in plots.items()},
    }  # fmt: skip


def _beyond(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    there = evaluation.ours.beyond
    return [(name, title, meaning) for name, (title, meaning) in BEYOND.items() if name in there]


def _fact_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {
        "snapshot_id": "snapshot",
        "dataset_hash": "dataset",
        "cut_time": "cut",
        "train_seconds": "seconds to train",
        "peak_memory_mb": "peak memory in MB",
        "seed": "seed",
        "n_owners_limit": "owners judged at most",
    }
    rows = []
    for key, title in names.items():
        value = facts.get(key)
        if value is not None:
            rows.append((title, f"{value:,.1f}" if isinstance(value, float) else str(value)))
    return rows


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, str]]:
    """Nested settings as rows `a.b` → value."""
    rows: list[tuple[str, str]] = []
    for key in sorted(config):
        value = config[key]
        if isinstance(value, Mapping):
            rows += flat_settings(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", str(value)))
    return rows
