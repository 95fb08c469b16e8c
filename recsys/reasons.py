"""Reasons: why a pick is there, as a code, a sentence she can repeat, and figures anyone can check.

Nothing is said that the snapshot does not count. Every figure is a count of distinct people or orders.
"""

from __future__ import annotations

from dataclasses import dataclass

from recsys.domain import Reason, Target
from recsys.model import Model
from recsys.scoring import Scoring
from recsys.signal_reasons import signal_reasons

MAX_REASONS = 3
MIN_CO_BUYERS = 2
MIN_CIRCLE_MEMBERS = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """The pair that reasons are sought for: `at` is the owner's place in the chunk."""

    at: int
    owner_row: int
    product_row: int
    target: Target
    source: str


def reasons_for(scoring: Scoring, subject: Subject) -> tuple[Reason, ...]:
    """At least one reason, at most `MAX_REASONS`, the most telling first."""
    moving = list(signal_reasons(scoring, subject.owner_row, subject.product_row))
    found = [reason for reason in moving if reason.code == subject.source]  # what brought it comes first
    found += [
        reason
        for reason in (
            _circle_ordered(scoring, subject),
            _circle_category(scoring, subject),
            _bought_together(scoring, subject),
            _own_share_did_well(scoring, subject),
            _ordered_again(scoring, subject),
        )
        if reason is not None
    ]
    found += [reason for reason in moving if reason.code != subject.source]
    if len(found) < MAX_REASONS:
        found.append(_popular(scoring.model, subject))
    return tuple(found[:MAX_REASONS])


def _circle_ordered(scoring: Scoring, subject: Subject) -> Reason | None:
    if subject.target != "circle" or subject.owner_row < 0:
        return None
    view = scoring.model.people.circle_orders
    n_members = scoring.entries_of(view, "n_members", subject.owner_row).get(subject.product_row)
    if n_members is None or n_members < MIN_CIRCLE_MEMBERS:
        return None
    return Reason(
        "circle_ordered", f"{n_members} of your circle ordered it before", {"n_members": n_members}
    )  # fmt: skip


def _circle_category(scoring: Scoring, subject: Subject) -> Reason | None:
    model = scoring.model
    if subject.target != "circle" or subject.owner_row < 0 or model.as_of_us is None:
        return None
    category_row = int(model.products.category_row[subject.product_row])
    n_members = scoring.entries_of(model.people.circle_categories, "data", subject.owner_row).get(
        category_row
    )
    if n_members is None or n_members < MIN_CIRCLE_MEMBERS:
        return None
    category = model.products.categories[category_row]
    return Reason(
        "circle_category",
        f"{n_members} of your circle bought from {category} in 30 days",
        {"n_members": n_members, "category": category, "days": 30},
    )


def _bought_together(scoring: Scoring, subject: Subject) -> Reason | None:
    """The product of the profile that most people bought together with this one."""
    model = scoring.model
    span = model.co_purchase.span(subject.product_row)
    others = model.co_purchase.indices[span]
    known = scoring.in_profile(subject.at)[others]
    if not known.any():
        return None
    n_members = model.co_purchase.extra["n_members"][span][known]
    n_people = int(n_members.max())
    if n_people < MIN_CO_BUYERS:
        return None
    other = int(others[known][n_members == n_people].min())
    return Reason(
        "bought_together",
        f"bought together with {model.products.titles[other]} by {n_people} people",
        {"product_id": model.products.ids[other], "n_members": n_people},
    )


def _own_share_did_well(scoring: Scoring, subject: Subject) -> Reason | None:
    if subject.owner_row < 0:
        return None
    view = scoring.model.people.shares
    n_orders = scoring.entries_of(view, "n_orders", subject.owner_row).get(subject.product_row)
    if n_orders is None or n_orders < 1:
        return None
    return Reason("share_did_well", f"your share of it led to {n_orders} orders", {"n_orders": n_orders})


def _ordered_again(scoring: Scoring, subject: Subject) -> Reason | None:
    """For `self`: she ordered it before."""
    if subject.target != "self":
        return None
    own = scoring.profiles.own_orders
    if subject.product_row not in own.indices[own.indptr[subject.at] : own.indptr[subject.at + 1]]:
        return None
    return Reason("ordered_again", "you ordered it before", {"ordered": 1})


def _popular(model: Model, subject: Subject) -> Reason:
    n_members = int(model.products.n_members[subject.product_row])
    if n_members:
        return Reason("popular", f"ordered by {n_members} people", {"n_members": n_members})
    return Reason("new", "new here: nobody has ordered it yet", {"n_members": 0})
