"""The shapes of the supplier's replies, for the OpenAPI document; tests hold the bytes equal to them."""

from __future__ import annotations

from pydantic import Field

from serving.replies import Shape


class ReturnReasonBody(Shape):
    """One reason that 10 members or more gave."""

    reason: str
    lines: int = Field(ge=0, description="order lines that came back for it")
    rate: float = Field(ge=0, description="of the supplier's order lines")
    usual_rate: float = Field(ge=0, description="the same at the rates of the categories she sells in")
    times_usual: float = Field(ge=0)


class PriceGapBody(Shape):
    """Her prices beside fair ones, by the unit."""

    n_compared: int
    median_gap: float = Field(description="unit price over the fair one, less 1")
    n_dearer: int


class CloserBody(Shape):
    """What keeps products out of lists, or low in them."""

    closer: str = Field(description="a gate, or what keeps the value low")
    n_products: int


class MendBody(Shape):
    """One thing to mend, with its arithmetic."""

    product_id: str
    title: str
    action: str = Field(description="lower_price_to_fair, or a bad rate brought to what is usual")
    from_: float = Field(alias="from")
    to: float
    gain: float = Field(description="of worth")
    value_score: float
    value_score_after: float
    buyers_30_days: int = Field(description="rounded down to 10")
    priority: float


class SupplierProductBody(Shape):
    """One of her products."""

    product_id: str
    title: str
    category: str
    closed_by: list[str]
    value_score: float | None
    badge: str | None
    price_minor: float | None
    price_gap: float | None
    mend: str | None


class SupplierInsightsBody(Shape):
    """What one supplier learns; null where fewer than 10 members stand behind it."""

    snapshot_id: str
    as_of: str | None
    supplier_id: str
    n_products: int
    n_lines: int | None
    members: int | None = Field(description="buyers, rounded down to 10")
    returns: list[ReturnReasonBody]
    n_reasons_hidden: int = Field(description="reasons that fewer than 10 members gave")
    price: PriceGapBody | None
    closed_by: list[CloserBody]
    mend_first: MendBody | None
    mends: list[MendBody]
    formula: str
    products: list[SupplierProductBody]


class UnmetBody(Shape):
    """A range of prices in a category where circles buy and nothing open has a badge."""

    category: str
    price_from_minor: int
    price_below_minor: int
    currency: str | None
    members: int = Field(ge=10, description="rounded down to 10")
    owners: int | None = Field(
        description="shops whose circles they are in, rounded down to 10; null under 10"
    )
    n_products: int = Field(description="products there, none of them open and of good value")


class DemandBody(Shape):
    """Interests of circles without good-value supply."""

    snapshot_id: str
    as_of: str | None
    unmet: list[UnmetBody]
