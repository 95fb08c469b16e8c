"""The check of one row as JSON brings it: the rules and sentences of the table check, a row at a time.

Texts are read as cells of a CSV are (`rules.py` has the same rules as SQL); numbers and booleans as cells of
a Parquet file. A test holds both ways of checking equal, cell for cell.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from features.contract import TABLE_BY_NAME, TABLES, Column, Table
from features.rules import (
    EMAIL,
    ID_LIMIT,
    ORDERED_TIMES,
    PHONES,
    PLAIN_ID,
    currencies,
    malformed,
    range_rules,
)
from features.tables import INTEGER_TEXT, NUMBER_TEXT, OFFSET, TIME_OF_DAY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INT64 = 1 << 63
DAY = 86_400_000_000  # microseconds

_TIME = re.compile(TIME_OF_DAY + OFFSET)
_TIME_WITHOUT_OFFSET = re.compile(TIME_OF_DAY)
_INTEGER = re.compile(INTEGER_TEXT)
_NUMBER = re.compile(NUMBER_TEXT)
_SURELY_FINE_ID = re.compile("[A-Za-z_][!-?A-~]*")  # no @, and no telephone number starts so
_PLAIN_ID = re.compile(PLAIN_ID)
_EMAIL = re.compile(EMAIL, re.ASCII)
_PHONE = re.compile("|".join(f"(?:{phone})" for phone in PHONES), re.ASCII)
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"))
_FLAGS = {"true": True, "1": True, "false": False, "0": False}

NOT_PRINTABLE = f"must be 1 to {ID_LIMIT} printable characters"
LIKE_EMAIL = "must not be personal data and looks like an e-mail address; send a pseudonym"
LIKE_PHONE = "must not be personal data and looks like a phone number; send a pseudonym"
NOT_TEXT = "must be text: ids are never parsed, so write them as strings"

Cell = str | int | float | bool


def micros(time: datetime) -> int:
    """An aware time in microseconds since 1970 UTC, as rows hold it."""
    return (time - EPOCH) // MICROSECOND


class Breach(Exception):
    """A rule that a cell breaks: its sentence, without the cell."""


@dataclass(frozen=True, slots=True)
class RowError:
    """The first rule that a row breaks: the column (None: the row as a whole) and the sentence after it."""

    column: str | None
    rule: str

    def __str__(self) -> str:
        return self.rule if self.column is None else f"{self.column} {self.rule}"


@dataclass(frozen=True, slots=True)
class _RowRules:
    table: Table
    columns: tuple[tuple[str, bool, Callable[[Any], Cell | None]], ...]
    names: frozenset[str]
    ordered: tuple[tuple[str, str], ...]
    unknown: str


def check_row(table_name: str, row: Mapping[str, Any]) -> dict[str, Cell] | RowError:
    """The row's typed values in the contract's order, absent ones left out; or the first rule it breaks.

    Times come back as microseconds since 1970 (int), everything else as in the contract. KeyError for a
    table the contract does not have.
    """
    rules = _RULES[table_name]
    if not row.keys() <= rules.names:
        return RowError(None, rules.unknown)
    values: dict[str, Cell] = {}
    for name, required, read in rules.columns:
        raw = row.get(name)
        if raw is None or raw == "":
            if required:
                return RowError(name, "must not be empty")
            continue
        try:
            value = read(raw)
        except Breach as breach:
            return RowError(name, breach.args[0])
        if value is not None:
            values[name] = value
    for later, earlier in rules.ordered:
        if later in values and earlier in values and values[later] < values[earlier]:  # type: ignore[operator]
            return RowError(later, f"must not be before {earlier}")
    return values


def check_id(name: str, raw: Any) -> str | RowError:
    """An id as text; or the first rule that it breaks."""
    if raw is None or raw == "":
        return RowError(name, "must not be empty")
    try:
        return _read_id(raw)
    except Breach as breach:
        return RowError(name, breach.args[0])


def _rules_of(table: Table) -> _RowRules:
    names = tuple(column.name for column in table.columns)
    return _RowRules(
        table,
        tuple((column.name, column.required, _reader(column)) for column in table.columns),
        frozenset(names),
        tuple((later, earlier) for name, later, earlier in ORDERED_TIMES if name == table.name),
        f"names a column that {table.name} does not have; it has {', '.join(names)}",
    )


def _reader(column: Column) -> Callable[[Any], Cell | None]:
    if column.kind == "id":
        return _read_id
    if column.kind == "text":
        return _read_text
    if column.kind == "time":
        return _read_time
    if column.kind == "flag":
        return _read_flag
    if column.kind in ("choice", "currency"):
        allowed = frozenset(column.choices) if column.kind == "choice" else currencies()
        sentence = (
            f"must be one of {', '.join(column.choices)}"
            if column.kind == "choice"
            else "must be an ISO 4217 code in capitals, such as CNY"
        )
        return lambda raw: _read_one_of(raw, allowed, sentence)
    return _number_reader(column)


def _as_text(raw: Any) -> str:
    if type(raw) is str:
        return raw
    if type(raw) is int and -INT64 <= raw < INT64:
        return str(raw)
    raise Breach(NOT_TEXT)


def _read_id(raw: Any) -> str:
    text = _as_text(raw)
    if len(text) <= ID_LIMIT and _SURELY_FINE_ID.fullmatch(text):
        return text
    if len(text) > ID_LIMIT or not (_PLAIN_ID.fullmatch(text) or _is_printable(text)):
        raise Breach(NOT_PRINTABLE)
    if _EMAIL.fullmatch(text):
        raise Breach(LIKE_EMAIL)
    if _PHONE.fullmatch(text):
        raise Breach(LIKE_PHONE)
    return text


def _is_printable(text: str) -> bool:
    # not str.isprintable: it also refuses what this Python's Unicode tables do not know yet
    return not any(unicodedata.category(mark) in _UNPRINTABLE and mark != " " for mark in text)


def _read_text(raw: Any) -> str:
    text = _as_text(raw)
    if "\0" in text:
        raise Breach("must hold no NUL characters")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Breach("must be text in UTF-8, without lone surrogates") from None
    return text


def _read_one_of(raw: Any, allowed: frozenset[str], sentence: str) -> str:
    text = _as_text(raw)
    if text not in allowed:
        raise Breach(sentence)
    return text


_MALFORMED_TIME = malformed(Column("", "time"))


def _read_time(raw: Any) -> int:
    if type(raw) is not str:
        raise Breach(_MALFORMED_TIME)
    if not _TIME.fullmatch(raw):
        if _TIME_WITHOUT_OFFSET.fullmatch(raw):
            raise Breach("must carry its offset from UTC (Z or +08:00)")
        raise Breach(_MALFORMED_TIME)
    text, days = raw.upper(), 0
    if re.fullmatch(
        "24:00:00([.]0+)?", text[11:].rstrip("Z").split("+")[0].split("-")[0]
    ):  # the end of a day, as DuckDB reads it
        text, days = text[:11] + "00" + text[13:], 1
    try:
        return micros(datetime.fromisoformat(text)) + days * DAY
    except (ValueError, OverflowError):
        raise Breach(_MALFORMED_TIME) from None


def _read_flag(raw: Any) -> bool:
    if type(raw) is bool:
        return raw
    found = _FLAGS.get(str(raw).lower()) if type(raw) in (str, int) else None
    if found is None:
        raise Breach("must be true or false")
    return found


def _number_reader(column: Column) -> Callable[[Any], Cell | None]:
    whole = column.kind in ("money", "count")
    sentence = malformed(column)
    ranges = dict(range_rules(column))
    minimum = -math.inf if column.minimum is None else column.minimum
    maximum = math.inf if column.maximum is None else column.maximum

    def read(raw: Any) -> Cell:
        number = _whole(raw, sentence) if whole else _finite(raw, sentence)
        if number < minimum:
            raise Breach(ranges["minimum"])
        if number > maximum:
            raise Breach(ranges["maximum"])
        return number

    return read


def _whole(raw: Any, sentence: str) -> int:
    if type(raw) is str and _INTEGER.fullmatch(raw) and len(raw) < 400:
        raw = int(raw)
    if type(raw) is int and -INT64 <= raw < INT64:
        return raw
    raise Breach(sentence)


def _finite(raw: Any, sentence: str) -> float:
    if type(raw) is int or (type(raw) is str and _NUMBER.fullmatch(raw)):
        try:
            raw = float(raw)
        except OverflowError:
            raise Breach(sentence) from None
    if type(raw) is float and math.isfinite(raw):
        return raw + 0.0  # one zero: -0.0 and 0.0 are the same content
    raise Breach(sentence)


_RULES = {table.name: _rules_of(table) for table in TABLES}
assert _RULES.keys() == TABLE_BY_NAME.keys()
