"""Her list of today, its alerts, and what is said where there is nothing to share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import Any

import numpy as np

from features.row_check import EPOCH, MICROSECOND
from recsys.domain import Pick, Query, Reply
from recsys.live import DAY_US
from recsys.model import Model
from serving.live.live import Live
from serving.service import Service
from serving.shop.words import Words
from serving.snapshots import Served

N_READY = 20  # picks worked out, so that "another one" has some
N_SHOWN = 5
N_CHOICES = 12  # categories that a new owner may choose from
LAST_FEW = 5
N_RUNNING_OUT = (
    1  # of what her circle may be running out of: more would push her list off a phone's first view
)
ALERT_DAYS = 30
REASONS_FOR_NONE = ("fatigue", "no_good_value", "category_rests")


@dataclass(frozen=True, slots=True)
class Today:
    """What her page shows: picks best first, why there are none, and whether she is new."""

    reply: Reply
    picks: tuple[Pick, ...]
    is_new: bool
    why_none: str | None


def today_of(service: Service, served: Served, owner_id: str) -> Today:
    """Her picks as things are now; for a new owner, of the categories that she chose."""
    live = service.live
    reply = live.answer(served, Query(owner_id, n=N_READY))
    chosen = live.facts.interests.get(owner_id, ())
    picks = reply.picks
    if reply.fallback is not None and chosen:
        picks = _of_interests(live, served, owner_id, chosen) or picks
    why = None if picks else (reply.shorter_because or "other")
    return Today(
        reply, picks, reply.fallback is not None and not chosen,
        why if why is None or why in REASONS_FOR_NONE else "other",
    )  # fmt: skip


def choices_for(model: Model | None) -> list[str]:
    """The categories that a new owner may choose from: the tops of the tree that most people bought from."""
    if model is None or not model.n_products:
        return []
    top = model.top_row_of(np.arange(model.n_products, dtype=np.int32))
    bought = np.bincount(top, weights=model.products.popularity, minlength=len(model.products.categories))
    best = np.argsort(-bought, kind="stable")[:N_CHOICES]
    return [model.products.categories[int(row)] for row in best if bought[row] > 0]


def alerts_for(service: Service, served: Served, owner_id: str, words: Words) -> list[str]:
    """What changed with what she shared in 30 days, groups that lack one, what her circle runs out of.

    The most urgent first.
    """
    live = service.live
    model = live.model_of(served)
    if model is None:
        return []
    shared = live.shared_since(served, owner_id, live.now_us() - ALERT_DAYS * DAY_US)
    found = [alert for row in shared for alert in _alerts_of(model, row, words)]
    for product_id, (required, ends_us) in live.groups_short(served, owner_id).items():
        if (title := _open_title(model, product_id)) is not None:
            ends = words.moment(EPOCH + ends_us * MICROSECOND)
            found.append((1, words.say("alert.one_short", title=title, required=required, time=ends)))
    due = (row for row in live.rebuy_due(served, owner_id).items() if row[0] not in shared)
    named = ((_open_title(model, model.products.ids[row]), n) for row, n in due)
    running_out = islice(((title, n) for title, n in named if title is not None), N_RUNNING_OUT)
    told = [words.say("alert.rebuy_due", title=title, n_members=n) for title, n in running_out]
    return [text for _, text in sorted(found)] + told


def _open_title(model: Model, product_id: str) -> str | None:
    """The title of a product that she may share now; None where a gate closes it for everybody."""
    row = model.products.ids.row(product_id)
    if row < 0:
        return None
    closed = any(bool(gate[row]) for gate in model.standing("circle").gates.values())
    return None if closed else model.products.titles[row]


def _alerts_of(model: Model, row: int, words: Words) -> list[tuple[int, str]]:
    """(urgency, text) of what is to be said of one product, 0 the most urgent."""
    products = model.products
    title, units = products.titles[row], int(products.stock[row])
    if model.blocked is not None and model.blocked[row]:
        return [(0, words.say("alert.blocked", title=title))]
    if units == 0:
        return [(1, words.say("alert.sold_out", title=title))]
    found = [(2, words.say("alert.last_few", title=title, n=units))] if 0 < units <= LAST_FEW else []
    before = products.price_minor[row] if model.priced_at is None else model.priced_at[row]
    price, currency = int(products.price_minor[row]), int(products.currency_row[row])
    if 0 <= before != price and currency >= 0:
        name = products.currencies[currency]
        told: dict[str, Any] = {
            "title": title, "price": words.money(price, name), "before": words.money(int(before), name),
        }  # fmt: skip
        rose = price > before
        found.append(
            (1, words.say("alert.price_rose", **told)) if rose else (3, words.say("alert.price_fell", **told))
        )
    return found


def _of_interests(live: Live, served: Served, owner_id: str, chosen: Sequence[str]) -> tuple[Pick, ...]:
    """The best of each category that she chose, in turn."""
    lists = [
        live.answer(served, Query(owner_id, n=N_READY // len(chosen) + 1, category=category)).picks
        for category in chosen
    ]
    in_turn = [pick for pick in chain.from_iterable(zip_longest(*lists)) if pick is not None]
    return tuple(replace(pick, position=at) for at, pick in enumerate(in_turn[:N_READY], start=1))
