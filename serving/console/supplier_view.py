"""What a supplier learns, and what circles look for in vain, as sections of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.console.console import product_address
from serving.console.sections import Link, Section, heads, told
from serving.shop.words import Words


def supplier_sections(found: Mapping[str, Any], words: Words, *, with_links: bool) -> list[Section]:
    """The reply of a supplier's insights; `with_links`: whoever looks may open the products' value cards."""

    def product(one: Mapping[str, Any]) -> str | Link:
        return Link(one["title"], product_address(one["product_id"])) if with_links else str(one["title"])

    return told(
        _figures(found, words),
        Section(
            words.say("supplier.mends"), None, (),
            heads(words, "supplier", "product", "mend", "now", "then", "value", "value_after"),
            tuple(
                (product(one), words.named("mending", one["action"]), *_mend(one, words))
                for one in found["mends"]
            ), 2,
        ),
        _returns(found, words),
        Section(
            words.say("supplier.closed_by"), None, (),
            heads(words, "supplier", "closer", "n_products"),
            tuple(
                (words.named("closer", one["closer"]), words.figure(one["n_products"]))
                for one in found["closed_by"]
            ),
        ),
        Section(
            words.say("supplier.products"), None, (),
            heads(words, "supplier", "product", "closed", "mend", "value", "gap"),
            tuple((product(one), *_product(one, words)) for one in found["products"]), 3,
        ),
    )  # fmt: skip


def demand_sections(unmet: Sequence[Mapping[str, Any]], words: Words) -> list[Section]:
    """What members of circles buy where no open product of good value is."""
    columns = heads(words, "demand", "category", "price", "members", "owners", "n_products")
    rows = tuple(
        (
            one["category"], _price_range(one, words), _or_more(one["members"], words),
            _or_more(one["owners"], words), words.figure(one["n_products"]),
        )
        for one in unmet
    )  # fmt: skip
    note = words.say("demand.lead") if rows else words.say("demand.none")
    return [Section(words.say("demand.title"), note, (), columns, rows)]


def _or_more(n: int | None, words: Words) -> str:
    """A number that was rounded down to 10; a dash where it is under 10 and not told."""
    return "–" if n is None else words.say("demand.or_more", n=words.figure(n))


def _figures(found: Mapping[str, Any], words: Words) -> Section:
    figures = [(words.say("supplier.n_products"), words.figure(found["n_products"]))]
    if found["n_lines"] is not None:
        figures.append((words.say("supplier.n_lines"), words.figure(found["n_lines"])))
    if found["members"] is not None:
        figures.append((words.say("supplier.members"), _or_more(found["members"], words)))
    if (price := found["price"]) is not None:
        figures += [
            (words.say("supplier.median_gap"), words.part(price["median_gap"], 3)),
            (
                words.say("supplier.n_dearer", n=words.figure(price["n_compared"])),
                words.figure(price["n_dearer"]),
            ),
        ]
    note = words.say("supplier.too_few") if found["members"] is None else None
    return Section(words.say("supplier.figures"), note, tuple(figures))


def _returns(found: Mapping[str, Any], words: Words) -> Section:
    rows = tuple(
        (
            one["reason"], words.figure(one["lines"]), words.part(one["rate"], 4),
            words.part(one["usual_rate"], 4), words.figure(one["times_usual"], 2),
        )
        for one in found["returns"]
    )  # fmt: skip
    columns = heads(words, "supplier", "reason", "lines", "rate", "usual", "times")
    hidden = found["n_reasons_hidden"]
    note = words.say("supplier.hidden", n=words.figure(hidden)) if hidden else None
    return Section(words.say("supplier.returns"), note, (), columns, rows)


def _mend(one: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    is_rate = one["action"].endswith("_to_usual")
    ends = (words.part(one[end], 4) if is_rate else words.figure(one[end], 0) for end in ("from", "to"))
    return (*ends, words.figure(one["value_score"], 2), words.figure(one["value_score_after"], 2))


def _product(one: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    gap = one["price_gap"]
    return (
        ", ".join(words.named("closer", name) for name in one["closed_by"]) or "–",
        "–" if one["mend"] is None else words.named("mending", one["mend"]),
        "–" if one["value_score"] is None else words.figure(one["value_score"], 2),
        "–" if gap is None else words.part(gap, 3),
    )


def _price_range(one: Mapping[str, Any], words: Words) -> str:
    low, high, currency = one["price_from_minor"], one["price_below_minor"], one["currency"]
    if currency is None:
        return f"{words.figure(low)} – {words.figure(high)}"
    return f"{words.money(low, currency)} – {words.money(high, currency)}"
