"""What a search found, as lines for a terminal and as comments at the head of the file it writes."""

from __future__ import annotations

from training.tune import Tuned


def tuning_text(found: Tuned) -> str:
    """The verdict, what was tried, and what was chosen."""
    lines = [
        f"target {found.target}: {found.n_trials:,} trials in {found.seconds:,.0f} s, "
        f"judged on {found.n_owners:,} owners",
        found.said,
        "Half of the owners chose; the figures below are those of the other half.",
        f"NDCG@20 of the default {found.default_score:.4f}, of the best trial {found.best_score:.4f}",
        verdict(found),
    ]
    if not found.kept_default:
        lines += [f"  {name} = {value:.3g}" for name, value in sorted(found.best_values.items())]
    return "\n".join(lines)


def verdict(found: Tuned) -> str:
    """Whether the best trial was kept, with its gain and the interval of it."""
    gain = f"{found.gain.mean:+.4f}, 95 % interval {found.gain.low:+.4f} to {found.gain.high:+.4f}"
    if found.gain.high < 0:
        return f"The default is kept: the best trial is worse for the owners who did not choose it ({gain})."
    if found.kept_default:
        return f"The default is kept: the gain could be chance ({gain})."
    return f"The best trial is kept: it gains {gain}."


def comments_of(found: Tuned) -> list[str]:
    """Where the file came from, for its head."""
    kept = (
        "No key follows: this is the shipped default." if found.kept_default else "What it changes follows."
    )
    return [
        f"Chosen by sharepicks tune for target {found.target} from {found.n_trials:,} trials.",
        f"Dataset {found.dataset_hash}.",
        verdict(found),
        found.said,
        kept,
    ]
