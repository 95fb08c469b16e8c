"""Pair features: what a ranker reads about an owner and a product; the same code in training and serving.

Every feature is a float32 column. Operators give two each: their score, and the score relative to the
owner's best (graphs) or to the lengths of both vectors (embeddings), which compares between owners.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from recsys.influence import influence_at
from recsys.model import NO_PRICE, Model
from recsys.operators import row_sums
from recsys.scoring import Pairs, Scoring, divided, values_at
from recsys.signal_scores import content_at, peers_of, rebuy_of

Floats = npt.NDArray[np.float32]

PRODUCT_FEATURES = ("log_orders", "log_popularity", "log_buyers", "log_shares", "recent_fraction")
PROFILE_FEATURES = ("log_profile_orders", "log_own_shares", "profile_mean_log_buyers")
DIRECT_FEATURES = (
    "own_share", "own_orders", "circle_orders", "category_affinity", "buyers_against_profile",
    "price_against_profile",
)  # fmt: skip
INTEREST_FEATURE = "interest"
CIRCLE_FEATURES = ("circle_members_had", "circle_fraction_had", "log_circle_members")
# feature → the part of the signals that it is read from; a world without that part has no such column
SIGNAL_FEATURES = {
    "rising": "rising", "new_proven": "new_proven", "rebuy_due": "rebuy_members", "peers": "peers",
    "content": "content", "price_outside_band": "price_low",
    "share_rate": "share_rate", "share_pull": "share_pull", "influence": "influence",
}  # fmt: skip


def feature_names(model: Model) -> tuple[str, ...]:
    """The names of the columns of `pair_features`, in order."""
    names: list[str] = []
    for operator in model.operators:
        names += [operator.name, f"{operator.name}_relative"]
    if model.interests is not None:
        names.append(INTEREST_FEATURE)
    names += [*PRODUCT_FEATURES, *PROFILE_FEATURES, *DIRECT_FEATURES, *CIRCLE_FEATURES]
    names += [name for name, part in SIGNAL_FEATURES.items() if getattr(model.signals, part) is not None]
    return tuple(names)


def pair_features(scoring: Scoring, pairs: Pairs) -> Floats:
    """float32 (n_pairs, n_features), columns as in `feature_names`; NaN where a feature has no value."""
    columns = [*_operator_columns(scoring, pairs), *_product_columns(scoring.model, pairs)]
    columns += [*_profile_columns(scoring, pairs), *_direct_columns(scoring, pairs)]
    columns += [*_circle_columns(scoring, pairs), *_signal_columns(scoring, pairs)]
    table = np.empty((len(pairs), len(columns)), dtype=np.float32)
    for at, column in enumerate(columns):
        table[:, at] = column
    return table


def _operator_columns(scoring: Scoring, pairs: Pairs) -> Iterator[Floats]:
    for operator in scoring.model.operators:
        scores = scoring.by_operator(operator)
        raw = scores.at(pairs)
        yield raw
        yield scores.relative_at(pairs, raw)
    if scoring.model.interests is not None:
        yield scoring.best_interest_at(pairs)


def _product_columns(model: Model, pairs: Pairs) -> Iterator[Floats]:
    products = model.products
    n_orders = products.n_orders[pairs.product].astype(np.float32)
    yield np.log1p(n_orders)
    yield np.log1p(products.popularity[pairs.product])
    yield np.log1p(products.n_members[pairs.product].astype(np.float32))
    yield np.log1p(products.n_shares[pairs.product].astype(np.float32))
    recent = products.n_recent_orders[pairs.product].astype(np.float32)
    yield divided(recent, n_orders)


def _profile_columns(scoring: Scoring, pairs: Pairs) -> Iterator[Floats]:
    profiles = scoring.profiles
    yield np.log1p(row_sums(profiles.orders))[pairs.owner]
    yield np.log1p(row_sums(profiles.shares))[pairs.owner]
    yield scoring.profile_mean(scoring.log_buyers)[pairs.owner]


def _direct_columns(scoring: Scoring, pairs: Pairs) -> Iterator[Floats]:
    profiles = scoring.profiles
    yield values_at(profiles.shares, pairs)
    yield values_at(profiles.own_orders, pairs)
    yield values_at(profiles.circle_orders, pairs)
    yield scoring.category_share_at(pairs)
    yield scoring.log_buyers[pairs.product] - scoring.profile_mean(scoring.log_buyers)[pairs.owner]
    yield _log_price_at(scoring, pairs) - scoring.profile_mean(scoring.log_price)[pairs.owner]


def _circle_columns(scoring: Scoring, pairs: Pairs) -> Iterator[Floats]:
    """How much of her circle has the product already, and how large her circle is; NaN for `self`.

    Who has it bears witness for it and is one buyer less: the ranker learns which weighs more in this world.
    """
    if scoring.profiles.target != "circle":
        for _ in CIRCLE_FEATURES:
            yield np.full(len(pairs), np.nan, dtype=np.float32)
        return
    had = values_at(scoring.circle_members_had, pairs)
    n_members = scoring.n_circle_members[pairs.owner]
    yield had
    yield divided(had, n_members)
    yield np.log1p(n_members)


def _signal_columns(scoring: Scoring, pairs: Pairs) -> Iterator[Floats]:
    """The columns of `SIGNAL_FEATURES`, in its order, of the signals that are there."""
    signals = scoring.model.signals
    if signals.rising is not None:
        yield signals.rising[pairs.product]
    if signals.new_proven is not None:
        yield signals.new_proven[pairs.product]
    if signals.rebuy_members is not None:
        yield values_at(rebuy_of(scoring), pairs)
    if signals.peers is not None:
        yield values_at(peers_of(scoring), pairs)
    if signals.content is not None:
        yield content_at(scoring, pairs)
    if signals.price_low is not None:
        yield _outside_band(scoring, pairs)
    if signals.share_rate is not None and signals.share_pull is not None:
        yield from _share_columns(scoring, pairs, signals.share_rate, signals.share_pull)


def _share_columns(scoring: Scoring, pairs: Pairs, rate: Floats, pull: Floats) -> Iterator[Floats]:
    """How her shares are taken, how shares of the product are, and hers in its category; NaN for `self`."""
    if scoring.profiles.target != "circle":
        for _ in range(3):
            yield np.full(len(pairs), np.nan, dtype=np.float32)
        return
    rows = scoring.profiles.owner_rows
    yield np.where(rows >= 0, rate[rows], scoring.model.usual_share_rate).astype(np.float32)[pairs.owner]
    yield pull[pairs.product]
    yield influence_at(scoring, pairs)


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
    return np.where(priced, scoring.log_price[pairs.product], np.float32(np.nan))
