"""Picks among products that came after the snapshot: where they stand in one owner's list, and why.

Nobody's orders tell of such a product, so the ranker is asked of the products like it: a quarter of them
score lower for this owner than the figure that stands for it. Every gate holds for it as for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from recsys.arrivals import Estimate
from recsys.domain import Offer, Pick, Query, Reason, Reply
from recsys.expected import expected_kept
from recsys.gates import SHARE_COOL_DOWN_DAYS
from recsys.live import DAY_US, NOT_FOR_MY_PEOPLE, REFUSED_TWICE, TOO_DEAR
from recsys.model import NO_ROW, WORTH_SHARING
from recsys.pairs import Floats, Pairs
from recsys.ranking import Ranked, score_pairs
from recsys.scoring import Scoring
from recsys.selection import ranks_by_worth

NEW_ARRIVAL = "new_arrival"  # the source of such a pick, and its reason
QUARTER = 4
LIST_SHARE = 10  # of so many places one may be a new arrival's, at least one in a list
MAX_SCORED = 10  # of those open to her, the best by the value expected of them
MIN_CIRCLE_MEMBERS = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """A product with its score and the kept orders expected of it.

    `stands_by`: what the list stands by, expected good value, or the score where that decides.
    """

    one: Estimate
    score: float
    kept: float
    stands_by: float


def with_arrivals(
    reply: Reply, scoring: Scoring, query: Query, ranked: Ranked, stands_by: list[float]
) -> Reply:
    """The reply with new arrivals at their places; `stands_by`: of each of its picks.

    At most one for every ten places, unless she named them; drawn picks at the end of a list keep theirs.
    """
    opened = _open_to_her(scoring, query) if scoring.model.arrivals else []
    if not opened:
        return reply
    found = sorted(_placed(scoring, opened, ranked), key=lambda one: -one.stands_by)
    if query.product_ids is None:
        found = found[: max(1, query.n // LIST_SHARE)]
    drawn = next((at for at, pick in enumerate(reply.picks) if pick.propensity < 1), len(reply.picks))
    head = list(zip(stands_by[:drawn], reply.picks[:drawn], strict=True))
    for one in found:
        at = next((at for at, (other, _) in enumerate(head) if other < one.stands_by), len(head))
        head.insert(at, (one.stands_by, _pick(scoring, one)))
    tail = reply.picks[drawn:]
    picks = [*(pick for _, pick in head[: query.n - len(tail)]), *tail]
    told = tuple(replace(pick, position=at) for at, pick in enumerate(picks, start=1))
    shorter = None if len(told) == query.n else reply.shorter_because
    return replace(reply, picks=told, shorter_because=shorter)


def _open_to_her(scoring: Scoring, query: Query) -> list[Estimate]:
    """Those that no gate closes to her and that lie in a category of hers, or that she named."""
    known = scoring.model.arrivals.by_id
    if query.product_ids is not None:
        asked = [known[name] for name in query.product_ids if name in known]
    else:
        hers = _liked_categories(scoring)
        asked = [one for one in known.values() if one.category_row in hers]
    opened = (one for one in asked if len(one.peers) and not any(_closing(scoring, query, one)))
    return list(opened if query.product_ids is not None else islice(opened, MAX_SCORED))


def _liked_categories(scoring: Scoring) -> frozenset[int]:
    """The rows of the categories, and of all above them, of what her circle ordered and she shared."""
    rows = np.unique(scoring.model.products.category_row[scoring.profiles.evidence.indices])
    return frozenset(scoring.model.category_levels[:, rows].ravel().tolist()) - {NO_ROW}


def _placed(scoring: Scoring, opened: list[Estimate], ranked: Ranked) -> Iterator[Placed]:
    """What each is expected to bring her, by the ranker's scores of the products like it."""
    model, target = scoring.model, scoring.profiles.target
    rows = np.unique(np.concatenate([one.peers for one in opened])).astype(np.int32)
    scores = score_pairs(scoring, Pairs(np.zeros(len(rows), dtype=np.int32), rows))
    best = float(max(ranked.score.max(initial=-np.inf), scores.max()))
    by_worth, calibration = ranks_by_worth(model, target), model.calibrations.get(target)
    lows = np.array([_lower_quarter(scores[np.searchsorted(rows, one.peers)]) for one in opened])
    counts = np.exp(lows - best) if calibration is None else calibration.expected_at(lows)
    for one, score, kept in zip(opened, lows.tolist(), counts.tolist(), strict=True):
        lift, scene_lift = _lifts(scoring, one)
        worth = max(kept * scene_lift * one.gain, 0.0)
        yield Placed(one, score, kept * lift, worth if by_worth else score + float(np.log(scene_lift)))


def _lower_quarter(scores: Floats) -> float:
    """The score that a quarter of them stay below."""
    return float(np.sort(scores)[(len(scores) - 1) // QUARTER])


def _closing(scoring: Scoring, query: Query, one: Estimate) -> Iterator[str]:
    """The gates that close it for this owner, as recsys/gates.py has them for the others."""
    arrival, now, target = one.arrival, scoring.now, scoring.profiles.target
    yield from (gate for gate in one.gates if target == "circle" or gate not in WORTH_SHARING)
    if query.max_price_minor is not None and arrival.price_minor > query.max_price_minor:
        yield "over_max_price"
    if query.category is not None and not f"{arrival.category} > ".startswith(f"{query.category.strip()} > "):
        yield "other_category"
    if now is None:
        return
    shared_us = now.arrivals_shared_us.get(arrival.product_id)
    if shared_us is not None and now.time_us - SHARE_COOL_DOWN_DAYS * DAY_US < shared_us <= now.time_us:
        yield "shared_recently"
    if arrival.product_id in now.arrivals_said or _is_refused(scoring, one):
        yield "you_said"
    if query.unseen and arrival.product_id in now.arrivals_ordered:
        yield "ordered_before"
    if scoring.fatigue is not None and one.category_row in scoring.fatigue.resting:
        yield "category_rests"


def _is_refused(scoring: Scoring, one: Estimate) -> bool:
    """Whether her words on other products of its category close it."""
    assert scoring.now is not None
    category_row = scoring.model.products.category_row
    said = [word for row, word in scoring.now.said.items() if category_row[row] == one.category_row]
    too_dear = any(word == TOO_DEAR and 0 <= price <= one.arrival.price_minor for word, price in said)
    return too_dear or sum(word == NOT_FOR_MY_PEOPLE for word, _ in said) >= REFUSED_TWICE


def _lifts(scoring: Scoring, one: Estimate) -> tuple[float, float]:
    """Times as many kept orders: in the scene and by the channel, and in the scene alone."""
    if scoring.occasion is None or one.category_row < 0:
        return 1.0, 1.0
    top = np.array([scoring.model.category_levels[0][one.category_row]], dtype=np.int32)
    in_scene = scoring.occasion.scene_lift(top)
    return float(scoring.occasion.lift(top)[0]), 1.0 if in_scene is None else float(in_scene[0])


def _pick(scoring: Scoring, placed: Placed) -> Pick:
    one = placed.one
    arrival, value = one.arrival, one.good_value
    rate = None if value is None else value["return_rate"]
    earned = None if arrival.commission_rate is None else arrival.commission_rate * arrival.price_minor
    knows_circle = scoring.profiles.target == "self" or bool(scoring.n_circle_members[0])
    expected = expected_kept(
        scoring.model, scoring.profiles.target, placed.kept, None if rate is None else 1 - rate, earned
    )
    return Pick(
        arrival.product_id, arrival.title, arrival.category, Offer(arrival.price_minor, arrival.currency), 1,
        placed.score, NEW_ARRIVAL, tuple(_reasons(scoring, one)),
        value_score=None if value is None else value["value_score"], good_value=value,
        expected=expected if knows_circle else None,
    )  # fmt: skip


def _reasons(scoring: Scoring, one: Estimate) -> Iterator[Reason]:
    """That nothing is known of it yet and what it is judged by; its supplier's record; her circle."""
    n = max(len(one.comparables), len(one.peers))
    yield Reason(
        NEW_ARRIVAL, f"new here: its own orders tell nothing yet, it is judged by {n} products like it",
        {"n_comparables": n},
    )  # fmt: skip
    yield from _supplier_reason(scoring, one)
    owner_row = int(scoring.profiles.owner_rows[0])
    if scoring.profiles.target != "circle" or owner_row < 0 or scoring.model.as_of_us is None:
        return
    categories, counts = scoring.model.people.circle_categories.row(owner_row)
    n_members = int(counts[categories == one.category_row].sum())
    if n_members >= MIN_CIRCLE_MEMBERS:
        text = f"{n_members} of your circle bought from {one.path} in 30 days"
        yield Reason("circle_category", text, {"n_members": n_members, "category": one.path, "days": 30})


def _supplier_reason(scoring: Scoring, one: Estimate) -> Iterator[Reason]:
    signals, supplier = scoring.model.signals, one.arrival.supplier_row
    if supplier == NO_ROW or signals.supplier_lines is None or signals.supplier_kept is None:
        return
    own = np.flatnonzero(scoring.model.products.supplier_row == supplier)
    if not len(own) or not (lines := int(signals.supplier_lines[own[0]])):
        return
    kept = int(signals.supplier_kept[own[0]])
    text = f"from a supplier of whose {lines} order lines {kept} were kept"
    yield Reason("new_proven", text, {"n_kept": kept, "n_lines": lines})


def plain_arrival(one: Estimate) -> Pick:
    """It as it is, without an owner: no score, no reasons, nothing expected."""
    arrival, value = one.arrival, one.good_value
    return Pick(
        arrival.product_id, arrival.title, arrival.category, Offer(arrival.price_minor, arrival.currency), 1,
        0.0, NEW_ARRIVAL, (), value_score=None if value is None else value["value_score"], good_value=value,
    )  # fmt: skip
