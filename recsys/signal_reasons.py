"""Reasons that come from what moves: due again, sold by peers, new from a proven supplier, rising."""

from __future__ import annotations

from collections.abc import Iterator

from recsys.domain import Reason
from recsys.scoring import Scoring

MIN_CIRCLE_MEMBERS = 2  # one alone could be known by it
MIN_PEERS = 2


def signal_reasons(scoring: Scoring, owner_row: int, product_row: int) -> Iterator[Reason]:
    """What the signals say for a pair, the most telling first; codes are the names of the sources."""
    model, signals = scoring.model, scoring.model.signals
    for_circle = owner_row >= 0 and scoring.profiles.target == "circle"
    if for_circle and signals.one_short is not None and model.as_of_us is not None:
        expire_us = scoring.entries_of(signals.one_short, "expire_time", owner_row).get(product_row)
        if expire_us is not None and expire_us > model.as_of_us:
            required = scoring.entries_of(signals.one_short, "required", owner_row)[product_row]
            text = f"your group of {required} lacks one member"
            yield Reason("one_short", text, {"required": required, "n_missing": 1})
    if for_circle and signals.rebuy_circle is not None:
        n_members = scoring.entries_of(signals.rebuy_circle, "n_members", owner_row).get(product_row, 0)
        if n_members >= MIN_CIRCLE_MEMBERS:
            text = f"{n_members} of your circle bought it before, and may be running out of it about now"
            yield Reason("rebuy_due", text, {"n_members": n_members})
    if owner_row >= 0 and signals.peers is not None:
        n_owners = scoring.entries_of(signals.peers, "n_owners", owner_row).get(product_row, 0)
        if n_owners >= MIN_PEERS:
            text = f"{n_owners} owners like you sold it by sharing it"
            yield Reason("peers", text, {"n_owners": n_owners})
    if signals.new_proven is not None and signals.new_proven[product_row] > 0:
        assert signals.supplier_kept is not None and signals.supplier_lines is not None
        kept, lines = int(signals.supplier_kept[product_row]), int(signals.supplier_lines[product_row])
        text = f"new from a supplier of whose {lines} order lines {kept} were kept"
        yield Reason("new_proven", text, {"n_kept": kept, "n_lines": lines})
    if signals.rising is not None and signals.rising[product_row] > 0:
        assert signals.rising_recent is not None and signals.rising_before is not None
        recent, before = int(signals.rising_recent[product_row]), int(signals.rising_before[product_row])
        text = f"rising: {recent} people bought and kept it in 7 days, {before} in the 21 days before"
        yield Reason("rising", text, {"n_recent": recent, "n_before": before})
