"""Who of her circle would be glad of a product, as her page may tell it.

She is shown people who came to her before, whom she knows, and of each what passed between the two; never
what anybody looked at or bought. The few are the likeliest, but they stand in the order of their names: the
likelihood is worked out from what they did elsewhere too, which is not hers to read. A circle of fewer than
10 is shown nobody: to be one of so few would tell too much.
"""

from __future__ import annotations

from collections.abc import Sequence

from recsys.audience_told import Glad
from recsys.insights import LEAST_MEMBERS
from serving.shop.words import Words

N_NAMED = 5
N_ASKED = 100
KNOWN_BY = ("came_to_you", "you_came_to_her")


def for_whom(found: Sequence[Glad], words: Words) -> list[tuple[str, str]]:
    """(name, what passed between them) of at most five; `found`: the likeliest of her circle, best first."""
    if len(found) < LEAST_MEMBERS:
        return []
    met = [glad for glad in found if glad.reasons[0].code in KNOWN_BY][:N_NAMED]
    return sorted((glad.member_id, words.say(f"whom.{glad.reasons[0].code}")) for glad in met)
