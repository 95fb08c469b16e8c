"""Texts that she may share: only what the snapshot counts, and the disclosure that an advertisement needs.

Two hundred owners must not post the same: how a text opens, which facts it tells and how it ends are drawn by
the owner, the product and the day.
"""

from __future__ import annotations

import random
import zlib
from itertools import permutations

from recsys.domain import Pick
from serving.shop.words import Words

N_TEXTS = 3
N_OPENINGS = N_CLOSINGS = 8
LEAST_KEPT = 0.9  # of orders: a lower share is nothing to recommend it by
LEAST_LINES = 20
LEAST_BUYERS = 10  # so that nobody is told of


def share_texts(pick: Pick, low_30_minor: float | None, owner_id: str, day: int, words: Words) -> list[str]:
    """Three texts of her own; each names the product and its price and discloses the commission."""
    rng = random.Random(zlib.crc32(f"{owner_id}\x1f{pick.product_id}\x1f{day}".encode()))
    openings = rng.sample(range(1, N_OPENINGS + 1), N_TEXTS)
    closings = rng.sample(range(1, N_CLOSINGS + 1), N_TEXTS)
    facts = _facts(pick, low_30_minor, words)
    told: list[tuple[str, ...]] = list(permutations(facts, min(2, len(facts))))
    chosen = rng.sample(told, min(N_TEXTS, len(told)))
    return [
        _text(words, pick, opening, chosen[place % len(chosen)], closing)
        for place, (opening, closing) in enumerate(zip(openings, closings, strict=True))
    ]


def _text(words: Words, pick: Pick, opening: int, facts: tuple[str, ...], closing: int) -> str:
    space = "" if words.language.startswith("zh") else " "
    told = list(facts)
    if pick.offer is not None:
        told.insert(
            0, words.say("copy.price", price=words.money(pick.offer.price_minor, pick.offer.currency))
        )
    lines = [
        f"{words.say(f'copy.open_{opening}')}{space}{pick.title}",
        space.join([*told, words.say(f"copy.close_{closing}")]),
        words.say("copy.disclosure"),
    ]
    return "\n".join(lines)


def _facts(pick: Pick, low_30_minor: float | None, words: Words) -> list[str]:
    """What can be said for it, each from its evidence."""
    found = []
    value = pick.good_value or {}
    score, rate, n_lines = value.get("value_score"), value.get("return_rate"), value.get("n_mature")
    if isinstance(score, float) and score >= 0.5 and n_lines:  # what is only expected is nothing to claim
        found.append(words.say("copy.value", n=int(score * 100)))
    if (
        isinstance(rate, float)
        and isinstance(n_lines, int)
        and n_lines >= LEAST_LINES
        and 1 - rate >= LEAST_KEPT
    ):
        found.append(words.say("copy.kept", n=int((1 - rate) * 100)))
    if pick.offer is not None and low_30_minor is not None and pick.offer.price_minor <= low_30_minor:
        found.append(words.say("copy.low_30"))
    n_buyers = max(
        (int(r.evidence.get("n_members", 0)) for r in pick.reasons if r.code == "popular"), default=0
    )
    if n_buyers >= LEAST_BUYERS:
        found.append(words.say("copy.ordered", n=n_buyers))
    return found
