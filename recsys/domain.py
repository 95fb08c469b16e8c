"""The words of a request and of its reply: a query goes in, picks come out.

Money is an integer in minor units (`_minor`) with its ISO 4217 currency. Times are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Target = Literal["circle", "self"]
Evidence = Mapping[str, "str | int | float"]

MAX_PICKS_PER_REPLY = 100


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for one owner.

    `target="circle"` asks what her circle will buy if she shares it, `"self"` what she would buy herself.
    `as_of` None means the snapshot's own moment. `category` is a path prefix (`Home > Kitchen`).
    `product_ids` restricts the reply to the products named. `unseen` leaves out what she ordered before.
    `seed` opens the exploration slots that the snapshot has and decides their draw; None keeps them shut.
    """

    owner_id: str
    n: int = 20
    target: Target = "circle"
    as_of: datetime | None = None
    scene: str | None = None
    channel: str | None = None
    category: str | None = None
    max_price_minor: int | None = None
    product_ids: tuple[str, ...] | None = None
    unseen: bool = False
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pick is there: a stable `code`, a sentence she can repeat, and the figures to check it by."""

    code: str
    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Offer:
    """The price that holds for a pick."""

    price_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Spread:
    """An expected number, `mid`, and the ends between which eight in ten such cases lie."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What one share of a product is expected to bring (target `self`: whether she orders it).

    `kept`: orders that are not sent back. `buyers`: all orders. `earnings`: her commission on the kept ones,
    in minor units of the offer's currency. None where what it needs is not known.
    """

    kept: Spread
    buyers: Spread | None
    earnings: Spread | None


@dataclass(frozen=True, slots=True)
class Pick:
    """One product for one owner; `position` counts from 1, `score` compares only within one reply.

    Where good value is known, picks for a circle stand by expected good value, and scores need not fall.
    `propensity`: the chance with which it stands at its position, 1 where nothing was drawn.
    """

    product_id: str
    title: str
    category: str
    offer: Offer | None
    position: int
    score: float
    source: str
    reasons: tuple[Reason, ...]
    propensity: float = 1.0
    value_score: float | None = None
    good_value: Mapping[str, float | int | str | None] | None = None  # the figures behind value_score
    expected: Expected | None = None  # None: nothing says what a score stands for


@dataclass(frozen=True, slots=True)
class FatigueTold:
    """How tired her circle is: products shared in 24 hours, how many more it takes, which categories rest.

    `saturation`: of what it takes in seven days, the part that the last seven days brought.
    """

    n_shared: int
    shares_a_day: int
    n_left: int
    resting_categories: tuple[str, ...]
    saturation: float


@dataclass(frozen=True, slots=True)
class Reply:
    """Picks for one query.

    `fallback` names the step of the ladder that served an owner the snapshot knows too little of (None
    when it knows her). `shorter_because` says why there are fewer picks than asked for (None when not).
    """

    owner_id: str
    target: Target
    picks: tuple[Pick, ...]
    fallback: str | None = None
    shorter_because: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    fatigue: FatigueTold | None = None  # None where nothing since the snapshot is known
