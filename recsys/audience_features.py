"""What is known of a query (owner, product, moment) and each member who may be glad of it.

Every figure looks at the first `n_known` events of the log only. Ages count from the last of them, not from
the query: how old the knowledge is stands beside them as a figure of its own, so that one ranker serves
both a log that is up to the second and one that ended last week.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.audience_candidates import MAX_OWN_EVENTS, Pairs, Queries, events_of, place_in_group
from recsys.audience_log import DAY_HOURS, HOUR_US, EventLog, Floats, Ints, Span, hour_of_day

NEVER_HOURS = 1e5  # the age of what did not happen
HALF_LIVES_HOURS = (1.0, 6.0, 24.0, 96.0, 240.0)


def features(log: EventLog, queries: Queries, pairs: Pairs, found: dict[str, Floats]) -> dict[str, Floats]:
    """Feature name → one value per pair; ages in hours."""
    q = queries
    now = np.where(q.n_known > 0, _time_at(log, q.n_known - 1), q.time_us)
    view = _View(log, q, pairs, now)
    made: dict[str, Floats] = dict(found)
    made |= _query_figures(view)
    made |= _tie_figures(view)
    made |= _member_figures(view)
    made |= _product_figures(view)
    made |= _burst_figures(view)
    made |= _places(pairs, made)
    return made


class _View:
    """A query's side of each pair, spelled out once."""

    def __init__(self, log: EventLog, q: Queries, pairs: Pairs, now: Ints) -> None:
        self.log, self.q, self.pairs = log, q, pairs
        self.query, self.member = pairs.query, pairs.member
        self.owner, self.product = q.owner[pairs.query], q.product[pairs.query]
        self.known, self.now = q.n_known[pairs.query], now[pairs.query]
        self.n_at_now = now

    def age(self, event: Ints) -> Floats:
        """Hours from an event to the last one known."""
        if not len(self.log):
            return np.full(len(event), NEVER_HOURS)
        hours = (self.now - self.log.time_us[np.maximum(event, 0)]) / HOUR_US
        return np.where(event >= 0, hours, NEVER_HOURS)

    def since(self, hours: float) -> Ints:
        """How many events of the log lie more than so many hours before now."""
        bound = self.n_at_now - np.int64(hours * HOUR_US)
        return np.searchsorted(self.log.time_us, bound, side="left")[self.query]


def _time_at(log: EventLog, event: Ints) -> Ints:
    return log.time_us[np.maximum(event, 0)] if len(log) else np.zeros(len(event), dtype=np.int64)


def _query_figures(v: _View) -> dict[str, Floats]:
    q, log = v.q, v.log
    own = log.by_owner.known(q.owner, q.n_known)
    last = log.by_owner.latest(own)
    now = v.n_at_now
    idle = np.where(last >= 0, (now - _time_at(log, last)) / HOUR_US, NEVER_HOURS)
    members = np.where(own.found, log.n_members_of_owner[np.maximum(own.stop - 1, 0)] if len(log) else 0, 0)
    products = np.where(last >= 0, log.n_products_of_owner[np.maximum(last, 0)] if len(log) else 0, 0)
    of_product = log.by_owner_product.known(log.pair_key(q.owner, q.product), q.n_known)
    per_query = {
        "knowledge_age": (q.time_us - now) / HOUR_US,
        "owner_events": log.by_owner.weight(own),
        "owner_members": members,
        "owner_products": products,
        "owner_idle": idle,
        "owner_came_back": log.by_member.weight(log.by_member.known(q.owner, q.n_known)),
        "came_for_this": log.by_owner_product.weight(of_product),
    }
    return {name: np.asarray(values, dtype=np.float64)[v.query] for name, values in per_query.items()}


def _tie_figures(v: _View) -> dict[str, Floats]:
    log, known = v.log, v.known
    forth_key, back_key = log.pair_key(v.owner, v.member), log.pair_key(v.member, v.owner)
    forth, back = log.by_pair.known(forth_key, known), log.by_pair.known(back_key, known)
    last, first = log.by_pair.latest(forth), log.by_pair.earliest(forth)
    made = {
        "tie": log.by_pair.weight(forth),
        "tie_age": v.age(last),
        "tie_first_age": v.age(first),
        "back_tie": log.by_pair.weight(back),
        "back_age": v.age(log.by_pair.latest(back)),
    }
    own_back = log.by_member.weight(log.by_member.known(v.owner, known))
    made["back_share"] = made["back_tie"] / np.maximum(own_back, 1e-9)
    days = _up_to(log.n_days_of_pair, forth)
    owner_days = _up_to(log.n_days_of_owner, log.by_owner.known(v.owner, known))
    made["tie_days"] = days
    made["tie_days_share"] = days / np.maximum(owner_days, 1)
    first_number = _at(log.n_products_of_owner, first)
    newest = _at(log.n_products_of_owner, log.by_owner.latest(log.by_owner.known(v.owner, known)))
    made["answer_rate"] = made["tie"] / (newest - first_number + 3.0)
    hour = hour_of_day(v.q.time_us)[v.query]
    code = np.searchsorted(log.by_pair.keys, forth_key)
    near = np.zeros(len(known))
    for shift in (-2, -1, 0, 1, 2):
        span = log.by_pair_hour.known(
            np.where(forth.found, code << 5 | (hour + shift) % DAY_HOURS, -1), known
        )
        near += log.by_pair_hour.weight(span)
    made["tie_hour"] = near
    for hours in (24.0, 72.0):
        before = log.by_pair.known(forth_key, np.minimum(v.since(hours), known))
        made[f"tie_{hours:.0f}h"] = made["tie"] - log.by_pair.weight(before)
    return made


def _up_to(counted: Ints, span: Span) -> Floats:
    """A running count at the end of each span, 0 where it is empty."""
    return np.where(span.found, _at(counted, span.stop - 1), 0.0)


def _at(values: Ints, place: Ints) -> Floats:
    if not len(values):
        return np.zeros(len(place))
    return np.where(place >= 0, values[np.maximum(place, 0)], 0).astype(np.float64)


def _member_figures(v: _View) -> dict[str, Floats]:
    log, known = v.log, v.known
    came = log.by_member.known(v.member, known)
    shared = log.by_owner.known(v.member, known)
    n_came = log.by_member.weight(came)
    place = np.maximum(came.stop - 1, 0)
    n_owners = np.where(came.found, log.n_owners_of_member[place] if len(log) else 0, 0)
    made = {
        "member_came": n_came,
        "member_age": v.age(log.by_member.latest(came)),
        "member_owners": n_owners.astype(np.float64),
        "member_days": _up_to(log.n_days_of_member, came),
        "attention": log.by_pair.weight(log.by_pair.known(log.pair_key(v.owner, v.member), known))
        / (n_came + 1.0),
        "back_attention": log.by_pair.weight(log.by_pair.known(log.pair_key(v.member, v.owner), known))
        / (log.by_owner.weight(shared) + 1.0),
        "member_shared": log.by_owner.weight(shared),
        "member_shared_age": v.age(log.by_owner.latest(shared)),
    }
    last = log.by_pair.latest(log.by_pair.known(log.pair_key(v.owner, v.member), known))
    then = log.by_member.known(v.member, np.where(last >= 0, last + 1, 0))
    made["member_moved_on"] = np.where(last >= 0, n_came - log.by_member.weight(then), NEVER_HOURS)
    reached = _up_to(log.n_members_of_owner, shared)
    made["member_returns"] = _up_to(log.n_returns_of_member, came) / (reached + 2.0)
    for hours in (3.0, 24.0, 72.0):
        before = log.by_member.known(v.member, np.minimum(v.since(hours), known))
        made[f"member_new_owners_{hours:.0f}h"] = n_owners - _up_to(log.n_owners_of_member, before)
        made[f"member_came_{hours:.0f}h"] = n_came - log.by_member.weight(before)
    hour = hour_of_day(v.q.time_us)[v.query]
    near = np.zeros(len(known))
    for shift in (-1, 0, 1):
        key = log.pair_key(v.member, (hour + shift) % DAY_HOURS)
        near += log.by_member_hour.weight(log.by_member_hour.known(key, known))
    made["member_hour_share"] = (near + 3 / DAY_HOURS * 4) / (n_came + 4)
    return made


def _product_figures(v: _View) -> dict[str, Floats]:
    log, known = v.log, v.known
    key = log.pair_key(v.member, v.product)
    came = log.by_member_product.known(key, known)
    shared = log.by_owner_product.known(key, known)
    return {
        "product_came": log.by_member_product.weight(came),
        "product_came_age": v.age(log.by_member_product.latest(came)),
        "product_shared": log.by_owner_product.weight(shared),
        "product_shared_age": v.age(log.by_owner_product.latest(shared)),
        "came_before": _came_for_this(v),
    }


def _came_for_this(v: _View) -> Floats:
    """1 where the member already came back to this owner for this product."""
    log, q = v.log, v.q
    key = log.pair_key(q.owner, q.product)
    question, place = log.by_owner_product.known(key, q.n_known).last(MAX_OWN_EVENTS).expand()
    event = log.by_owner_product.order[place]
    there = np.unique(question << 32 | log.member[event].astype(np.int64))
    return np.isin(v.query << 32 | v.member, there, assume_unique=True).astype(np.float64)


def _burst_figures(v: _View) -> dict[str, Floats]:
    """How a member answered the owner's latest products, and who comes together with whom."""
    log, q = v.log, v.q
    question, event = events_of(log.by_owner, q.owner, q.n_known, MAX_OWN_EVENTS)
    member, product = log.member[event].astype(np.int64), log.product[event].astype(np.int64)
    pair_key = v.query << 32 | v.member
    row = np.searchsorted(pair_key, question << 32 | member)  # the owner's own members are all candidates
    there = (row < len(pair_key)) & (
        pair_key[np.minimum(row, len(pair_key) - 1)] == (question << 32 | member)
    )
    question, event, member, product, row = (
        x[there] for x in (question, event, member, product, row)
    )  # the owner herself is none
    n_pairs, n_queries = len(pair_key), len(q)
    made: dict[str, npt.NDArray[Any]] = {}
    now = v.n_at_now[question]
    age = (now - log.time_us[event]) / HOUR_US
    weight = log.weight[event].astype(np.float64)
    for half_life in HALF_LIVES_HOURS:
        made[f"tie_decayed_{half_life:.0f}h"] = np.bincount(row, weight * 0.5 ** (age / half_life), n_pairs)
    # products of the owner are numbered as they first appear; how many have passed since she last came?
    number = log.n_products_of_owner[event]
    newest = np.zeros(n_queries, dtype=np.int64)
    np.maximum.at(newest, question, number)
    ago = newest[question] - number
    missed = np.full(n_pairs, NEVER_HOURS)
    np.minimum.at(missed, row, ago.astype(np.float64))
    made["products_missed"] = missed
    for n_last in (3, 10, 30):
        made[f"came_for_last_{n_last}"] = np.bincount(row, ago < n_last, n_pairs) / np.minimum(
            n_last, np.maximum(newest[v.query], 1)
        )
    # of the owner's products, those that somebody came for who has come for this one already
    with_this = product == q.product[question]
    came = np.bincount(row, with_this, n_pairs) > 0
    of_those = came[row] & ~with_this
    burst, at = np.unique(question << 32 | (product & 0xFFFFFFFF), return_inverse=True)
    n_of_those = np.bincount(at, of_those, len(burst))
    made["came_along"] = np.bincount(row, np.where(with_this, 0.0, n_of_those[at]), n_pairs)
    # who came next after whoever came last
    last_row = np.full(n_queries, -1, dtype=np.int64)
    last_row[question] = row
    follows = (
        np.r_[False, (row[:-1] == last_row[question[:-1]]) & (question[1:] == question[:-1])]
        if len(row)
        else row
    )
    made["came_next"] = np.bincount(row, follows, n_pairs)
    made["was_last"] = (np.arange(n_pairs) == last_row[v.query]).astype(np.float64)
    return made


def _places(pairs: Pairs, made: dict[str, Floats]) -> dict[str, Floats]:
    """The place of each candidate among those of its query, and its share."""
    total = np.bincount(pairs.query, made["tie"])[pairs.query] if len(pairs.query) else made["tie"]
    return {
        "tie_share": made["tie"] / np.maximum(total, 1e-9),
        "tie_place": place_in_group(pairs.query, made["tie"]).astype(np.float64),
        "tie_age_place": place_in_group(pairs.query, -made["tie_age"]).astype(np.float64),
        "tie_days_place": place_in_group(pairs.query, made["tie_days"] + 1e-3 * made["tie"]).astype(
            np.float64
        ),
        "back_age_place": place_in_group(pairs.query, -made["back_age"]).astype(np.float64),
        "tie_decayed_place": place_in_group(pairs.query, made["tie_decayed_24h"]).astype(np.float64),
        "member_age_place": place_in_group(pairs.query, -made["member_age"]).astype(np.float64),
        "n_candidates": np.bincount(pairs.query)[pairs.query].astype(np.float64)
        if len(pairs.query)
        else made["tie"],
    }
