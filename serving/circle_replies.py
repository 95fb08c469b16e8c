"""Shapes of what is told of circles and of products like one, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from serving.replies import FatigueBody, ReasonBody, Shape


class InterestBody(Shape):
    """A category that many of a circle bought from in 30 days."""

    category: str
    n_members: int = Field(ge=10, description="rounded down to 10")


class PriceBandBody(Shape):
    """Between which prices the middle half of a circle's orders lies, rounded outwards."""

    low_minor: int
    high_minor: int
    currency: str


class CircleBody(Shape):
    """What may be told of a circle: nothing of fewer than 10 people."""

    owner_id: str
    snapshot_id: str
    as_of: str | None
    n_members: int | None = Field(description="rounded down to 10; null below 10")
    interests: list[InterestBody]
    price_band: PriceBandBody | None
    fatigue: FatigueBody | None = Field(description="null without a store")


class AlikeBody(Shape):
    """A product like another, or that goes with it."""

    product_id: str
    title: str
    category: str
    value_score: float | None
    n_members: int | None = Field(description="who bought both; null for a substitute")


class SimilarBody(Shape):
    """Products of one kind, best first."""

    product_id: str
    kind: str
    snapshot_id: str
    products: list[AlikeBody]


class GladBody(Shape):
    """A member of her circle who would be glad of the product."""

    member_id: str
    position: int = Field(ge=1)
    score: float = Field(description="falls from one to the next; compares only within one reply")
    reasons: list[ReasonBody] = Field(description="what passed between her and the owner; never a purchase")


class AudienceBody(Shape):
    """Whom of an owner's circle to tell of a product, best first."""

    owner_id: str
    product_id: str
    snapshot_id: str
    as_of: str | None
    degraded: bool = Field(description="whether this is of the last good state, as newer could not be read")
    shorter_because: str | None = Field(
        description="small_circle, or unknown_circle where nobody of hers is known; null where n were found"
    )
    members: list[GladBody]
