"""The run card as text: what was trained, on what, what is off, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    lines += [f"audit      {sentence}" for sentence in audit_lines(card["audits"])]
    lines += [f"off        {feature}: {why}" for feature, why in card["off"]]
    return "\n".join(lines)


def audit_lines(audits: Mapping[str, Any]) -> Iterator[str]:
    """What the audits of a run card say, a sentence each."""
    commission, exposure = audits["commission"], audits["exposure"]
    if isinstance(commission, str):
        yield f"commission: {commission}"
    else:
        yield (
            f"commission: {commission['inversions_above_band']} inversions above the band; shuffled among "
            f"products of equal value, lists agree with tau {commission['shuffle_tau']:.3f}; it costs "
            f"{commission['regret']:.2%} of expected good value"
        )
    kept = ", ".join(f"{float(cap):.0%}: {left:.1%}" for cap, left in exposure["worth_kept_at_cap"].items())
    yield (
        f"exposure: one product stands in up to {exposure['largest_share']:.0%} of {audits['n_owners']:,} "
        f"lists of {audits['n_places']}; worth left when capped at {kept}"
    )
