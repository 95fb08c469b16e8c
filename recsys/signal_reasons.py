"""Reasons that come from what moves: due again, sold by peers, new from a proven supplier, rising."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recsys.domain import Reason, Target
from recsys.groups import short_group
from recsys.model import Model
from recsys.sparse import CsrView

MIN_CIRCLE_MEMBERS = 2  # one alone could be known by it
MIN_PEERS = 2


def signal_reasons(model: Model, owner_row: int, product_row: int, target: Target) -> Iterator[Reason]:
    """What the signals say for a pair, the most telling first; codes are the names of the sources."""
    signals = model.signals
    group = short_group(model, owner_row, product_row, model.as_of_us) if target == "circle" else None
    if group is not None:
        text = f"your group of {group.required} lacks one member"
        yield Reason("one_short", text, {"required": group.required, "n_missing": 1})
    if owner_row >= 0 and target == "circle" and signals.rebuy_circle is not None:
        n_members = _count_at(signals.rebuy_circle, owner_row, product_row, "n_members")
        if n_members >= MIN_CIRCLE_MEMBERS:
            text = f"{n_members} of your circle bought it before, and may be running out of it about now"
            yield Reason("rebuy_due", text, {"n_members": n_members})
    if owner_row >= 0 and signals.peers is not None:
        n_owners = _count_at(signals.peers, owner_row, product_row, "n_owners")
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


def _count_at(view: CsrView, row: int, column: int, name: str) -> int:
    columns, _ = view.row(row)
    where = np.flatnonzero(columns == column)
    return int(view.extra[name][view.span(row)][where[0]]) if len(where) else 0
