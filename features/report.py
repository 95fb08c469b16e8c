"""What a check of a dataset found, in sentences and in counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys.errors import DataError

N_SHOWN = 20
VALUE_LENGTH = 80
HOW_ROWS_COUNT = "rows count from 1: in a CSV, row 1 is the line below the header"


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of the contract.

    `row` counts the file's data rows from 1 (a CSV's header is not counted); None when it is about the whole
    file. `column` None means the row or the file as a whole. `value` is what came, as the file has it; None
    is an empty cell, or that there is no single value to show.
    """

    file: str
    row: int | None
    column: str | None
    rule: str
    value: str | None

    @property
    def sentence(self) -> str:
        """`orders.csv row 812: price_minor must be >= 0; got -5`."""
        place = self.file if self.row is None else f"{self.file} row {self.row}"
        what = self.rule if self.column is None else f"{self.column} {self.rule}"
        if self.row is None and self.value is None:
            return f"{place}: {what}"
        return f"{place}: {what}; got {shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows of a table break one rule; `column` None means the row or the file as a whole."""

    table: str
    column: str | None
    rule: str
    n: int

    @property
    def sentence(self) -> str:
        """`orders: price_minor must be >= 0`."""
        return f"{self.table}: {self.rule if self.column is None else f'{self.column} {self.rule}'}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    `n_rows` by table, as the files have them. `errors` and `warnings` are counted by table, column and rule;
    `violations` are the first 20 errors. `flags` count what is kept but treated apart: n_test_orders (0 or 1
    minor unit), n_self_orders (an owner through her own link), n_duplicates (exact copies, counted once).
    `unknown_columns` by table are ignored. `off` is what will be off and why. `n_quarantined` by table is
    what was set aside; `broken` says whether something is wrong that was not.
    """

    path: Path
    n_rows: Mapping[str, int]
    errors: tuple[Tally, ...] = ()
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Tally, ...] = ()
    flags: Mapping[str, int] = field(default_factory=dict)
    unknown_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    off: tuple[tuple[str, str], ...] = ()
    n_quarantined: Mapping[str, int] = field(default_factory=dict)
    n_duplicates: Mapping[str, int] = field(default_factory=dict)
    broken: bool = False

    @property
    def n_errors(self) -> int:
        """All breaches, counted; one row may break several rules."""
        return sum(tally.n for tally in self.errors)

    def raise_if_broken(self) -> None:
        """DataError with the first 20 sentences when something is wrong that was not set aside."""
        if not self.broken:
            return
        lines = [f"{self.path} breaks the data contract: {self.n_errors:,} errors ({HOW_ROWS_COUNT})"]
        lines += [f"  {violation.sentence}" for violation in self.violations]
        if self.n_errors > len(self.violations):
            lines.append(f"  … and {self.n_errors - len(self.violations):,} more")
        raise DataError("\n".join(lines))

    def as_text(self) -> str:
        """The report for a person: rows by table, what is wrong, what is kept apart, what will be off."""
        lines = [f"{self.path}: {len(self.n_rows)} tables, {sum(self.n_rows.values()):,} rows"]
        for name, n in self.n_rows.items():
            copies = self.n_duplicates.get(name, 0)
            note = f"   exact copies, counted once: {copies:,}" if copies else ""
            lines.append(f"  {name:<16}{n:>14,}{note}")
        for name, columns in self.unknown_columns.items():
            lines.append(f"Ignored, not in the contract: {name}: {', '.join(columns)}")
        lines += self._error_lines()
        if self.warnings:
            lines.append("Kept, but look at:")
            lines += [f"  {tally.n:>12,}  {tally.sentence}" for tally in self.warnings]
        if self.flags.get("n_test_orders"):
            lines.append(
                f"Test orders of 0 or 1 minor unit, left out of training: {self.flags['n_test_orders']:,}"
            )
        if self.flags.get("n_self_orders"):
            lines.append(f"Owners buying through their own link: {self.flags['n_self_orders']:,}")
        if self.off:
            lines.append("What will be off:")
            lines += [f"  {feature}: {why}" for feature, why in self.off]
        if self.n_quarantined:
            lines.append("Set aside, with the rows that hang on them:")
            lines += [f"  {name:<16}{n:>14,}" for name, n in self.n_quarantined.items()]
        lines.append("The data contract is broken." if self.broken else "The data contract is kept.")
        return "\n".join("".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines)

    def _error_lines(self) -> list[str]:
        if not self.errors:
            return []
        lines = [f"Errors: {self.n_errors:,} ({HOW_ROWS_COUNT})"]
        lines += [f"  {violation.sentence}" for violation in self.violations]
        if self.n_errors > len(self.violations):
            lines.append(f"  … and {self.n_errors - len(self.violations):,} more; all of them by rule:")
            lines += [f"  {tally.n:>12,}  {tally.sentence}" for tally in self.errors]
        return lines

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, for `check --json`."""
        return {
            "path": str(self.path),
            "ok": not self.broken,
            "n_rows": dict(self.n_rows),
            "n_errors": self.n_errors,
            "errors": [_tally_json(tally) for tally in self.errors],
            "first_errors": [_violation_json(violation) for violation in self.violations],
            "warnings": [_tally_json(tally) for tally in self.warnings],
            "flags": dict(self.flags),
            "n_duplicates": dict(self.n_duplicates),
            "unknown_columns": {name: list(columns) for name, columns in self.unknown_columns.items()},
            "off": [{"feature": feature, "why": why} for feature, why in self.off],
            "n_quarantined": dict(self.n_quarantined),
        }


def shown(value: str | None) -> str:
    """A value as a sentence shows it: plain where that is clear, else quoted, and never too long."""
    if value is None:
        return "nothing"
    cut = value if len(value) <= VALUE_LENGTH else value[:VALUE_LENGTH] + "…"
    return cut if cut.isprintable() and cut.strip() == cut and cut else repr(cut)


def _tally_json(tally: Tally) -> dict[str, Any]:
    return {"table": tally.table, "column": tally.column, "rule": tally.rule, "n": tally.n}


def _violation_json(violation: Violation) -> dict[str, Any]:
    return {
        "file": violation.file, "row": violation.row, "column": violation.column, "rule": violation.rule,
        "value": violation.value, "sentence": violation.sentence,
    }  # fmt: skip
