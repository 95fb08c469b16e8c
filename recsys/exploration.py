"""Exploration slots: the last places of a list, drawn among promising products, each with the chance it had.

What has no buyers yet never earns a place by its score, so nobody would ever learn whether it is good. A few
places are therefore drawn; logged with their propensity they tell of what was not shown too (inverse
propensity weighting, Horvitz and Thompson 1952).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.domain import Query
from recsys.list_rules import ListRules
from recsys.model import Model
from recsys.value import PROMISING

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Shown:
    """A place of a list: `at`, its place among the ranked, and the chance with which it stands here."""

    at: int
    propensity: float = 1.0


def shown(model: Model, query: Query, product: Rows) -> list[Shown]:
    """At most `query.n` of the ranked products of one owner, in the order of her list.

    Nothing is drawn without `query.seed`, without promising products, for what she would buy herself, and of
    a list that the caller named. The same seed and owner draw the same.
    """
    named_or_own = query.product_ids is not None or query.target != "circle"
    if query.seed is None or named_or_own or model.value is None:
        return [Shown(at) for at in range(min(query.n, len(product)))]
    promising = model.value.badge[product] == PROMISING
    rng = np.random.default_rng([query.seed, zlib.crc32(query.owner_id.encode("utf-8", "surrogatepass"))])
    return with_slots(promising, query.n, model.rules, rng)


def with_slots(
    promising: npt.NDArray[np.bool_], n: int, rules: ListRules, rng: np.random.Generator
) -> list[Shown]:
    """The first places as they are earned, the last `exploration_slots` drawn, all of the pool alike.

    promising bool (n_ranked,). The pool is the best promising products that the earned places leave out; each
    stands in a given slot with the chance 1 / size of the pool. The first place of a list is never drawn, and
    where all that is ranked is shown anyway nothing is.
    """
    n_slots = min(rules.exploration_slots, n - 1)
    if n_slots < 1 or len(promising) <= n:
        return [Shown(at) for at in range(min(n, len(promising)))]
    pool = np.flatnonzero(promising)
    pool = pool[pool >= n - n_slots][: rules.exploration_pool]
    n_drawn = min(n_slots, len(pool))
    earned = np.setdiff1d(np.arange(len(promising)), pool)[: n - n_drawn]
    drawn = rng.permutation(pool)[:n_drawn]
    found = [Shown(at) for at in earned.tolist()]
    return found + [Shown(at, 1.0 / len(pool)) for at in drawn.tolist()]
