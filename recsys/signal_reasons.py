"""Reasons that come from what moves: due again, sold by peers, new from a proven supplier, rising."""

from __future__ import annotations

from collections.abc import Iterator

from recsys.domain import Reason
from recsys.grounds import Grounds
from recsys.signals import Signals

MIN_CIRCLE_MEMBERS = 2  # one alone could be known by it
MIN_PEERS = 2


def signal_reasons(signals: Signals, grounds: Grounds, row: int) -> Iterator[Reason]:
    """What the signals say for a product, the most telling first; codes are the names of the sources."""
    if (required := grounds.one_short.get(row)) is not None:
        text = f"your group of {required} lacks one member"
        yield Reason("one_short", text, {"required": required, "n_missing": 1})
    if (n_members := grounds.rebuy_members.get(row, 0)) >= MIN_CIRCLE_MEMBERS:
        text = f"{n_members} of your circle bought it before, and may be running out of it about now"
        yield Reason("rebuy_due", text, {"n_members": n_members})
    if (n_owners := grounds.peer_owners.get(row, 0)) >= MIN_PEERS:
        text = f"{n_owners} owners like you sold it by sharing it"
        yield Reason("peers", text, {"n_owners": n_owners})
    if signals.new_proven is not None and signals.new_proven[row] > 0:
        assert signals.supplier_kept is not None and signals.supplier_lines is not None
        kept, lines = int(signals.supplier_kept[row]), int(signals.supplier_lines[row])
        text = f"new from a supplier of whose {lines} order lines {kept} were kept"
        yield Reason("new_proven", text, {"n_kept": kept, "n_lines": lines})
    if signals.rising is not None and signals.rising[row] > 0:
        assert signals.rising_recent is not None and signals.rising_before is not None
        recent, before = int(signals.rising_recent[row]), int(signals.rising_before[row])
        text = f"rising: {recent} people bought and kept it in 7 days, {before} in the 21 days before"
        yield Reason("rising", text, {"n_recent": recent, "n_before": before})
