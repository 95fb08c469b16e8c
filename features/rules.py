"""What one cell must be: the rules of each kind of column, as SQL that finds the cells that break them.

The rules of a column are tried in order, and a cell breaks at most one: the first. Each rule is the sentence
that follows the column's name (`price_minor must be >= 0`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from features.contract import Column
from features.dataset import Dataset
from features.tables import NO_TYPE, TIME_OF_DAY, Source, identifier, quoted, type_fits

# Plain ids are the rule: one cheap match clears them, and only the rest is looked at closely.
PLAIN_ID = "[!-?A-~ ]+"  # printable ASCII but @
# control and format characters, line breaks, and every space but the plain one
UNPRINTABLE = r"[\pC\p{Zl}\p{Zp}\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
PHONES = (
    r"\+[0-9][0-9 ().-]{6,18}[0-9]",  # international
    r"((\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}",  # a Chinese mobile
    r"\(?[0-9]{3}\)?[-. ][0-9]{3}[-. ][0-9]{4}",  # a North American number as people write it
)
ID_LIMIT = 128
NOT_MONEY = ("CNH", "XTS", "XXX")  # the list also has codes that name no currency of ISO 4217


@dataclass(frozen=True, slots=True)
class Rule:
    """A sentence about a column and the SQL that is true where a row breaks it."""

    text: str
    broken: str


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """The rules of one column of one file.

    `shown` is SQL of the cell as the file has it, as text. `clear` is SQL that is true only where a cell
    keeps every rule: it spares nearly all cells the closer look.
    """

    column: Column
    shown: str
    rules: tuple[Rule, ...]
    clear: str = "false"

    @property
    def verdict(self) -> str:
        """SQL of the place of the first rule broken; NULL where the cell keeps them all."""
        if not self.rules:
            return "CAST(NULL AS TINYINT)"
        cases = " ".join(f"WHEN {rule.broken} THEN {place}" for place, rule in enumerate(self.rules))
        return f"CAST(CASE WHEN {self.clear} THEN NULL {cases} END AS TINYINT)"


def value_name(column: Column) -> str:
    """The SQL name under which a rule finds a column's typed value."""
    return identifier(f"typed {column.name}")


def raw_name(column: Column) -> str:
    """The SQL name under which a rule finds a column's cell as the file has it."""
    return identifier(f"raw {column.name}")


def column_rules(dataset: Dataset, source: Source) -> tuple[ColumnRules, ...]:
    """The rules of every contract column that the file has."""
    found = []
    for column in source.table.columns:
        if column.name in source.columns:
            sql_type = source.columns[column.name][1]
            rules = _rules(column, sql_type, required=dataset.requires(column))
            rules += _row_rules(source, column)
            clear = _clear_id(value_name(column)) if column.kind == "id" else "false"
            found.append(ColumnRules(column, f"CAST({raw_name(column)} AS VARCHAR)", rules, clear))
    return tuple(found)


def _rules(column: Column, sql_type: str, *, required: bool) -> tuple[Rule, ...]:
    raw, value = raw_name(column), value_name(column)
    present = f"nullif({raw}, '') IS NOT NULL" if sql_type == "VARCHAR" else f"{raw} IS NOT NULL"
    rules = [Rule("must not be empty", f"NOT ({present})")] if required else []
    if sql_type == NO_TYPE:
        return tuple(rules)
    if not type_fits(column.kind, sql_type):
        return (*rules, Rule(_wrong_type(column, sql_type), present))
    if column.kind == "time" and sql_type == "VARCHAR":
        lacks = f"regexp_full_match({raw}, {quoted(TIME_OF_DAY)})"
        rules.append(
            Rule("must carry its offset from UTC (Z or +08:00)", f"{value} IS NULL AND {present} AND {lacks}")
        )
    if column.kind not in ("id", "text", "choice", "currency"):
        rules.append(Rule(malformed(column), f"{value} IS NULL AND {present}"))
    if column.kind == "id":
        rules += _id_rules(value)
    if column.kind == "text":
        rules.append(Rule("must hold no NUL characters", f"contains({value}, chr(0))"))
    if column.kind == "choice":
        allowed = ", ".join(quoted(choice) for choice in column.choices)
        rules.append(Rule(f"must be one of {', '.join(column.choices)}", f"{value} NOT IN ({allowed})"))
    if column.kind == "currency":
        codes = ", ".join(quoted(code) for code in sorted(currencies()))
        rules.append(Rule("must be an ISO 4217 code in capitals, such as CNY", f"{value} NOT IN ({codes})"))
    return (*rules, *_range_rules(column, value))


def _wrong_type(column: Column, sql_type: str) -> str:
    held = f"the file holds {sql_type}"
    if column.kind == "time":
        if sql_type.startswith("TIMESTAMP"):
            return f"must carry its offset from UTC; {held} without a zone: write timestamps with a zone"
        return f"must be a timestamp with a zone or RFC 3339 text; {held}"
    if column.kind in ("money", "count"):
        return f"must be an integer; {held}: write int64 (empty cells as nulls)"
    if column.kind in ("rate", "number"):
        return f"must be a number; {held}"
    if column.kind == "flag":
        return f"must be true or false; {held}"
    return f"must be text; {held}: ids are never parsed, so write them as strings"


def malformed(column: Column) -> str:
    """The sentence about a cell that is no value of the column's kind."""
    if column.kind == "time":
        return "must be an RFC 3339 time with an offset, such as 2024-05-01T08:30:00+08:00"
    if column.kind in ("money", "count"):
        return "must be an integer" + (" in minor units (cents, fen)" if column.kind == "money" else "")
    return "must be true or false" if column.kind == "flag" else "must be a finite number"


def _clear_id(value: str) -> str:
    return (
        f"strlen({value}) <= {ID_LIMIT} AND regexp_full_match({value}, {quoted(PLAIN_ID)}) "
        f"AND NOT ({value} < ':' AND ({_perhaps_phone(value)}))"
    )


def _perhaps_phone(value: str) -> str:
    # Digits as they stand: only those of a mobile's length and start are worth a pattern.
    mobile = f"strlen({value}) = 11 AND {value} >= '13' AND {value} < '2'"
    written = f"contains({value}, '-') OR contains({value}, ' ') OR contains({value}, '.')"
    return f"({mobile}) OR {value} < '1' OR {value} LIKE '86%' OR {written}"  # + ( 0 stand before 1


def _id_rules(value: str) -> list[Rule]:
    phones = "|".join(f"({phone})" for phone in PHONES)
    return [
        Rule(
            f"must be 1 to {ID_LIMIT} printable characters",
            f"length({value}) > {ID_LIMIT} OR regexp_matches({value}, {quoted(UNPRINTABLE)})",
        ),
        Rule(
            "must not be personal data and looks like an e-mail address; send a pseudonym",
            f"regexp_full_match({value}, {quoted(EMAIL)})",
        ),
        Rule(
            "must not be personal data and looks like a phone number; send a pseudonym",
            f"regexp_full_match({value}, {quoted(phones)})",
        ),
    ]


def _range_rules(column: Column, value: str) -> list[Rule]:
    sql = {"minimum": f"{value} < {column.minimum or 0:g}", "maximum": f"{value} > {column.maximum or 0:g}"}
    return [Rule(text, sql[end]) for end, text in range_rules(column)]


def range_rules(column: Column) -> list[tuple[str, str]]:
    """The ends of the column's range that it has, `minimum` or `maximum`, each with its sentence."""
    rules = []
    if column.minimum is not None:
        rules.append(("minimum", f"must be >= {column.minimum:g}"))
    if column.maximum is not None:
        text = f"must be <= {column.maximum:g}"
        if column.name == "commission_rate":
            text = (
                "must be a fraction from 0 to 1; some platforms send per mille or basis points: "
                "divide by 1,000 or by 10,000"
            )
        rules.append(("maximum", text))
    return rules


# What a row must keep within itself: (table, later column, earlier column).
ORDERED_TIMES = (
    ("offers", "expire_time", "effective_time"),
    ("orders", "delivered_time", "order_time"),
    ("group_buys", "expire_time", "open_time"),
)


def _row_rules(source: Source, column: Column) -> tuple[Rule, ...]:
    rules = []
    for table_name, later, earlier in ORDERED_TIMES:
        if table_name == source.table.name and later == column.name and earlier in source.columns:
            before = value_name(source.table.column(earlier))
            rules.append(Rule(f"must not be before {earlier}", f"{value_name(column)} < {before}"))
    return tuple(rules)


@cache
def currencies() -> frozenset[str]:
    """The codes of ISO 4217, from CLDR's list."""
    from babel.numbers import list_currencies

    return frozenset(list_currencies()) - frozenset(NOT_MONEY)
