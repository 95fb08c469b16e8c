"""A reply for a person: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import typer
from babel.numbers import get_currency_precision
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsys.domain import Offer, Pick, Reply, Target

FALLBACKS = {
    "circle": "she ordered nothing herself: these are for what her circle orders",
    "upline": "nothing is known of her circle: these are for the circle of the owner who brought her in",
    "region": "nothing is known of this owner or her circle: these are for what circles of her region order",
    "popular": "nothing is known of this owner or her circle: these are what most people order",
}
SHORTER = {
    "out_of_stock": "the rest of what was found for her is out of stock",
    "low_quality": "the rest of what was found for her ends badly too often",
    "no_good_value": "the rest of what was found for her is poor value or spoils more ties than it wins",
    "parity": "the rest of what was found for her costs less elsewhere",
    "blocked": "the rest of what was found for her is blocked: too many of its newest orders went badly",
    "shared_recently": "the rest of what was found for her she shared in the last 14 days",
    "ordered_before": "the rest of what was found for her she ordered before",
    "other_category": "no more of what was found for her lies in that category",
    "over_max_price": "no more of what was found for her has a price, and one that low",
    "list_ended": "the list she gave has no more products that are known",
    "empty_catalogue": "the catalogue is empty",
    "few_products": "there are no more products to choose from",
}


def print_picks(reply: Reply, n: int, snapshot_id: str, as_of: datetime | None) -> None:
    """Print a reply of at most n picks: a table on a terminal, else two plain lines for each pick."""
    lines = [headline(reply, snapshot_id, as_of), *notes(reply, n)]
    if sys.stdout.isatty():
        console = Console()
        for line in lines:
            console.print(Text(line))
        if reply.picks:
            console.print(picks_table(reply))
        return
    typer.echo("\n".join([*lines, *plain_picks(reply)]))


def headline(reply: Reply, snapshot_id: str, as_of: datetime | None) -> str:
    """Who is asked about, for what, from which snapshot and moment."""
    moment = "" if as_of is None else f", as of {as_of:%Y-%m-%d %H:%M} UTC"
    return f"Picks for {printable(reply.owner_id)}, target {reply.target} (snapshot {snapshot_id}{moment})"


def notes(reply: Reply, n: int) -> Iterator[str]:
    """What the owner of the list should know: which fallback served, and why it is shorter than n."""
    if reply.fallback is not None:
        yield f"fallback {reply.fallback}: {FALLBACKS.get(reply.fallback, 'too little is known of her')}"
    if reply.shorter_because is not None:
        why = SHORTER.get(reply.shorter_because, reply.shorter_because)
        yield f"{len(reply.picks)} of {n} picks: {why}"


def plain_picks(reply: Reply) -> Iterator[str]:
    """Two lines for each pick: what it is, and why it is there."""
    for pick in reply.picks:
        price = price_text(pick.offer)
        parts = [f"{printable(pick.title)} ({printable(pick.product_id)})", *([price] if price else [])]
        yield f"{pick.position:>3}. {'  '.join(parts)}  [{pick.source}]"
        yield f"     {_why(pick)}"
        if pick.expected is not None:
            yield f"     {expected_text(pick, reply.target)}"


def picks_table(reply: Reply) -> Table:
    """One row for each pick, as wide as the terminal."""
    table = Table()
    table.add_column("", justify="right")
    table.add_column("product", overflow="fold")
    table.add_column("price", justify="right", no_wrap=True)
    told = any(pick.expected is not None for pick in reply.picks)
    if told:
        table.add_column("expected", overflow="fold")
    table.add_column("source", no_wrap=True)
    table.add_column("why", overflow="fold", ratio=1)
    for pick in reply.picks:
        cells = (str(pick.position), f"{printable(pick.title)}\n{printable(pick.product_id)}",
                 price_text(pick.offer), *([expected_text(pick, reply.target)] if told else []),
                 pick.source, _why(pick))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))  # as Text: a title may hold what looks like markup
    return table


def expected_text(pick: Pick, target: Target) -> str:
    """What one share is expected to bring: `0.82 kept orders (0 to 2), earns 3.10 CNY (0.00 to 7.60)`."""
    expected = pick.expected
    if expected is None:
        return ""
    if target == "self":
        return f"orders it with a chance of {expected.kept.mid:.0%}"
    kept = expected.kept
    text = f"{kept.mid:.2f} kept orders a share ({kept.low:.0f} to {kept.high:.0f})"
    if expected.earnings is None or pick.offer is None:
        return text
    low, mid, high = (
        price_text(Offer(round(minor), pick.offer.currency))
        for minor in (expected.earnings.low, expected.earnings.mid, expected.earnings.high)
    )
    return f"{text}, earns {mid} ({low.split()[0]} to {high.split()[0]})"


def price_text(offer: Offer | None) -> str:
    """A price in major units with as many decimals as its currency has: `19.90 CNY`, `1990 JPY`."""
    if offer is None:
        return ""
    decimals = get_currency_precision(offer.currency)
    return f"{Decimal(offer.price_minor).scaleb(-decimals):.{decimals}f} {offer.currency}"


def printable(text: str) -> str:
    """The text without what could steer a terminal: a supplier writes titles, not escape codes."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _why(pick: Pick) -> str:
    return printable("; ".join(reason.text for reason in pick.reasons))
