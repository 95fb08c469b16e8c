"""The configuration: every key, its unit and its default; unknown keys are refused.

`default.toml` beside this file says the same with a comment for each key; a test holds the two equal.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from recsys.errors import ConfigError
from recsys.list_rules import ListRules
from recsys.trees import MAX_LEAVES
from training.operators import WALKS, OperatorPlan

SHARES_OF_ONE = ("commission_band", "value_floor", "max_product_share", "max_supplier_share")
DEFAULT_FILE = Path(__file__).with_name("default.toml")


@dataclass(frozen=True, slots=True)
class Run:
    """What holds for the whole run."""

    seed: int = 0
    memory_limit_mb: int = 4000


@dataclass(frozen=True, slots=True)
class Graphs:
    """How orders become graphs."""

    order_half_life_days: float = 180.0
    co_purchase_half_life_days: float = 90.0
    co_purchase_member_cap: int = 200
    co_purchase_hub_damping: float = 0.0
    co_purchase_top_k: int = 50
    co_purchase_min_members: int = 2
    weigh_orders: int = 1


@dataclass(frozen=True, slots=True)
class Candidates:
    """How many products each source may propose."""

    per_source: int = 40


@dataclass(frozen=True, slots=True)
class RankerPlan:
    """How the ranker learns."""

    max_folds: int = 6
    enough_queries: int = 3_000
    fold_fraction: float = 0.1
    n_moments: int = 2
    moment_days: float = 30.0
    n_negatives: int = 50
    max_pairs: int = 600_000
    n_trees: int = 60
    n_leaves: int = 15
    learning_rate: float = 0.16
    min_examples: int = 200


@dataclass(frozen=True, slots=True)
class AudiencePlan:
    """How the ranker of audiences learns: half of the pairs ask a live store, half an aged snapshot."""

    max_pairs: int = 360_000
    n_trees: int = 130


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that training can be told."""

    run: Run = field(default_factory=Run)
    graphs: Graphs = field(default_factory=Graphs)
    operators: OperatorPlan = field(default_factory=OperatorPlan)
    candidates: Candidates = field(default_factory=Candidates)
    ranker: RankerPlan = field(default_factory=RankerPlan)
    audience: AudiencePlan = field(default_factory=AudiencePlan)
    list: ListRules = field(default_factory=ListRules)

    def as_mapping(self) -> dict[str, Any]:
        """Section → key → value, JSON values only."""
        return {
            section: {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
            for section, values in asdict(self).items()
        }


def read_config(file: Path) -> Config:
    """The configuration in a TOML file, defaults where it is silent; ConfigError for what it may not say."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such configuration file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: must be UTF-8: {error}") from None
    try:
        return config_from(tomllib.loads(text), str(file))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not readable as TOML: {error}") from None


def config_from(values: Mapping[str, Any], where: str = "config") -> Config:
    """A configuration from section → key → value; ConfigError names the key, the rule and what came."""
    sections = {f.name: f for f in fields(Config)}
    _refuse_unknown(values, sections, where)
    made = {}
    hints = get_type_hints(Config)
    for name, section in values.items():
        if not isinstance(section, Mapping):
            raise ConfigError(f"{where}: {name} must be a section of keys; got {section!r}")
        kind = hints[name]
        keys = get_type_hints(kind)
        _refuse_unknown(section, keys, f"{where} [{name}]")
        made[name] = kind(**{k: _typed(v, keys[k], f"{where} [{name}] {k}") for k, v in section.items()})
    config = Config(**made)
    sets = (config.operators.als_factors, config.operators.als_alpha, config.operators.als_regularization)
    if len({len(values) for values in sets}) > 1:
        raise ConfigError(
            f"{where} [operators]: als_factors, als_alpha and als_regularization must be equally long; "
            f"got {' and '.join(str(len(values)) for values in sets)}"
        )
    for key in SHARES_OF_ONE:
        if (part := getattr(config.list, key)) > 1:
            raise ConfigError(f"{where} [list] {key}: must be between 0 and 1; got {part!r}")
    if not 2 <= (leaves := config.ranker.n_leaves) <= MAX_LEAVES:
        raise ConfigError(f"{where} [ranker] n_leaves: must be between 2 and {MAX_LEAVES}; got {leaves}")
    for walk in config.operators.walks:
        if walk not in WALKS:
            raise ConfigError(f"{where} [operators] walks: must be among {', '.join(WALKS)}; got {walk!r}")
    return config


def _refuse_unknown(values: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")


def _typed(value: Any, kind: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind in (int, float):
        if type(value) is not kind:
            raise ConfigError(
                f"{where}: must be {'a whole number' if kind is int else 'a number'}; got {value!r}"
            )
        if value < 0:
            raise ConfigError(f"{where}: must be >= 0; got {value!r}")
        return value
    element = kind.__args__[0]
    if not isinstance(value, list) or not all(type(v) is element for v in value):
        raise ConfigError(f"{where}: must be a list of {element.__name__}; got {value!r}")
    return tuple(value)
