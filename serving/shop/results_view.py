"""What came of her shares, as her page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from features.row_check import micros
from recsys.model import Model
from serving.share_results import OwnersRows, results_of
from serving.shop.earnings import earnings_of, kept_by_week
from serving.shop.words import Words

N_SHARES = 50


def results_told(
    owner_id: str, rows: OwnersRows, model: Model | None, words: Words, now: datetime
) -> dict[str, Any]:
    """Sums, weeks, earnings by state, and the newest shares beside what was expected of each."""
    found = results_of(owner_id, rows, N_SHARES)
    counts = {name: found[f"n_{name}"] for name in ("shares", "clicks", "orders", "kept")}
    earned = earnings_of(rows, model, micros(now))
    by_state = {"pending": earned.pending, "settled": earned.settled, "taken_back": earned.taken_back}
    return {
        "lead": words.say("results.lead", **counts), "credit_days": rows.credit.days,
        "weeks": _weeks(rows, words, now),
        "shares": [_share(share, model, words) for share in found["shares"]],
        "earnings": [
            (words.say(f"results.{state}"), " + ".join(words.money(n, name) for name, n in amounts.items()))
            for state, amounts in by_state.items()
            if amounts
        ],
    }  # fmt: skip


def _weeks(rows: OwnersRows, words: Words, now: datetime) -> list[dict[str, Any]]:
    weeks = kept_by_week(rows, now)
    most = max(1, *(n for _, n in weeks))
    return [
        {"n": n, "most": most, "text": words.say("results.week_of", day=words.week_day(monday), n=n)}
        for monday, n in weeks
    ]


def _share(share: Mapping[str, Any], model: Model | None, words: Words) -> dict[str, Any]:
    row = -1 if model is None else model.products.ids.row(share["product_id"])
    expected, told = share["expected_kept"], words.say("results.unknown")
    if expected is not None:
        told = words.say("results.expected_range", low=int(expected["low"]), high=int(expected["high"]))
    title = share["product_id"] if model is None or row < 0 else model.products.titles[row]
    if model is not None and (new := model.arrivals.by_id.get(share["product_id"])) is not None:
        title = new.arrival.title
    return {**share, "title": title, "time": words.moment(share["share_time"]), "expected": told}
