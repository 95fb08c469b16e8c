"""Guards of what a snapshot holds: what the dataset says, and no surprise beside the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from features.arrays import US_PER_DAY, places_in
from recsys.category_tree import SEPARATOR
from recsys.model import NO_ROW, Model
from recsys.sparse import CsrView
from training.gate.evidence import Evidence
from training.gate.finding import Finding, first_or, passed, refused
from training.inputs import Catalogue
from training.split import datetime_of

Array = npt.NDArray[Any]
MIN_SCORED = 5  # products with a value on both sides, below which a correlation tells nothing


def moment(seen: Evidence) -> Finding:
    """How old the candidate is: against the dataset's last event and against the snapshot that serves."""
    name, as_of, last = "moment", seen.candidate.model.as_of_us, seen.last_event_us
    if as_of is None or last is None:
        return passed(name, "the dataset has no times")
    days = (last - as_of) / US_PER_DAY
    if days > seen.bounds.days_behind:
        return refused(
            name, f"it knows the world up to {datetime_of(as_of):%F %H:%M} UTC, {days:.1f} days before the "
            "last "
            f"order of the dataset; at most {seen.bounds.days_behind:g} are allowed: train it as of "
            "now", days=days,
        )  # fmt: skip
    if days < -seen.bounds.days_behind:
        return refused(
            name, f"it says that it knows the world up to {datetime_of(as_of):%F %H:%M} UTC, {-days:.1f} "
            "days "
            "after the last order of the dataset: look at the clock of the source", days=days,
        )  # fmt: skip
    before = None if seen.serving is None else seen.serving.model.as_of_us
    if before is not None and as_of < before:
        return refused(
            name,
            f"it is older than the one that serves, of {datetime_of(before):%F %H:%M} UTC: train it anew",
        )
    return passed(name, f"as of {datetime_of(as_of):%F %H:%M} UTC", days=days)


def same_ids(seen: Evidence) -> Finding:
    """Owners, members and products are those of the dataset."""
    inputs, people = seen.truth.inputs, seen.candidate.model.people
    sides = {
        "owners": (people.owners, inputs.owner_ids), "members": (people.members, inputs.member_ids),
        "products": (seen.candidate.model.products.ids, inputs.catalogue.product_ids),
    }  # fmt: skip
    parts = {kind: _common(set(here), set(there.tolist())) for kind, (here, there) in sides.items()}
    return _worst_part(
        "ids", parts, seen.bounds.same_ids, "of all ids of {kind} stand in both dataset and candidate",
        "was it trained on this dataset, and on all of it?",
    )  # fmt: skip


def same_catalogue(seen: Evidence) -> Finding:
    """Price, stock, title, category and supplier of each product are those of the dataset."""
    there = seen.truth.inputs.catalogue
    here, row = _in_rows_of(seen.candidate.model, there)
    if not len(here):
        return refused("catalogue", "no product of the dataset stands in it: it is of another world")
    return _worst_part(
        "catalogue",
        {kind: float(np.mean(a[here] == b[row])) for kind, a, b in _columns(seen.candidate.model, there)},
        seen.bounds.same_catalogue, "of the products have the dataset's {kind}",
        "its rows may stand in another order than its ids: train it anew",
    )  # fmt: skip


def same_purchases(seen: Evidence) -> Finding:
    """Who ordered what is what the dataset says: nothing of it missing, and nothing that came later."""
    inputs, model = seen.truth.inputs, seen.candidate.model
    member = _row_map(model.people.members, inputs.member_ids)
    product = _row_map(model.products.ids, inputs.catalogue.product_ids)
    here = _keys(model.people.orders, member, product)
    there = _pair_keys(inputs.purchases.member_row, inputs.purchases.product_row)
    return _same_pairs(seen, "purchases", here, there)


def same_circles(seen: Evidence) -> Finding:
    """Who belongs to whose circle is what the dataset says."""
    inputs, people = seen.truth.inputs, seen.candidate.model.people
    owner, member = _row_map(people.owners, inputs.owner_ids), _row_map(people.members, inputs.member_ids)
    here = _keys(people.circle, owner, member)
    there = _pair_keys(inputs.circle.row, inputs.circle.column)
    herself = _pair_keys(np.arange(len(inputs.owner_member)), inputs.owner_member)
    return _same_pairs(seen, "circles", np.setdiff1d(here, np.setdiff1d(herself, there)), there)


def same_shares(seen: Evidence) -> Finding:
    """Who shared what is what the dataset says."""
    inputs, model = seen.truth.inputs, seen.candidate.model
    owner = _row_map(model.people.owners, inputs.owner_ids)
    product = _row_map(model.products.ids, inputs.catalogue.product_ids)
    here = _keys(model.people.shares, owner, product)
    return _same_pairs(seen, "shares", here, _pair_keys(inputs.shares.owner_row, inputs.shares.product_row))


def same_value(seen: Evidence) -> Finding:
    """Value scores and quality are what the outcomes of the dataset give, worked out anew."""
    name, here, there = "value", seen.candidate.model.value, seen.truth.value
    if (here is None) != (there is None):
        who = "the dataset tells how orders ended and it does not" if here is None else "it knows a value"
        return refused(name, f"{who}{'' if here is None else ' and the dataset does not'}: train it anew")
    if here is None or there is None:
        return passed(name, "nothing tells how orders ended")
    rows, row = _in_rows_of(seen.candidate.model, seen.truth.inputs.catalogue)

    def moved() -> Iterator[Finding]:
        for column in ("value_score", "quality", "return_rate"):
            a = np.asarray(getattr(here, column), np.float64)[rows]
            b = np.asarray(getattr(there, column), np.float64)[row]
            yield _column_moved(seen, name, column, a, b)

    return first_or(moved(), passed(name, "value and quality are those worked out anew from the dataset"))


def _column_moved(seen: Evidence, name: str, column: str, a: Array, b: Array) -> Finding:
    if float(np.mean((a >= 0) == (b >= 0))) < seen.bounds.same_catalogue:
        return refused(name, f"other products have a {column} than the dataset gives one: train it anew")
    both = (a >= 0) & (b >= 0)
    if both.sum() < MIN_SCORED:
        return passed(name, f"too few products have a {column}")
    distance = float(np.abs(a[both] - b[both]).mean())
    alike = _alike(a[both], b[both])
    if alike < seen.bounds.same_value or distance > seen.bounds.value_moved:
        return refused(
            name, f"its {column} agrees with what the outcomes give by a rank correlation of {alike:.2f} (at "
            f"least {seen.bounds.same_value:g}) and lies {distance:.3f} away (at most "
            f"{seen.bounds.value_moved:g}): "
            "train it anew", correlation=alike, distance=distance,
        )  # fmt: skip
    return passed(name, f"{column} is as worked out anew")


def _alike(a: Array, b: Array) -> float:
    """Spearman's correlation; of a constant column 1 when both are, else 0."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float(np.ptp(a) == np.ptp(b))
    return float(spearmanr(a, b).statistic)


def same_blocked(seen: Evidence) -> Finding:
    """What a burst of bad endings blocks is blocked."""
    name, there, here = "blocked", seen.truth.blocked, seen.candidate.model.blocked
    if there is None or not there.any():
        return passed(name, "no burst of bad endings blocks a product")
    rows, row = _in_rows_of(seen.candidate.model, seen.truth.inputs.catalogue)
    is_blocked = np.zeros(len(rows), dtype=bool) if here is None else here[rows]
    n_open = int((there[row] & ~is_blocked).sum())
    if n_open:
        return refused(
            name,
            f"{n_open} products that a burst of bad endings blocks are open in it: train it anew",
            n=n_open,
        )
    return passed(name, f"the {int(there.sum())} products that bursts block are blocked in it")


def volumes(seen: Evidence) -> Finding:
    """No table lost a large part of its rows since the snapshot that serves, or grew many times."""
    name = "volumes"
    if seen.serving is None:
        return passed(name, "nothing serves to compare with")
    now, before = (
        side.snapshot.manifest.fields.get("counts") or {} for side in (seen.candidate, seen.serving)
    )
    for kind, n_before in before.items():
        n_now = now.get(kind, 0)
        if n_now < seen.bounds.shrunk * n_before or n_now > seen.bounds.grown * max(n_before, 1):
            return refused(
                name, f"{kind}: {n_before:,} in the one that serves, {n_now:,} in it; between "
                f"{seen.bounds.shrunk:g} "
                f"and {seen.bounds.grown:g} times is usual: look whether the export is "
                "whole", before=n_before,
                now=n_now,
            )  # fmt: skip
    return passed(name, f"purchases: {before.get('purchases', 0):,} before, {now.get('purchases', 0):,} now")


def category_mix(seen: Evidence) -> Finding:
    """Orders spread over the categories about as they did."""
    name = "category mix"
    if seen.serving is None:
        return passed(name, "nothing serves to compare with")
    now, before = (_shares_of_top(side.model) for side in (seen.candidate, seen.serving))
    moved = sum(abs(now.get(top, 0.0) - before.get(top, 0.0)) for top in now.keys() | before.keys()) / 2
    if moved > seen.bounds.mix_moved:
        top = max(now.keys() | before.keys(), key=lambda one: abs(now.get(one, 0.0) - before.get(one, 0.0)))
        return refused(
            name, f"{moved:.0%} of the orders stand in another top category than before, at most "
            f"{seen.bounds.mix_moved:.0%} is usual; most in {top!r}, {before.get(top, 0.0):.0%} before and "
            f"{now.get(top, 0.0):.0%} now: look at the categories of the source", moved=moved,
        )  # fmt: skip
    return passed(name, f"{moved:.1%} of the orders moved to another top category", moved=moved)


def what_is_off(seen: Evidence) -> Finding:
    """Nothing that the snapshot that serves could do is off in this one."""
    name = "what is off"
    if seen.serving is None:
        return passed(name, "nothing serves to compare with")
    now, before = (
        dict(side.snapshot.manifest.fields.get("off") or ()) for side in (seen.candidate, seen.serving)
    )
    gone = sorted(now.keys() - before.keys())
    if gone:
        return refused(
            name, f"{len(gone)} things went off since the one that serves, first {gone[0]!r}: "
            f"{now[gone[0]]}; look "
            "whether a table or a column of the source is missing", n=len(gone),
        )  # fmt: skip
    return passed(name, "nothing went off")


def _worst_part(name: str, parts: Mapping[str, float], bound: float, said: str, what_to_do: str) -> Finding:
    kind = min(parts, key=parts.__getitem__)
    sentence = f"{parts[kind]:.1%} {said.format(kind=kind)}"
    if parts[kind] < bound:
        return refused(name, f"{sentence}; at least {bound:.1%} must: {what_to_do}", part=parts[kind])
    return passed(name, sentence, part=parts[kind])


def _same_pairs(seen: Evidence, name: str, here: Array, there: Array) -> Finding:
    if not len(here) and not len(there):
        return passed(name, "there are none")
    n_both = len(np.intersect1d(here, there, assume_unique=True))
    part = n_both / (len(here) + len(there) - n_both)
    n_more = len(here) - n_both
    if part < seen.bounds.same_pairs:
        return refused(
            name, f"{len(there) - n_both:,} of the dataset's {len(there):,} are missing in it and "
            f"{n_more:,} are in "
            "it that the dataset does not have as of its moment: train it on this dataset, and on nothing "
            "later",
            part=part,
        )  # fmt: skip
    return passed(name, f"{part:.1%} of all stand in both", part=part)


def _common(here: set[str], there: set[str]) -> float:
    return len(here & there) / max(1, len(here | there))


def _row_map(ids: Any, wanted: Array) -> Array:
    """For each id of the candidate its row among the dataset's, -1 where it has none; both sorted."""
    known = np.asarray(list(ids), dtype=np.str_)
    return places_in(np.asarray(wanted, dtype=np.str_), known).astype(np.int64)


def _in_rows_of(model: Model, catalogue: Catalogue) -> tuple[Array, Array]:
    """(rows of the candidate, rows of the dataset) of the products that both have."""
    row = _row_map(model.products.ids, catalogue.product_ids)
    here = np.flatnonzero(row >= 0)
    return here, row[here]


def _columns(model: Model, there: Catalogue) -> Iterator[tuple[str, Array, Array]]:
    products = model.products
    yield "price", products.price_minor, there.price_minor
    yield "stock", products.stock, there.stock
    yield "title", np.asarray(list(products.titles), dtype=object), np.asarray(there.titles, dtype=object)
    paths = np.asarray([*products.categories, ""], dtype=object)
    yield (
        "category",
        paths[products.category_row],
        np.asarray([*there.category_paths, ""], object)[there.category_row],
    )
    known = there.supplier_row != NO_ROW
    yield "supplier", products.supplier_row, np.where(known, there.supplier_row, NO_ROW)


def _keys(view: CsrView, row_map: Array, column_map: Array) -> Array:
    row = np.repeat(row_map, np.diff(view.indptr))
    column = column_map[view.indices]
    known = (row >= 0) & (column >= 0)
    strangers = np.flatnonzero(~known)  # pairs of ids that the dataset lacks: each one of its own
    return np.unique(np.r_[_pair_keys(row[known], column[known]), -1 - strangers])


def _pair_keys(row: Array, column: Array) -> Array:
    return np.unique(np.asarray(row, np.int64) << 32 | np.asarray(column, np.int64))


def _shares_of_top(model: Model) -> dict[str, float]:
    """Top category → its part of the order lines."""
    paths = np.asarray([path.split(SEPARATOR)[0] for path in model.products.categories], dtype=np.str_)
    tops, at = np.unique(paths[model.products.category_row], return_inverse=True)
    n_orders = np.bincount(at, model.products.n_orders, len(tops))
    return dict(zip(tops.tolist(), (n_orders / max(n_orders.sum(), 1)).tolist(), strict=True))
