"""A product's value card: the reply of good-value, with its comparables and the arithmetic, as sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.console.console import product_address
from serving.console.sections import Link, Section, heads, told
from serving.shop.why_view import why_of
from serving.shop.words import Words


def product_sections(found: Mapping[str, Any], words: Words) -> list[Section]:
    """What `recsys/explain_value.py` tells of a product; a note where nothing is known of its value."""
    value = found["good_value"]
    if value is None:
        return [Section(words.say("product.value"), words.say("why.unknown"))]
    arithmetic = why_of(found, words)
    return told(
        Section(words.say("product.value"), None, tuple(_value(value, words))),
        Section(words.say("why.sum"), found["formula"], tuple(arithmetic["rows"])),
        Section(
            words.say("why.part"), None, (),
            heads(words, "why", "part", "rate", "weight"), tuple(arithmetic["parts"]),
        ),
        _comparables(found, words),
    )  # fmt: skip


def _value(value: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    figures = []
    for name in ("value_score", "value_low", "quality", "quality_low", "return_rate", "price_percentile"):
        if value[name] is not None:
            figures.append((words.named("product", name), words.part(value[name], 3)))
    for name in ("n_mature", "n_comparables"):
        figures.append((words.named("product", name), words.figure(value[name])))
    badge = value["badge"]
    figures.append((words.say("product.badge"), "–" if badge is None else words.named("card", badge)))
    return figures


def _comparables(found: Mapping[str, Any], words: Words) -> Section:
    rows = tuple(
        (
            Link(other["title"], product_address(other["product_id"])),
            words.figure(other["unit_price_minor"], 4),
            words.part(other["quality"], 3), words.figure(other["worth"]),
            words.figure(other["worth_spread"]), words.part(other["p_worse"], 3),
        )
        for other in found["comparables"]
    )  # fmt: skip
    columns = (
        words.say("why.comparable"), words.say("product.unit_price_minor"), words.say("product.quality"),
        words.say("product.worth"), words.say("product.worth_spread"), words.say("why.p_worse"),
    )  # fmt: skip
    return Section(words.say("why.comparables"), None, (), columns, rows)
