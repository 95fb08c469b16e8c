"""Writes a configuration as the TOML that `train --config` reads: only what differs from the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from features.whole_text import write_whole
from training.config import Config


def config_text(config: Config, comments: Sequence[str] = ()) -> str:
    """The file's text; `comments` stand at its head, one a line."""
    lines = [f"# {comment}" for comment in comments]
    for section, changed in changes(config).items():
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in changed.items())]
    return "\n".join(lines) + "\n"


def write_config(config: Config, path: Path, comments: Sequence[str] = ()) -> None:
    """Writes it beside its place and renames it there."""
    write_whole(path, config_text(config, comments))


def changes(config: Config) -> Mapping[str, Mapping[str, Any]]:
    """Section → key → value, for what differs from the default."""
    default, chosen = Config().as_mapping(), config.as_mapping()
    found = {
        section: {key: value for key, value in values.items() if value != default[section][key]}
        for section, values in chosen.items()
    }
    return {section: changed for section, changed in found.items() if changed}


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
