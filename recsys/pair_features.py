"""Pair features: what a ranker reads about an owner and a product; the same code in training and serving.

Every feature is a float32 column. Operators give two each: their score, and the score relative to the
owner's best (graphs) or to the lengths of both vectors (embeddings), which compares between owners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from recsys.influence import influence_at
from recsys.model import NO_PRICE, Model
from recsys.operator_scores import OperatorScores
from recsys.operators import row_sums
from recsys.pairs import Pairs, divided, values_at
from recsys.ranker import lacks_feature
from recsys.scoring import INTEREST_FEATURE, RELATIVE, Scoring
from recsys.signal_scores import content_at, peers_of, rebuy_of

Floats = npt.NDArray[np.float32]
Column = Callable[[Scoring, Pairs], Floats]


def feature_names(model: Model) -> tuple[str, ...]:
    """The names of all columns that this model's pairs have, in order."""
    names: list[str] = []
    for operator in model.operators:
        names += [operator.name, f"{operator.name}{RELATIVE}"]
    if model.interests is not None:
        names.append(INTEREST_FEATURE)
    names += [*PRODUCT_FEATURES, *PROFILE_FEATURES, *DIRECT_FEATURES, *CIRCLE_FEATURES]
    names += [name for name, part in SIGNAL_FEATURES.items() if getattr(model.signals, part) is not None]
    return tuple(names)


def pair_features(scoring: Scoring, pairs: Pairs, names: Sequence[str] | None = None) -> Floats:
    """float32 (n_pairs, n_names): the columns of these names, by default all; NaN where one has no value.

    What is not named is not computed. SnapshotError for a name that this model has no column of.
    """
    wanted = feature_names(scoring.model) if names is None else names
    operators = {operator.name: operator for operator in scoring.model.operators}
    table = np.empty((len(pairs), len(wanted)), dtype=np.float32)
    raw: dict[str, Floats] = {}
    for at, name in enumerate(wanted):
        operator = operators.get(name.removesuffix(RELATIVE))
        if operator is None:
            table[:, at] = _column_named(name)(scoring, pairs)
            continue
        scores: OperatorScores = scoring.by_operator(operator)
        if operator.name not in raw:
            raw[operator.name] = scores.at(pairs)
        found = raw[operator.name]
        table[:, at] = found if name == operator.name else scores.relative_at(pairs, found)
    return table


def _column_named(name: str) -> Column:
    if name not in COLUMNS:
        raise lacks_feature(name)
    return COLUMNS[name]


def _log_of_product(column: str) -> Column:
    """log(1 + a column of the products)."""

    def found(scoring: Scoring, pairs: Pairs) -> Floats:
        values: Floats = getattr(scoring.model.products, column)[pairs.product].astype(np.float32, copy=False)
        return np.log1p(values)

    return found


def _recent_fraction(scoring: Scoring, pairs: Pairs) -> Floats:
    products = scoring.model.products
    recent = products.n_recent_orders[pairs.product].astype(np.float32)
    return divided(recent, products.n_orders[pairs.product].astype(np.float32))


def _profile_mean_log_buyers(scoring: Scoring, pairs: Pairs) -> Floats:
    mean = scoring.once("mean_log_buyers", lambda: scoring.profile_mean(scoring.model.log_buyers))
    return mean[pairs.owner]


def _buyers_against_profile(scoring: Scoring, pairs: Pairs) -> Floats:
    return scoring.model.log_buyers[pairs.product] - _profile_mean_log_buyers(scoring, pairs)


def _price_against_profile(scoring: Scoring, pairs: Pairs) -> Floats:
    return _log_price_at(scoring, pairs) - scoring.profile_mean(scoring.model.log_price)[pairs.owner]


def _of_circle(column: Column) -> Column:
    """NaN where the question is what she buys herself: no circle is in that question."""

    def found(scoring: Scoring, pairs: Pairs) -> Floats:
        if scoring.profiles.target != "circle":
            return np.full(len(pairs), np.nan, dtype=np.float32)
        return column(scoring, pairs)

    return found


def _members_had(scoring: Scoring, pairs: Pairs) -> Floats:
    return values_at(scoring.circle_members_had, pairs)


def _fraction_had(scoring: Scoring, pairs: Pairs) -> Floats:
    return divided(_members_had(scoring, pairs), scoring.n_circle_members[pairs.owner])


def _signal(part: str) -> Column:
    """A signal that every product has its value of."""

    def found(scoring: Scoring, pairs: Pairs) -> Floats:
        values: Floats = getattr(scoring.model.signals, part)
        return values[pairs.product]

    return found


def _share_rate(scoring: Scoring, pairs: Pairs) -> Floats:
    """How her shares are taken; the usual rate for one whom nobody knows."""
    rate, rows = scoring.model.signals.share_rate, scoring.profiles.owner_rows
    assert rate is not None
    return np.where(rows >= 0, rate[rows], scoring.model.usual_share_rate).astype(np.float32)[pairs.owner]


def _outside_band(scoring: Scoring, pairs: Pairs) -> Floats:
    """How far a price lies over (+) or under (-) what her circle usually pays, in logarithms; 0 inside."""
    model, rows = scoring.model, scoring.profiles.owner_rows
    low, high = model.signals.price_low, model.signals.price_high
    assert low is not None and high is not None
    known = (rows >= 0) & (low[rows] >= 0)
    floor = np.where(known, low[rows], np.nan).astype(np.float32)[pairs.owner]
    ceiling = np.where(known, high[rows], np.nan).astype(np.float32)[pairs.owner]
    price = _log_price_at(scoring, pairs)
    over, under = np.maximum(price - ceiling, 0), np.minimum(price - floor, 0)
    outside: Floats = (over + under).astype(np.float32)
    return outside


def _log_price_at(scoring: Scoring, pairs: Pairs) -> Floats:
    """float32 (n_pairs,): log(1 + price in minor units), NaN without a price."""
    priced = scoring.model.products.price_minor[pairs.product] != NO_PRICE
    return np.where(priced, scoring.model.log_price[pairs.product], np.float32(np.nan))


PRODUCT_FEATURES: Mapping[str, Column] = {
    "log_orders": _log_of_product("n_orders"),
    "log_popularity": _log_of_product("popularity"),
    "log_buyers": _log_of_product("n_members"),
    "log_shares": _log_of_product("n_shares"),
    "recent_fraction": _recent_fraction,
}
PROFILE_FEATURES: Mapping[str, Column] = {
    "log_profile_orders": lambda s, pairs: np.log1p(row_sums(s.profiles.orders))[pairs.owner],
    "log_own_shares": lambda s, pairs: np.log1p(row_sums(s.profiles.shares))[pairs.owner],
    "profile_mean_log_buyers": _profile_mean_log_buyers,
}
DIRECT_FEATURES: Mapping[str, Column] = {
    "own_share": lambda s, pairs: values_at(s.profiles.shares, pairs),
    "own_orders": lambda s, pairs: values_at(s.profiles.own_orders, pairs),
    "circle_orders": lambda s, pairs: values_at(s.profiles.circle_orders, pairs),
    "category_affinity": lambda s, pairs: s.category_share_at(pairs),
    "buyers_against_profile": _buyers_against_profile,
    "price_against_profile": _price_against_profile,
}
# who has it bears witness for it and is one buyer less: the ranker learns which weighs more in this world
CIRCLE_FEATURES: Mapping[str, Column] = {
    "circle_members_had": _of_circle(_members_had),
    "circle_fraction_had": _of_circle(_fraction_had),
    "log_circle_members": _of_circle(lambda s, pairs: np.log1p(s.n_circle_members[pairs.owner])),
}
# feature → the part of the signals that it is read from; a world without that part has no such column
SIGNAL_FEATURES = {
    "rising": "rising", "new_proven": "new_proven", "rebuy_due": "rebuy_members", "peers": "peers",
    "content": "content", "price_outside_band": "price_low",
    "share_rate": "share_rate", "share_pull": "share_pull", "influence": "influence",
}  # fmt: skip
COLUMNS: Mapping[str, Column] = {
    INTEREST_FEATURE: lambda s, pairs: s.best_interest_at(pairs),
    **PRODUCT_FEATURES, **PROFILE_FEATURES, **DIRECT_FEATURES, **CIRCLE_FEATURES,
    "rising": _signal("rising"),
    "new_proven": _signal("new_proven"),
    "rebuy_due": lambda s, pairs: values_at(rebuy_of(s), pairs),
    "peers": lambda s, pairs: values_at(peers_of(s), pairs),
    "content": content_at,
    "price_outside_band": _outside_band,
    "share_rate": _of_circle(_share_rate),
    "share_pull": _of_circle(_signal("share_pull")),
    "influence": _of_circle(influence_at),
}  # fmt: skip
