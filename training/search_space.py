"""What `tune` may change: each knob with its range, and the configuration that a set of values means.

The shipped default lies inside every range, as the first trial is the default itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from training.config import Config

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Knob:
    """A number between `low` and `high`; `even` steps on a logarithmic scale unless whole."""

    low: float
    high: float
    whole: bool = False


KNOBS: Mapping[str, Knob] = {
    "ease_regularization": Knob(30.0, 3_000.0),
    "als_alpha": Knob(1.0, 60.0),
    "als_regularization_scale": Knob(0.1, 10.0),  # times the default of each set of factors
    "walk_top_k": Knob(50, 500, whole=True),
    "per_source": Knob(20, 200, whole=True),
    "n_negatives": Knob(20, 120, whole=True),
    "n_trees": Knob(60, 300, whole=True),
    "n_leaves": Knob(6, 48, whole=True),
    "learning_rate": Knob(0.03, 0.2),
}
OF_TIMED_WORLDS: Mapping[str, Knob] = {"order_half_life_days": Knob(14.0, 730.0)}


def knobs_for(timeless: bool) -> Mapping[str, Knob]:
    """The knobs that can matter in a world."""
    return KNOBS if timeless else {**KNOBS, **OF_TIMED_WORLDS}


def default_values(timeless: bool) -> dict[str, float]:
    """The shipped default, as values of the knobs."""
    config = Config()
    found = {
        "ease_regularization": config.operators.ease_regularization,
        "als_alpha": config.operators.als_alpha[0],
        "als_regularization_scale": 1.0,
        "walk_top_k": config.operators.walk_top_k,
        "per_source": config.candidates.per_source,
        "n_negatives": config.ranker.n_negatives,
        "n_trees": config.ranker.n_trees,
        "n_leaves": config.ranker.n_leaves,
        "learning_rate": config.ranker.learning_rate,
        "order_half_life_days": config.graphs.order_half_life_days,
    }
    return {name: found[name] for name in knobs_for(timeless)}


def config_of(values: Values) -> Config:
    """The default with these values of the knobs."""
    default = Config()
    scale = values["als_regularization_scale"]
    operators = replace(
        default.operators,
        ease_regularization=_short(values["ease_regularization"]),
        als_alpha=tuple(_short(values["als_alpha"]) for _ in default.operators.als_alpha),
        als_regularization=tuple(_short(scale * one) for one in default.operators.als_regularization),
        walk_top_k=int(values["walk_top_k"]),
    )
    ranker = replace(
        default.ranker,
        n_negatives=int(values["n_negatives"]), n_trees=int(values["n_trees"]),
        n_leaves=int(values["n_leaves"]), learning_rate=_short(values["learning_rate"]),
    )  # fmt: skip
    half_life = values.get("order_half_life_days", default.graphs.order_half_life_days)
    return replace(
        default,
        graphs=replace(default.graphs, order_half_life_days=_short(half_life)),
        operators=operators,
        candidates=replace(default.candidates, per_source=int(values["per_source"])),
        ranker=ranker,
    )


def _short(value: float) -> float:
    """Three significant digits: what is written to the file is what was tried."""
    return float(f"{value:.3g}")
