"""Candidate sources, in the order in which a tie between them is named. One line registers one."""

from __future__ import annotations

from recsys.sources.best_value import BestValue
from recsys.sources.circle import Circle
from recsys.sources.co_purchase import CoPurchase
from recsys.sources.content import Content
from recsys.sources.new_proven import NewProven
from recsys.sources.one_short import OneShort
from recsys.sources.peers import Peers
from recsys.sources.popular import Popular
from recsys.sources.rebuy_due import RebuyDue
from recsys.sources.rising import Rising
from recsys.sources.seam import Source
from recsys.sources.share_graph import ShareGraph
from recsys.sources.taste import Taste

SOURCES: tuple[Source, ...] = (
    CoPurchase(),
    ShareGraph(),
    Taste(),
    Circle(),
    Popular(),
    BestValue(),
    Rising(),
    RebuyDue(),
    NewProven(),
    Peers(),
    Content(),
    OneShort(),
)

__all__ = ["SOURCES", "Source"]
