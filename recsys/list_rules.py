"""What a list is held to besides its scores: the settings of `[list]`, kept in the snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

SECTION = "list"
RUNG = "commission_rung"  # a setting that training adds: the part of the band that its lists bear


@dataclass(frozen=True, slots=True)
class ListRules:
    """Shares are fractions of 1; a share of 0 caps nothing.

    `commission_band`: how much more expected good value a product may have and still stand below one with a
    higher commission. `cost_of_spoiled_tie`: what an order that ends badly costs, in kept orders of the best
    value. `value_floor`: the value_score under which nothing is picked. `max_product_share`: part of all
    lists that may show one product; `max_supplier_share`: part of all places that one supplier may have;
    both hold in `batch`. `exploration_slots`: places at the end of a live list for promising products, drawn
    from the `exploration_pool` best of them.
    """

    commission_band: float = 0.05
    cost_of_spoiled_tie: float = 1.0
    value_floor: float = 0.1
    max_product_share: float = 0.0
    max_supplier_share: float = 0.0
    exploration_slots: int = 0
    exploration_pool: int = 10


def rules_of(settings: Mapping[str, Any]) -> ListRules:
    """The rules a snapshot was trained with; the default of each that it does not name."""
    told = settings.get(SECTION, {})
    return ListRules(**{f.name: told[f.name] for f in fields(ListRules) if f.name in told})


def order_rules_of(settings: Mapping[str, Any]) -> ListRules:
    """The same rules with the band as narrow as training found it must be for lists to stay alike."""
    rules = rules_of(settings)
    return replace(rules, commission_band=min(rules.commission_band, settings.get(RUNG, math.inf)))
