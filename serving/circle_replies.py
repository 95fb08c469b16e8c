"""Shapes of what is told of circles and of products like one, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from serving.replies import FatigueBody, Shape


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
