"""A snapshot and a query go in, picks come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.arrival_picks import with_arrivals
from recsys.candidates import Candidates, given
from recsys.domain import MAX_PICKS_PER_REPLY, Expected, Offer, Pick, Query, Reply, Target
from recsys.errors import QueryError
from recsys.expected import expected_of
from recsys.exploration import Shown, shown
from recsys.fatigue import fatigue_told
from recsys.good_value import OF_PRICE, summaries
from recsys.grounds import grounds_of
from recsys.live import OwnerNow
from recsys.model import NO_PRICE, Model, Products
from recsys.model_files import model_of
from recsys.pairs import places_within
from recsys.profiles import OWN, RUNGS
from recsys.ranking import Ranked, chunk_size, rank, scoring_of
from recsys.reasons import reasons_for
from recsys.scoring import Scoring
from recsys.snapshot import Snapshot
from recsys.sources import SOURCES, Source

SOURCE_NAMES = tuple(source.name for source in SOURCES)
OWN_LIST = "own_list"  # the source of a product that the caller named


@dataclass(frozen=True, slots=True, eq=False)
class RankedChunk:
    """Ranked products of some owners, sorted by owner, then rank.

    owner_row int32; rank int32 from 1; product_row int32; score float32; source int8 (position in
    `SOURCE_NAMES`), all (n_pairs,). worth float32: expected good value, None where the score decides.
    """

    owner_row: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    product_row: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    source: npt.NDArray[np.int8]
    worth: npt.NDArray[np.float32] | None = None


def recommend(snapshot: Snapshot, query: Query) -> Reply:
    """The picks for one owner, best first; never empty without `shorter_because`.

    An owner of whom the snapshot knows nothing is lent a profile (`recsys/profiles.py`), or gets the popular
    list; `fallback` says which.
    QueryError when n is outside 1 to 100.
    """
    return recommend_of(model_of(snapshot), query)


def recommend_of(model: Model, query: Query, now: OwnerNow | None = None) -> Reply:
    """As `recommend`, for a model in memory; `now`: what happened since the snapshot, for this owner.

    With `now` the reply tells the fatigue of her circle; when it takes no more shares today, there are no
    picks to share and `shorter_because` is `fatigue`.
    """
    if not 1 <= query.n <= MAX_PICKS_PER_REPLY:
        raise QueryError(f"n must be between 1 and {MAX_PICKS_PER_REPLY}; got {query.n}")
    owner_row = model.people.owners.row(query.owner_id)
    scoring = scoring_of(model, np.array([owner_row], dtype=np.int32), query.target, now)
    tired = scoring.fatigue
    if tired is not None and not tired.n_left and query.product_ids is None:
        return Reply(
            query.owner_id, query.target, (), shorter_because="fatigue", fatigue=fatigue_told(model, tired)
        )
    candidates = None if query.product_ids is None else _named(model, query.product_ids)
    ranked = rank(scoring, query, candidates)
    rung = int(scoring.profiles.rung[0])
    places = shown(model, query, ranked.product)
    picks = _picks(scoring, ranked, owner_row, places)
    reply = Reply(
        query.owner_id, query.target, picks,
        fallback=None if rung == OWN else RUNGS[rung],
        shorter_because=None if len(picks) == query.n else _why_shorter(model, ranked, candidates),
        left_out=ranked.left_out, fatigue=None if tired is None else fatigue_told(model, tired),
    )  # fmt: skip
    stands_by = ranked.score if ranked.worth is None else ranked.worth
    return with_arrivals(reply, scoring, query, ranked, stands_by[[place.at for place in places]].tolist())


def rank_many(
    snapshot: Snapshot,
    owner_rows: npt.NDArray[np.int32],
    n: int,
    target: Target = "circle",
    unseen: bool = False,
) -> Iterator[RankedChunk]:
    """The n best products of each owner row, in chunks; same candidates, gates, scores as `recommend`."""
    yield from rank_many_of(model_of(snapshot), owner_rows, n, target, unseen)


def rank_many_of(
    model: Model, owner_rows: npt.NDArray[np.int32], n: int, target: Target, unseen: bool,
    sources: Sequence[Source] = SOURCES,
) -> Iterator[RankedChunk]:  # fmt: skip
    """As `rank_many`, for a model in memory; `source` is a position in `sources`."""
    query = Query("", n=n, target=target, unseen=unseen)
    step = chunk_size(model)
    for start in range(0, len(owner_rows), step):
        rows = owner_rows[start : start + step]
        ranked = rank(scoring_of(model, rows, target), query, sources=sources)
        place = places_within(ranked.owner)
        kept = place < n
        yield RankedChunk(
            rows[ranked.owner[kept]], place[kept] + 1, ranked.product[kept], ranked.score[kept],
            ranked.source[kept], None if ranked.worth is None else ranked.worth[kept],
        )  # fmt: skip


def _named(model: Model, product_ids: Sequence[str]) -> Candidates:
    rows = model.products.ids.rows(list(product_ids))
    product = rows[rows >= 0].astype(np.int32)
    return given(np.zeros(len(product), dtype=np.int32), product)


def _picks(scoring: Scoring, ranked: Ranked, owner_row: int, places: list[Shown]) -> tuple[Pick, ...]:
    """What stands at these places of the ranked, told for the reply."""
    model, products = scoring.model, scoring.model.products
    at = [place.at for place in places]
    rows = ranked.product[at]
    grounds = grounds_of(scoring, owner_row, rows)
    figures = _figures(model, rows)
    columns = zip(
        rows.tolist(), products.ids.take(rows), products.titles.take(rows),
        products.categories.take(products.category_row[rows]), _offers(products, rows),
        ranked.score[at].tolist(), ranked.source[at].tolist(), figures,
        _expected(scoring, ranked, at), places, strict=True,
    )  # fmt: skip
    picks = []
    for position, (row, *told) in enumerate(columns, start=1):
        id_, title, category, offer, score, found_by, value, brings, place = told
        source = SOURCE_NAMES[found_by] if found_by >= 0 else OWN_LIST
        pick = Pick(
            id_, title, category, offer, position, score, source,
            reasons_for(model, grounds, row, source, scoring.occasion), place.propensity,
            value_score=None if value is None else value["value_score"], good_value=value, expected=brings,
        )  # fmt: skip
        picks.append(pick)
    return tuple(picks)


def plain_pick(model: Model, row: int) -> Pick:
    """A product as it is, without an owner: no score, no reasons, nothing expected."""
    products, at = model.products, np.array([row], dtype=np.int32)
    value = _figures(model, at)[0]
    return Pick(
        products.ids[row], products.titles[row], products.categories[int(products.category_row[row])],
        _offers(products, at)[0], 1, 0.0, OWN_LIST, (),
        value_score=None if value is None else value["value_score"], good_value=value,
    )  # fmt: skip


def _figures(model: Model, rows: npt.NDArray[np.int32]) -> list[dict[str, Any] | None]:
    """Good value of each; what hangs on a price that no longer holds is not told."""
    if model.value is None:
        return [None] * len(rows)
    found: list[dict[str, Any] | None] = list(summaries(model.value, rows))
    if model.priced_at is not None:
        moved = model.priced_at[rows] != model.products.price_minor[rows]
        for at in np.flatnonzero(moved).tolist():
            found[at] = {**(found[at] or {}), **dict.fromkeys(OF_PRICE)}
    return found


def _offers(products: Products, rows: npt.NDArray[np.int32]) -> list[Offer | None]:
    prices, currencies = products.price_minor[rows].tolist(), products.currency_row[rows].tolist()
    return [
        Offer(price, products.currencies[currency]) if price != NO_PRICE and currency >= 0 else None
        for price, currency in zip(prices, currencies, strict=True)
    ]


def _expected(scoring: Scoring, ranked: Ranked, at: list[int]) -> list[Expected | None]:
    """None too for a circle of which nobody is known: what nobody sees brings nothing that can be told."""
    target = scoring.profiles.target
    if target == "circle" and not scoring.n_circle_members[0]:
        return [None] * len(at)
    model, product = scoring.model, ranked.product[at]
    lift = None if scoring.occasion is None else scoring.occasion.lift(model.top_row_of(product))
    return expected_of(model, target, ranked.score[at], product, lift)


def _why_shorter(model: Model, ranked: Ranked, candidates: Candidates | None) -> str:
    if ranked.left_out:
        return max(sorted(ranked.left_out), key=lambda gate: ranked.left_out[gate])
    if candidates is not None:
        return "list_ended"
    return "empty_catalogue" if not model.n_products else "few_products"
