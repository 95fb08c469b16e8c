"""The tables that grow by the day; nothing at or after the town's last midnight is written."""

from __future__ import annotations

import numpy as np

from features.contract import CHANNELS, EVENT_TYPES, FAULTS, REASON_CODES
from training.town.behaviour import SCENES
from training.town.columns import Sink, ids, numbers, times, words
from training.town.draw import Array
from training.town.groups import STATUS_WORDS, Groups, Joins
from training.town.lines import Lines
from training.town.outcomes import TOPICS, Complaints, Endings, Reviews
from training.town.sharing import Responses, Shares
from training.town.state import State
from training.town.town import Town

VIEW_PART = 0.2  # of views without a click that are recorded
STATUSES = ("delivered", "shipped", "returned")
VIEW, CLICK, CART, MUTE = (EVENT_TYPES.index(e) for e in ("view", "click", "add_to_cart", "mute"))


def write_shares(town: Town, shares: Shares, sink: Sink) -> None:
    """The day's shares."""
    private = shares.recipient_row >= 0
    member = np.full(len(shares), -1, dtype=np.int64)
    member[private] = town.circle.member[shares.recipient_row[private]]
    sink.add("shares", {
        "share_id": ids("shares", shares.number),
        "share_time": times(shares.time_us),
        "owner_id": ids("owners", shares.owner, len(town.owners)),
        "product_id": ids("products", shares.product, len(town.products)),
        "channel": words(shares.channel, CHANNELS),
        "scene": words(shares.scene, SCENES),
        "recipient_id": ids("members", member, len(town.members)),
        "share_link_id": ids("links", shares.number),
        "parent_share_id": ids("shares", shares.parent),
    })  # fmt: skip


def write_events(
    town: Town, state: State, shares: Shares, responses: Responses, sink: Sink, rng: np.random.Generator
) -> None:
    """Views (some), clicks, carts and mutes of one chunk of responses, in the order of time."""
    r = responses
    viewed = np.flatnonzero(r.clicked | (rng.random(len(r.share)) < VIEW_PART))
    clicked, carted, muted = np.flatnonzero(r.clicked), np.flatnonzero(r.carted), np.flatnonzero(r.muted)
    row = np.concatenate([viewed, clicked, carted, muted])
    time_us = np.concatenate(
        [r.see_us[viewed], r.click_us[clicked], r.cart_us[carted], r.see_us[muted] + 3_000_000]
    )
    kind = np.repeat([VIEW, CLICK, CART, MUTE], [len(viewed), len(clicked), len(carted), len(muted)])
    kept = np.flatnonzero(time_us < town.config.end_us)
    kept = kept[np.argsort(time_us[kept], kind="stable")]
    row, time_us, kind = row[kept], time_us[kept], kind[kept]
    share = r.share[row]
    sink.add("share_events", {
        "event_id": ids("events", state.take_numbers("events", len(row))),
        "event_time": times(time_us),
        "event_type": words(kind, EVENT_TYPES),
        "share_id": ids("shares", shares.number[share]),
        "owner_id": ids("owners", shares.owner[share], len(town.owners)),
        "product_id": ids("products", shares.product[share], len(town.products)),
        "member_id": ids("members", r.member[row], len(town.members)),
    })  # fmt: skip


def write_groups(town: Town, shares: Shares, groups: Groups, joins: Joins, sink: Sink) -> None:
    """The day's group buys and who joined them."""
    sink.add("group_buys", {
        "group_buy_id": ids("groups", groups.number),
        "product_id": ids("products", shares.product[groups.share], len(town.products)),
        "initiator_id": ids("owners", shares.owner[groups.share], len(town.owners)),
        "open_time": times(shares.time_us[groups.share]),
        "required_count": numbers(groups.required),
        "status": words(groups.status, STATUS_WORDS),
        "expire_time": times(groups.expire_us),
        "price_minor": numbers(groups.price_minor),
    })  # fmt: skip
    sink.add("group_buy_joins", {
        "group_buy_id": ids("groups", joins.group),
        "member_id": ids("members", joins.member, len(town.members)),
        "join_time": times(joins.join_us),
        "order_id": ids("orders", joins.order),
    })  # fmt: skip


def write_lines(town: Town, lines: Lines, endings: Endings, sink: Sink) -> None:
    """The day's order lines."""
    end = town.config.end_us
    delivered = endings.delivered_us < end
    returned = (endings.return_us >= 0) & (endings.return_us < end)
    sink.add("orders", {
        "order_id": ids("orders", lines.order),
        "order_time": times(lines.time_us),
        "member_id": ids("members", lines.member, len(town.members)),
        "product_id": ids("products", lines.product, len(town.products)),
        "quantity": numbers(lines.quantity),
        "price_minor": numbers(lines.price_minor),
        "owner_id": ids("owners", lines.owner, len(town.owners)),
        "share_id": ids("shares", lines.share),
        "group_buy_id": ids("groups", lines.group),
        "status": words(np.where(returned, 2, np.where(delivered, 0, 1)), STATUSES),
        "delivered_time": times(endings.delivered_us, ~delivered),
    })  # fmt: skip


def write_returns(town: Town, state: State, lines: Lines, endings: Endings, sink: Sink) -> None:
    """Returns of the day's lines that are asked for in time; a line is sent back whole."""
    row = _in_time(town, endings.return_us, np.flatnonzero(endings.return_us >= 0))
    sink.add("returns", {
        "return_id": ids("returns", state.take_numbers("returns", len(row))),
        "order_id": ids("orders", lines.order[row]),
        "product_id": ids("products", lines.product[row], len(town.products)),
        "request_time": times(endings.return_us[row]),
        "quantity": numbers(lines.quantity[row]),
        "reason_code": words(endings.reason[row], REASON_CODES),
        "fault": words(endings.fault[row], FAULTS),
        "refund_minor": numbers(lines.quantity[row] * lines.price_minor[row]),
    })  # fmt: skip


def write_opinions(
    town: Town, state: State, lines: Lines, reviews: Reviews, complaints: Complaints, sink: Sink
) -> None:
    """Reviews and complaints about the day's lines that are made in time."""
    kept = _in_time(town, reviews.time_us, np.arange(len(reviews.line)))
    line = reviews.line[kept]
    none = line < 0
    sink.add("reviews", {
        "review_id": ids("reviews", state.take_numbers("reviews", len(kept))),
        "product_id": ids("products", reviews.product[kept], len(town.products)),
        "review_time": times(reviews.time_us[kept]),
        "rating": numbers(reviews.rating[kept]),
        "member_id": ids("members", np.where(none, -1, lines.member[line]), len(town.members)),
        "order_id": ids("orders", np.where(none, -1, lines.order[line])),
        "has_photo": numbers(reviews.has_photo[kept]),
        "has_video": numbers(reviews.has_video[kept]),
        "incentivised": numbers(reviews.incentivised[kept]),
    })  # fmt: skip
    kept = _in_time(town, complaints.time_us, np.arange(len(complaints.line)))
    line = complaints.line[kept]
    sink.add("complaints", {
        "complaint_id": ids("complaints", state.take_numbers("complaints", len(kept))),
        "complaint_time": times(complaints.time_us[kept]),
        "product_id": ids("products", lines.product[line], len(town.products)),
        "severity": numbers(complaints.severity[kept]),
        "topic": words(complaints.topic[kept], TOPICS),
        "order_id": ids("orders", lines.order[line]),
        "supplier_id": ids("suppliers", town.products.supplier[lines.product[line]], len(town.suppliers)),
        "owner_id": ids("owners", lines.owner[line], len(town.owners)),
    })  # fmt: skip


def _in_time(town: Town, time_us: Array, rows: Array) -> Array:
    """The rows that happen before the end, in the order of time."""
    rows = rows[time_us[rows] < town.config.end_us]
    return np.asarray(rows[np.argsort(time_us[rows], kind="stable")])
