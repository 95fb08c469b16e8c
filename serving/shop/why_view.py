"""The arithmetic behind the value of a product, as an owner can check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.shop.cards import UNITS_SHOWN
from serving.shop.words import Words

N_COMPARABLES = 30


def why_of(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What the page shows of an explanation (`recsys/explain_value.py`): figures, parts and comparables."""
    arithmetic, value, currency = told["arithmetic"], told["good_value"], told["currency"]
    if arithmetic is None or value is None:
        return {"told": told, "rows": [], "parts": [], "comparables": [], "unit_price_title": ""}
    unit = arithmetic["unit"] or "piece"
    n_units = UNITS_SHOWN[unit]
    title = words.say("why.unit_price", unit=words.say(f"card.unit_{unit}"))

    def money(minor: float | None, times: float = 1) -> str | None:
        return None if minor is None or currency is None else words.money(minor * times, currency)

    quality = value["quality"]
    figures = [
        (words.say("why.quality"), None if quality is None else words.percent(round(quality, 3))),
        (words.say("why.price"), money(arithmetic["price_minor"])),
        (title, money(arithmetic["unit_price_minor"], n_units)),
        (words.say("why.fair_price"), money(arithmetic["fair_unit_price_minor"], n_units)),
        (words.say("why.low_30"), money(arithmetic["low_30_minor"])),
        (words.say("why.median_30"), money(arithmetic["median_30_minor"])),
    ]
    parts = [
        (
            words.say(f"why.{part['part']}"),
            f"{words.number(part['rate'] * 100)} / 100",
            words.number(part["weight"]),
        )
        for part in arithmetic["parts"]
    ]
    comparables = [
        (
            other["title"],
            money(other["unit_price_minor"], n_units) or "",
            words.percent(round(other["p_worse"], 2)),
        )
        for other in told["comparables"][:N_COMPARABLES]
    ]
    rows = [(name, figure) for name, figure in figures if figure is not None]
    return {
        "told": told, "rows": rows, "parts": parts, "comparables": comparables, "unit_price_title": title,
    }  # fmt: skip
