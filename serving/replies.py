"""What goes out: a reply as JSON bytes, and the same shape as models for the OpenAPI document.

The models document; the bytes are made straight from the domain's values, which is twice as fast. A test
holds the two equal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from recsys.domain import Expected, Pick, Reply, Spread

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorBody(Shape):
    """Every error, on every route."""

    error: str = Field(description="a stable code", examples=["invalid"])
    detail: str = Field(description="one sentence for a person; never repeats the input")


class ProductBody(Shape):
    """What is offered."""

    product_id: str
    title: str
    category: str = Field(description="a path, `A > B > C`")


class OfferBody(Shape):
    """The price that holds."""

    price_minor: int = Field(description="in minor units of the currency")
    currency: str = Field(description="ISO 4217")


class GoodValueBody(Shape):
    """How good a deal it is."""

    value_score: float | None = Field(ge=0, le=1, description="the share of similar products that are worse")
    value_low: float | None = Field(ge=0, le=1, description="the same, seen by a pessimist")
    quality: float | None = Field(ge=0, le=1, description="the chance that an order ends well")
    quality_low: float | None = Field(ge=0, le=1, description="nine times in ten it is higher")
    return_rate: float | None = Field(ge=0, le=1, description="of the next orders")
    n_mature: int = Field(ge=0, description="order lines whose time to return is over")
    n_comparables: int = Field(ge=0, description="products it was compared with")
    price_percentile: float | None = Field(
        ge=0, le=1, description="share of those that cost less by the unit"
    )
    badge: str | None = Field(description="good_value or promising")


class SpreadBody(Shape):
    """An expected number with the ends between which eight in ten such cases lie."""

    low: float = Field(ge=0)
    mid: float = Field(ge=0, description="the mean")
    high: float = Field(ge=0)


class ExpectedBody(Shape):
    """What one share is expected to bring; for `target=self` whether she orders it."""

    kept: SpreadBody = Field(description="orders that are not sent back")
    buyers: SpreadBody | None = Field(description="all orders; null where no return rate is known")
    earnings: SpreadBody | None = Field(
        description="her commission on the kept orders, in minor units of the offer's currency; null without"
    )


class ReasonBody(Shape):
    """Why it is there, with the figures to check it by."""

    code: str
    text: str
    evidence: dict[str, str | int | float]


class PickBody(Shape):
    """One product worth sharing."""

    product: ProductBody
    offer: OfferBody | None
    position: int = Field(ge=1)
    score: float = Field(description="compares only within one reply")
    good_value: GoodValueBody | None
    expected: ExpectedBody | None = Field(description="null where nothing says what a score stands for")
    reasons: list[ReasonBody]
    source: str = Field(description="the candidate source that proposed it")
    propensity: float = Field(ge=0, le=1, description="the chance with which it was shown here")


class FatigueBody(Shape):
    """How tired her circle is of shares."""

    n_shared: int = Field(ge=0, description="products she shared in 24 hours")
    shares_a_day: int = Field(ge=1, description="what her circle takes gladly")
    n_left: int = Field(ge=0, description="good shares left today")
    resting_categories: list[str] = Field(description="shared from enough in the last days")
    saturation: float = Field(ge=0, description="shares of seven days by what her circle takes in them")


class RecommendBody(Shape):
    """Picks for one owner."""

    request_id: str
    snapshot_id: str
    as_of: str | None = Field(description="RFC 3339; null when the snapshot is timeless")
    fallback: str | None = Field(description="the step of the ladder that served an unknown owner")
    degraded: bool = Field(description="whether this is of the last good state, as newer could not be read")
    fatigue: FatigueBody | None = Field(description="null without a store, and for `target=self`")
    shorter_because: str | None = Field(description="why there are fewer picks than asked for")
    picks: list[PickBody]


class PartBody(Shape):
    """One bad rate and its weight in quality = 1 − Σ weight · rate."""

    part: str = Field(
        description="returns, complaints, low_ratings, late, no_rebuy; expected: of a product without orders"
    )
    rate: float
    weight: float = Field(ge=0)


class ArithmeticBody(Shape):
    """What stands between the evidence and the score; null where it is not known."""

    parts: list[PartBody]
    price_minor: float | None = Field(description="after coupons that anyone can use, with shipping")
    quantity: float = Field(description="units in it")
    unit: str | None = Field(description="g, ml or piece")
    unit_price_minor: float | None
    fair_unit_price_minor: float | None = Field(description="what goods of equal quality and size cost")
    low_30_minor: float | None
    median_30_minor: float | None
    public_price_minor: float | None
    price_of_quality: float | None
    quality_floor: float | None
    worth: float | None
    worth_spread: float | None


class ComparableBody(Shape):
    """A product like it, and the chance that it is worse value."""

    product_id: str
    title: str
    unit_price_minor: float
    quality: float
    worth: float
    worth_spread: float
    p_worse: float = Field(ge=0, le=1)


class ProductValueBody(Shape):
    """The good value of one product, to be worked out by hand."""

    snapshot_id: str
    as_of: str | None
    product_id: str
    title: str
    category: str
    currency: str | None
    formula: str
    good_value: GoodValueBody | None
    arithmetic: ArithmeticBody | None
    comparables: list[ComparableBody]


class ReadyBody(Shape):
    """What serves, and what is wrong with a newer candidate."""

    ready: bool
    snapshot_id: str
    as_of: str | None
    live_lag_s: float | None = Field(
        description="from receiving a row to showing it, when there last were any"
    )
    live_read_age_s: float | None = Field(description="since all the store held was last known; null without")
    warnings: list[str]


class TokenBody(Shape):
    """A token that opens one owner's calls."""

    token: str
    expires_time: datetime
    page: str = Field(description="the path that opens her page; the token leaves the address at once")


class HealthBody(Shape):
    """The process answers."""

    status: str


def reply_bytes(reply: Reply, request_id: str, snapshot_id: str, as_of: datetime | None) -> bytes:
    """One reply as JSON bytes of the shape `RecommendBody`."""
    return with_request_id(request_id, reply_rest(reply, snapshot_id, as_of))


def with_request_id(request_id: str, rest: bytes, *, degraded: bool = False) -> bytes:
    """The whole body for one request."""
    state = b',"degraded":true,' if degraded else b',"degraded":false,'
    return b'{"request_id":' + orjson.dumps(request_id) + state + rest


def reply_rest(reply: Reply, snapshot_id: str, as_of: datetime | None) -> bytes:
    """What follows the request id in a reply's body: the same whoever asks again."""
    body = {
        "snapshot_id": snapshot_id,
        "as_of": as_of,
        "fallback": reply.fallback,
        "fatigue": reply.fatigue,
        "shorter_because": reply.shorter_because,
        "picks": [_pick_body(pick) for pick in reply.picks],
    }
    return orjson.dumps(body, option=OPTIONS)[1:]


def _pick_body(pick: Pick) -> dict[str, Any]:
    offer = pick.offer
    return {
        "product": {"product_id": pick.product_id, "title": pick.title, "category": pick.category},
        "offer": None if offer is None else {"price_minor": offer.price_minor, "currency": offer.currency},
        "position": pick.position,
        "score": pick.score,
        "good_value": None if pick.good_value is None else dict(pick.good_value),
        "expected": None if pick.expected is None else _expected_body(pick.expected),
        "reasons": [
            {"code": reason.code, "text": reason.text, "evidence": dict(reason.evidence)}
            for reason in pick.reasons
        ],
        "source": pick.source,
        "propensity": pick.propensity,
    }


def _expected_body(expected: Expected) -> dict[str, Any]:
    parts = {"kept": expected.kept, "buyers": expected.buyers, "earnings": expected.earnings}
    return {name: None if part is None else _spread_body(part) for name, part in parts.items()}


def _spread_body(spread: Spread) -> dict[str, float]:
    return {"low": spread.low, "mid": spread.mid, "high": spread.high}


class RefusedEvent(Shape):
    """One event that was not kept: its place in the batch from 0, and the rule it breaks."""

    index: int
    error: str
    detail: str


class FeedbackBody(Shape):
    """A word of hers, kept for good."""

    feedback_id: str
    feedback_time: datetime
    holds_until: datetime = Field(description="until then her lists keep to it")


class EventsBody(Shape):
    """What became of a batch; all that is accepted is kept for good."""

    accepted: int
    duplicates: int
    ignored: int
    errors: list[RefusedEvent]


class RefusedEventsBody(ErrorBody):
    """A batch of which nothing was kept."""

    errors: list[RefusedEvent] = []


class ErasureBody(Shape):
    """What was erased, and from when everything else is without her."""

    n_rows: int
    erased_time: datetime
    store_files_clean: bool
    exports_without_from: datetime
    snapshots_without_by: datetime


class ShareBody(Shape):
    """A share that was kept, and its link."""

    share_id: str
    share_time: datetime
    link: str = Field(description="a path of this service; it counts the click and leads to the storefront")
    texts: list[str] = Field(
        description="three to choose from, built from what is counted alone, each with the disclosure; "
        "put the link below it. None where nobody knows the product"
    )
    poster: str | None = Field(
        description="a path of this service: a PNG, with `&format=svg` an SVG. It wants the key of a "
        "storefront or of the owner herself; null where there are no texts"
    )


class ShareResultBody(Shape):
    """What came of one share."""

    share_id: str
    share_time: datetime
    product_id: str
    scene: str | None
    channel: str | None
    n_clicks: int
    n_orders: int
    n_kept: int
    n_returned: int
    expected_kept: SpreadBody | None = Field(description="when she shared it; null where nobody could tell")


class ResultsBody(Shape):
    """What came of an owner's shares, the newest first; the sums are of all of them."""

    owner_id: str
    credit_days: int = Field(description="orders within so many days after a share are credited to it")
    credit_hops: int = Field(description="how often her link may have been passed on by then")
    n_shares: int
    n_clicks: int
    n_orders: int
    n_kept: int
    n_returned: int
    shares: list[ShareResultBody]
