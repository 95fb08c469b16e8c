"""What goes with a share: words to use and where its poster is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from recsys.arrival_picks import plain_arrival
from recsys.domain import Pick
from recsys.live import DAY_US
from recsys.recommend import plain_pick
from serving.service import Service
from serving.shop.share_texts import share_texts
from serving.shop.shop import address_of
from serving.shop.words import Words
from serving.snapshots import Served


def pick_or_plain(service: Service, served: Served, owner_id: str, product_id: str) -> Pick | None:
    """The product as her list tells it, or as it is where her list leaves it out; None: nobody knows it."""
    pick = service.live.pick_of(served, owner_id, product_id)
    if pick is not None:
        return pick
    model = service.live.model_of(served)
    if model is None or not model.knows(product_id):
        return None
    row = model.products.ids.row(product_id)
    return plain_pick(model, row) if row >= 0 else plain_arrival(model.arrivals.by_id[product_id])


def texts_of(service: Service, served: Served, share: Mapping[str, Any], words: Words) -> list[str]:
    """Three texts for a share (a row of the store); none where nobody knows its product."""
    pick = pick_or_plain(service, served, share["owner_id"], share["product_id"])
    if pick is None:
        return []
    model = service.live.model_of(served)
    row = -1 if model is None else model.products.ids.row(pick.product_id)
    low_30 = None if model is None or model.value is None or row < 0 else float(model.value.low_30[row])
    return share_texts(pick, low_30, share["owner_id"], share["share_time"] // DAY_US, words)


def poster_address(share: Mapping[str, Any], language: str) -> str:
    """The path of a share's poster, a PNG; with `&format=svg` an SVG."""
    share_id = quote(share["share_id"], safe="")
    return f"{address_of(share['owner_id'])}/poster?share_id={share_id}&language={language}"
