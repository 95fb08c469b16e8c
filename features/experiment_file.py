"""Reads an experiment from its TOML file; what is wrong with one is said in a sentence.

name = "autumn"
salt = "2026-11"
start = 2026-11-01T00:00:00Z
end = 2026-12-01T00:00:00Z

[[policies]]            # the first is the control
name = "now"
snapshot_id = "9903ab4ada0372cb"

[[policies]]
name = "more_slots"
snapshot_id = "9903ab4ada0372cb"
weight = 1.0
[policies.list]         # list rules in place of the snapshot's own
exploration_slots = 2
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

from recsys.errors import ConfigError
from recsys.experiment import METRICS, NAME, NAME_RULE, Experiment, Policy
from recsys.list_rules import ListRules

KEYS = ("name", "salt", "start", "end", "metric", "expected_effect", "policies")
POLICY_KEYS = ("name", "snapshot_id", "weight", "list")


def read_experiment(file: Path) -> Experiment:
    """The experiment in a TOML file; ConfigError names file, key, rule and what came."""
    try:
        return experiment_from(tomllib.loads(file.read_text("utf-8")), str(file))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such experiment file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: must be UTF-8: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not readable as TOML: {error}") from None


def experiment_from(values: Mapping[str, Any], where: str = "experiment") -> Experiment:
    """An experiment from the file's keys; ConfigError names the key, the rule and what came."""
    _refuse_unknown(values, KEYS, where)
    start, end = _moment(values, "start", where), _moment(values, "end", where)
    if end <= start:
        raise ConfigError(f"{where}: end must be after start; got {end.isoformat()}")
    metric = values.get("metric", METRICS[0])
    if metric not in METRICS:
        raise ConfigError(f"{where}: metric must be {' or '.join(METRICS)}; got {metric!r}")
    return Experiment(
        name=_name(values, where), salt=_text(values, "salt", where), policies=_policies(values, where),
        start_time=start, end_time=end, metric=metric,
        expected_effect=_positive(values, "expected_effect", 0.1, where),
    )  # fmt: skip


def _policies(values: Mapping[str, Any], where: str) -> tuple[Policy, ...]:
    told = values.get("policies")
    if not isinstance(told, list) or len(told) < 2 or not all(isinstance(one, Mapping) for one in told):
        raise ConfigError(f"{where}: there must be two [[policies]] or more, the control first; got {told!r}")
    policies = tuple(_policy(one, f"{where} [[policies]] {at}") for at, one in enumerate(told, 1))
    names = [policy.name for policy in policies]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: each policy must have a name of its own; {name!r} stands twice")
    return policies


def _policy(values: Mapping[str, Any], where: str) -> Policy:
    _refuse_unknown(values, POLICY_KEYS, where)
    return Policy(
        name=_name(values, where),
        snapshot_id=_text(values, "snapshot_id", where),
        weight=_positive(values, "weight", 1.0, where),
        list_rules=_list_rules(values.get("list", {}), f"{where} [policies.list]"),
    )


def _list_rules(told: Any, where: str) -> Mapping[str, int | float]:
    if not isinstance(told, Mapping):
        raise ConfigError(f"{where}: must be a section of keys; got {told!r}")
    _refuse_unknown(told, tuple(f.name for f in fields(ListRules)), where)
    kinds = get_type_hints(ListRules)
    return {key: _rule(value, kinds[key], f"{where} {key}") for key, value in told.items()}


def _rule(value: Any, kind: Any, where: str) -> int | float:
    whole = type(value) is int
    if not whole and (kind is int or type(value) is not float):
        raise ConfigError(f"{where}: must be a {'whole ' if kind is int else ''}number; got {value!r}")
    if not 0 <= value < math.inf:
        raise ConfigError(f"{where}: must be >= 0 and finite; got {value!r}")
    return int(value) if kind is int else float(value)


def _refuse_unknown(values: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")


def _name(values: Mapping[str, Any], where: str) -> str:
    name = _text(values, "name", where)
    if not NAME.fullmatch(name):
        raise ConfigError(f"{where}: name must be {NAME_RULE}; got {name!r}")
    return name


def _text(values: Mapping[str, Any], key: str, where: str) -> str:
    text = values.get(key)
    if not isinstance(text, str) or not text:
        raise ConfigError(f"{where}: {key} must be a text of one character or more; got {text!r}")
    return text


def _positive(values: Mapping[str, Any], key: str, default: float, where: str) -> float:
    number = values.get(key, default)
    if type(number) not in (int, float) or not 0 < number < math.inf:
        raise ConfigError(f"{where}: {key} must be a number above 0; got {number!r}")
    return float(number)


def _moment(values: Mapping[str, Any], key: str, where: str) -> datetime:
    moment = values.get(key)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ConfigError(
            f"{where}: {key} must be a time with an offset, like 2026-11-01T00:00:00Z, without quotes; "
            f"got {moment!r}"
        )
    return moment.astimezone(UTC)
