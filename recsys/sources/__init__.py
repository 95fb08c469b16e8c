"""Candidate sources, in the order in which a tie between them is named. One line registers one."""

from __future__ import annotations

from recsys.sources.circle import Circle
from recsys.sources.co_purchase import CoPurchase
from recsys.sources.popular import Popular
from recsys.sources.seam import Source
from recsys.sources.share_graph import ShareGraph
from recsys.sources.taste import Taste

SOURCES: tuple[Source, ...] = (
    CoPurchase(),
    ShareGraph(),
    Taste(),
    Circle(),
    Popular(),
)

__all__ = ["SOURCES", "Source"]
