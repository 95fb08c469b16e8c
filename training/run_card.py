"""The run card as text: what was trained, on what, what is off, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run_card_text(card: Mapping[str, Any]) -> str:
    """A few lines for a terminal."""
    counts = ", ".join(f"{count:,} {name}" for name, count in card["counts"].items())
    lines = [
        f"snapshot   {card['snapshot_id']}",
        f"dataset    {card['dataset_hash']}",
        f"as of      {card['as_of'] or 'timeless'}",
        f"holds      {counts}",
        f"took       {card['train_seconds']:.1f} s on {card['threads']} threads, "
        f"peak memory {card['peak_memory_mb']:,} MB",
    ]
    lines += [f"off        {feature}: {why}" for feature, why in card["off"]]
    return "\n".join(lines)
