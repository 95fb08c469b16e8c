"""How much of its band commission may use, found on lists of the model itself.

Two products within the band of each other are a tie, and commission breaks ties. Where a catalogue has many
products of nearly equal worth, nearly the whole list is ties, and commission would decide it. So the rungs of
the ladder on which commission decides are made narrower until the lists stay alike when commissions are
shuffled among products of equal value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsys.list_rules import RUNG
from recsys.model import Model
from recsys.selection import ranks_by_worth
from training.audits import sample_of, shuffle_tau

N_OWNERS = 120
LEAST_TAU = 0.96  # on these owners; the audit asks others, and its aim is .95
PARTS = (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 0.0)  # of the band, the widest first


def with_rung(model: Model, seed: int) -> Model:
    """The same model, its band narrowed in its settings where its lists do not bear all of it."""
    if model.commission is None or not ranks_by_worth(model, "circle"):
        return model
    sample = sample_of(model, np.random.default_rng([seed, 41]), N_OWNERS)
    if not len(sample.owner):
        return model
    band = model.rules.commission_band
    for part in PARTS:
        narrower = replace(model.rules, commission_band=band * part)
        rng = np.random.default_rng([seed, 43])  # the same shuffle for each width
        if shuffle_tau(sample, model.rules, rng, narrower) >= LEAST_TAU:
            break
    return model if part == 1 else replace(model, settings={**model.settings, RUNG: band * part})
