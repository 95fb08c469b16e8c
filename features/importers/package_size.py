"""Package sizes as American grocers write them (`12 PK/12 OZ`, `1/2 GAL`, `18 CT`), in g, ml or pieces."""

from __future__ import annotations

import re
from dataclasses import dataclass

GRAMS_PER_OUNCE = 28.349523125
ML_PER_FLUID_OUNCE = 29.5735295625
OUNCE = ("OZ", "Z")

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("LB", "LBS"), ("g", 16 * GRAMS_PER_OUNCE)),
    **dict.fromkeys(("G", "GM", "GR"), ("g", 1.0)),
    **dict.fromkeys(("KG",), ("g", 1000.0)),
    **dict.fromkeys(("FL OZ",), ("ml", ML_PER_FLUID_OUNCE)),
    **dict.fromkeys(("PT", "PTS"), ("ml", 16 * ML_PER_FLUID_OUNCE)),
    **dict.fromkeys(("QT", "QTS"), ("ml", 32 * ML_PER_FLUID_OUNCE)),
    **dict.fromkeys(("GAL", "GA"), ("ml", 128 * ML_PER_FLUID_OUNCE)),
    **dict.fromkeys(("ML",), ("ml", 1.0)),
    **dict.fromkeys(("L", "LT", "LTR", "LRT"), ("ml", 1000.0)),
    **dict.fromkeys(("CT", "PK", "PC", "ROLL", "LOAD", "LOADS", "LD", "STEM", "STEMS"), ("piece", 1.0)),
    **dict.fromkeys(("DZ",), ("piece", 12.0)),
}  # fmt: skip

_NUMBER = r"(?:\d+ \d+/\d+|\d+/\d+|\d*\.\d+|\d+\.?)"
_UNIT = "|".join(sorted((*UNITS, *OUNCE), key=len, reverse=True))
_SIZE = re.compile(
    r"(?:[A-Z]{1,3} +)?"  # a letter code of the region or pack before the size: `P    16 OZ`
    r"(?:(?P<packs>\d+) ?PK ?[/ ] ?)?"  # 12 PK/12 OZ: twelve times twelve
    rf"(?P<number>{_NUMBER}|HALF)?[ -]?(?P<unit>{_UNIT})\*?(?: (?:BTL|CAN|BAG|BOX|PET|JAR))?"
)
_MULTIPLE = re.compile(rf"(?P<packs>\d+)/ ?(?P<number>\d*\.?\d+) ?(?P<unit>{_UNIT})")
_DENOMINATORS = (2, 3, 4, 8)
# above these a size is an article number in the wrong place: `45675615 OZ`
LARGEST = {"g": 50_000, "ml": 50_000, "piece": 1_000}


@dataclass(frozen=True, slots=True)
class PackageSize:
    """How much is in a package: `measure` is g, ml or piece."""

    measure: str
    quantity: float


def parse_package_size(text: str, *, fluid: bool) -> PackageSize | None:
    """The size a text names, or None where it names none or may mean two things.

    `fluid` says whether an ounce of this kind of product is a fluid ounce. `6/12 OZ` is six times twelve,
    `1/2 GAL` a half; `3/4 OZ` may be either, and `10 CT/12 OZ` may mean each or all: None. Ranges and
    lengths are None too.
    """
    text = text.strip().upper()
    multiple = _MULTIPLE.fullmatch(text)
    if multiple:
        packs, number = int(multiple["packs"]), float(multiple["number"])
        if packs != 1:
            if packs < number and number in _DENOMINATORS:
                return None
            return _size(packs * number, multiple["unit"], fluid)
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    if match["packs"] and match["number"] is None:
        return None
    number = _parse_number(match["number"]) if match["number"] else 1.0
    return _size(int(match["packs"] or 1) * number, match["unit"], fluid)


def _parse_number(text: str) -> float:
    """`10 3/4` is 10.75."""
    if text == "HALF":
        return 0.5
    total = 0.0
    for part in text.split():
        if "/" in part:
            over, under = part.split("/")
            total += int(over) / int(under) if int(under) else 0.0
        else:
            total += float(part)
    return total


def _size(number: float, unit: str, fluid: bool) -> PackageSize | None:
    if unit in OUNCE:
        measure, factor = ("ml", ML_PER_FLUID_OUNCE) if fluid else ("g", GRAMS_PER_OUNCE)
    else:
        measure, factor = UNITS[unit]
    quantity = round(number * factor, 3)
    return PackageSize(measure, quantity) if 0 < quantity <= LARGEST[measure] else None
