"""The words of the page in each language, and numbers, money and dates as that language writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision

from recsys.category_tree import leaf_name

LANGUAGES: Mapping[str, str] = {"zh_Hant": "繁體中文", "zh_Hans": "简体中文", "en": "English"}
DEFAULT = "en"
COOKIE = "sharepicks_language"
PLACES = ("serving.shop", "serving.console")  # each with sections of its own
_TRADITIONAL = ("tw", "hk", "mo", "hant")


@dataclass(frozen=True, slots=True)
class Words:
    """One language at one time zone."""

    language: str
    zone: tzinfo

    @property
    def html_lang(self) -> str:
        """The language as HTML names it."""
        return self.language.replace("_", "-")

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key, `section.name`, with the values put in."""
        section, _, name = key.partition(".")
        return catalog(self.language)[section][name].format(**values)

    def named(self, section: str, code: str) -> str:
        """What a code is called; the code itself where the language has no name for it."""
        return catalog(self.language)[section].get(code, code)

    def money(self, minor: float, currency: str) -> str:
        """An amount in minor units of a currency (ISO 4217)."""
        amount = Decimal(round(minor)).scaleb(-get_currency_precision(currency))
        return format_currency(amount, currency, locale=self._locale)

    def rough_money(self, minor: float, currency: str) -> str:
        """The same where it is an estimate: whole units of the currency above ten of them."""
        whole = 10 ** get_currency_precision(currency)
        if minor < 10 * whole:
            return self.money(minor, currency)
        return format_currency(
            round(minor / whole), currency, locale=self._locale, currency_digits=False,
            format="¤#,##0" if self.language == "en" else None,
        )  # fmt: skip

    def number(self, value: float) -> str:
        """A number, with at most one digit after the point."""
        return format_decimal(round(value, 1), locale=self._locale)

    def figure(self, value: float, digits: int = 3) -> str:
        """A measured number, with at most so many digits after the point."""
        return format_decimal(round(value, digits), locale=self._locale, decimal_quantization=False)

    def percent(self, share: float) -> str:
        """A share of one as a percentage."""
        return format_percent(share, locale=self._locale)

    def part(self, share: float, digits: int = 4) -> str:
        """A measured share of one as a percentage; `digits` of the share are kept."""
        return format_percent(round(share, digits), locale=self._locale, decimal_quantization=False)

    def moment(self, time: datetime) -> str:
        """A day with its hour."""
        return format_datetime(time, "short", tzinfo=self.zone, locale=self._locale)

    def day(self, time: datetime) -> str:
        """A day."""
        return format_date(time.astimezone(self.zone).date(), "medium", locale=self._locale)

    def week_day(self, time: datetime) -> str:
        """A day without its year."""
        return format_skeleton("MMMd", time.astimezone(self.zone), locale=self._locale)

    def leaf(self, category: str) -> str:
        """What a category is called: the end of its path."""
        return leaf_name(category)

    @property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)


@lru_cache(maxsize=len(LANGUAGES))
def catalog(language: str) -> Mapping[str, Mapping[str, str]]:
    """All words of a language by section and name."""
    found: dict[str, dict[str, str]] = {}
    for place in PLACES:
        found |= tomllib.loads((files(place) / "words" / f"{language}.toml").read_text("utf-8"))
    return found


def language_for(chosen: str | None, accept_language: str | None) -> str:
    """The language she chose; else the first that her browser asks for and we have."""
    if chosen in LANGUAGES:
        return str(chosen)
    for tag in _asked_for((accept_language or "")[:500]):
        parts = tag.lower().split("-")
        if parts[0] == "zh":
            return "zh_Hant" if any(part in _TRADITIONAL for part in parts[1:]) else "zh_Hans"
        if parts[0] == "en":
            return "en"
    return DEFAULT


def _asked_for(header: str) -> Sequence[str]:
    """The tags of an Accept-Language header, the most wanted first."""
    found = []
    for place, part in enumerate(header.split(",")):
        tag, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=") if rest else "1"
        try:
            found.append((-float(weight), place, tag))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(found)]
