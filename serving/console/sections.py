"""What a page of the console is laid out from: sections of figures and tables, every cell a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.shop.words import Words


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to another page of the console."""

    text: str
    href: str


Cell = str | Link


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page: a title, then a note, figures by name, a table; what is empty is left out.

    `n_words`: how many columns at the left hold words; the others hold numbers and stand to the right.
    """

    title: str
    note: str | None = None
    figures: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    n_words: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing under its title."""
        return self.note is None and not self.figures and not self.rows


def told(*sections: Section) -> list[Section]:
    """The sections that hold something."""
    return [section for section in sections if not section.is_empty]


def flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows `a.b` → value, sorted by name."""
    rows: list[tuple[str, str]] = []
    for name in sorted(config):
        value = config[name]
        rows += (
            flat(value, f"{prefix}{name}.")
            if isinstance(value, Mapping)
            else [(f"{prefix}{name}", str(value))]
        )
    return rows


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list in a file that is not ours to trust; [] for anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def object_of(value: object) -> Mapping[str, Any]:
    """An object in such a file; {} for anything else."""
    return value if isinstance(value, Mapping) else {}


def number_of(value: object) -> float | None:
    """A number in such a file; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def heads(words: Words, section: str, *codes: str) -> tuple[str, ...]:
    """The heads of columns: what each code is called."""
    return tuple(words.named(section, code) for code in codes)
