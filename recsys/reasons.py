"""Reasons: why a pick is there, as a code, a sentence she can repeat, and figures anyone can check.

Nothing is said that the snapshot does not count. Every figure is a count of distinct people or orders.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recsys.domain import Reason
from recsys.grounds import Grounds
from recsys.live import ALREADY_HAVE, COMPLAINT, NOT_FOR_MY_PEOPLE, TOO_DEAR
from recsys.model import Model
from recsys.scenes import Occasion
from recsys.signal_reasons import signal_reasons

MAX_REASONS = 3
MIN_CO_BUYERS = 2
MIN_CIRCLE_MEMBERS = 2
MIN_SCENE_LIFT = 1.15  # times as many kept orders as usual: below that a scene is no reason


def reasons_for(
    model: Model, grounds: Grounds, row: int, source: str, occasion: Occasion | None = None
) -> tuple[Reason, ...]:
    """At least one reason, at most `MAX_REASONS`, the most telling first; `source` brought the product."""
    moving = list(signal_reasons(model.signals, grounds, row))
    found = list(_heard(model, grounds, row))
    found += [reason for reason in moving if reason.code == source]  # what brought it comes first
    found += _scene_reason(model, occasion, row)
    found += _graph_reasons(model, grounds, row)
    found += [reason for reason in moving if reason.code != source]
    if len(found) < MAX_REASONS:
        found.append(_popular(model, row))
    return tuple(found[:MAX_REASONS])


SAID = {
    NOT_FOR_MY_PEOPLE: "is not for your people", TOO_DEAR: "is too dear",
    COMPLAINT: "was complained of", ALREADY_HAVE: "your people have already",
}  # fmt: skip


def _heard(model: Model, grounds: Grounds, row: int) -> Iterator[Reason]:
    """That it stands in for a product of its category that she turned down."""
    if (said := grounds.said.get(row)) is None:
        return
    word, other = said
    text = f"in place of {model.products.titles[other]}, which you said {SAID[word]}"
    yield Reason("you_said", text, {"said": word, "product_id": model.products.ids[other]})


def _scene_reason(model: Model, occasion: Occasion | None, row: int) -> Iterator[Reason]:
    """That the scene she asked for lifts the product, where it does so clearly."""
    if occasion is None:
        return
    top_row = int(model.top_row_of(np.array([row], dtype=np.int32))[0])
    if (told := occasion.told(top_row)) is None or told.lift < MIN_SCENE_LIFT:
        return
    category, lift = model.products.categories[top_row], round(told.lift, 2)
    from_shares = f"(from {told.n_shares} shares)"
    text = f"for {told.scene}, {category} brings {lift:.1f} times as many kept orders {from_shares}"
    yield Reason(
        "scene", text,
        {
            "scene": told.scene, "category": category, "lift": lift, "n_shares": told.n_shares,
            "n_kept": told.n_kept, "n_expected": round(told.n_expected, 1),
        },
    )  # fmt: skip


def _graph_reasons(model: Model, grounds: Grounds, row: int) -> Iterator[Reason]:
    """What people did, the most telling first."""
    if (n_members := grounds.circle_members.get(row, 0)) >= MIN_CIRCLE_MEMBERS:
        text = f"{n_members} of your circle ordered it before"
        yield Reason("circle_ordered", text, {"n_members": n_members})
    category_row = int(model.products.category_row[row])
    if (n_members := grounds.circle_categories.get(category_row, 0)) >= MIN_CIRCLE_MEMBERS:
        category = model.products.categories[category_row]
        text = f"{n_members} of your circle bought from {category} in 30 days"
        yield Reason("circle_category", text, {"n_members": n_members, "category": category, "days": 30})
    other, n_people = grounds.together.get(row, (row, 0))
    if n_people >= MIN_CO_BUYERS:
        text = f"bought together with {model.products.titles[other]} by {n_people} people"
        yield Reason(
            "bought_together", text, {"product_id": model.products.ids[other], "n_members": n_people}
        )
    if (n_orders := grounds.share_orders.get(row, 0)) >= 1:
        text = f"your share of it led to {n_orders} orders"
        yield Reason("share_did_well", text, {"n_orders": n_orders})
    if row in grounds.ordered:
        yield Reason("ordered_again", "you ordered it before", {"ordered": 1})


def _popular(model: Model, row: int) -> Reason:
    n_members = int(model.products.n_members[row])
    if n_members:
        return Reason("popular", f"ordered by {n_members} people", {"n_members": n_members})
    return Reason("new", "new here: nobody has ordered it yet", {"n_members": 0})
