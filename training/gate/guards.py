"""Every guard, in the order in which they are told. One line registers one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from training.gate import guards_data, guards_followed, guards_lists
from training.gate.evidence import Evidence
from training.gate.finding import Finding

Guard = Callable[[Evidence], Finding]

GUARDS: Mapping[str, Guard] = {
    "moment": guards_data.moment,
    "ids": guards_data.same_ids,
    "catalogue": guards_data.same_catalogue,
    "purchases": guards_data.same_purchases,
    "circles": guards_data.same_circles,
    "shares": guards_data.same_shares,
    "value": guards_data.same_value,
    "blocked": guards_data.same_blocked,
    "volumes": guards_data.volumes,
    "category mix": guards_data.category_mix,
    "what is off": guards_data.what_is_off,
    "commission": guards_lists.commission,
    "scores": guards_lists.scores,
    "operators": guards_lists.knows,
    "short lists": guards_lists.short_lists,
    "coverage": guards_lists.coverage,
    "concentration": guards_lists.concentration,
    "returns of lists": guards_lists.returns_of_lists,
    "value of lists": guards_lists.value_of_lists,
    "churn": guards_lists.churn,
    "latency": guards_lists.latency,
    "size": guards_lists.size,
    "accuracy": guards_followed.accuracy,
    "against popular": guards_followed.against_popular,
    "slices": guards_followed.slices,
    "too good": guards_followed.too_good,
    "what it has seen": guards_followed.what_it_has_seen,
    "calibration": guards_followed.calibration,
}
