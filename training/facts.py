"""A dataset around a cut, read from two windows: what was known at the cut, and what came after it."""

from __future__ import annotations

from datetime import datetime

import ibis
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from features.dataset import Dataset
from features.interactions import real_orders
from features.window import Window, open_window
from recsys.threads import thread_count
from training.problem import Facts, Lines, Rows

Ids = NDArray[np.object_]

MEMORY_LIMIT_MB = 4000
_MAX_SCENE_NAMES = 50


def judging_window(dataset: Dataset, as_of: datetime | None = None) -> Window:
    """The dataset as of a moment, opened as every judgement opens it; use it in a `with` block."""
    return open_window(dataset, as_of, memory_limit_mb=MEMORY_LIMIT_MB, threads=thread_count())


def gather_facts(early: Window, late: Window, cut: datetime | None) -> Facts:
    """Facts in the rows of `late`, which holds everything; `early` ends at the cut.

    Without a cut (a timeless dataset) `early` is the dataset with the held-out purchases taken away, and
    those are what came after.
    """
    members = _rows_of(late.ids["members"], early.ids["members"])
    products = _rows_of(late.ids["products"], early.ids["products"])
    owners = _rows_of(late.ids["owners"], early.ids["owners"])
    past = early.engine.fetch(real_orders(early).select("member_row", "product_row").distinct())
    before = _plain_lines(members[past["member_row"]], products[past["product_row"]])
    listed = late.engine.fetch(
        late.table("products").select("product_row", "category_row", "supplier_row"), ("product_row",)
    )
    scenes = _scene_names(late)
    return Facts(
        owner_ids=np.asarray(late.ids["owners"], dtype=np.str_),
        product_ids=np.asarray(late.ids["products"], dtype=np.str_),
        n_members=late.count("members"),
        owner_member=np.asarray(late.owner_member, dtype=np.int32),
        before=before,
        after=_after(late, before, cut, scenes),
        circle=_circle(early, owners, members, (late.count("owners"), late.count("members"))),
        n_shares=_n_shares(early, owners, late.count("owners")),
        category_row=_per_product(listed["category_row"]),
        supplier_row=_per_product(listed["supplier_row"]),
        scenes=scenes,
        repeats=cut is not None,  # a held-out fold holds nothing that its member has
    )


def order_times(window: Window) -> NDArray[np.int64]:
    """When each order that is no test was placed, int64 µs since 1970 UTC."""
    return window.engine.fetch(real_orders(window).select("order_time"))["order_time"]


def _after(late: Window, before: Lines, cut: datetime | None, scenes: tuple[str, ...]) -> Lines:
    """What came after the cut; without one, the lines whose member and product are not among the earlier."""
    rows = _with_scene(late, _with_return(late, real_orders(late)), scenes)
    if cut is not None:
        limit = ibis.literal(cut.replace(tzinfo=None), type="timestamp(6)")
        rows = rows.filter(rows.order_time > limit)
    found = late.engine.fetch(
        rows.select("member_row", "product_row", "kept", "scene_row", "order_code"),
        ("order_code", "product_row", "member_row"),
    )
    chosen = np.ones(len(found["member_row"]), dtype=bool)
    if cut is None:
        width = late.count("products")
        keys = found["member_row"].astype(np.int64) * width + found["product_row"]
        chosen = ~np.isin(keys, before.member_row.astype(np.int64) * width + before.product_row)
    return Lines(
        found["member_row"][chosen], found["product_row"][chosen], found["kept"][chosen],
        found["scene_row"][chosen].astype(np.int32),
    )  # fmt: skip


def _with_return(window: Window, orders: ibis.Table) -> ibis.Table:
    """`kept`: no return of that order line is known by the end of the dataset."""
    returns = window.table("returns")
    returned = returns.select(returned_order="order_code", returned_product="product_row").distinct()
    rows = orders.left_join(
        returned,
        [orders.order_code == returned.returned_order, orders.product_row == returned.returned_product],
    )
    return rows.mutate(kept=rows.returned_order.isnull())


def _with_scene(window: Window, orders: ibis.Table, scenes: tuple[str, ...]) -> ibis.Table:
    """`scene_row`: the place in `scenes` of the share that the order came from, -1 where there is none."""
    if not scenes:
        return orders.mutate(scene_row=ibis.literal(-1, type="int32"))
    shares = window.table("shares")
    numbered = shares.select("share_id", "scene").distinct(on="share_id")
    coded = numbered.select(
        scene_share="share_id",
        coded_scene=numbered.scene.cases(*[(name, i) for i, name in enumerate(scenes)], else_=-1),
    )
    rows = orders.left_join(coded, orders.share_id == coded.scene_share)
    return rows.mutate(scene_row=rows.coded_scene.fill_null(-1).cast("int32"))


def _scene_names(window: Window) -> tuple[str, ...]:
    """The commonest scenes of shares, by name; empty when orders do not name their share."""
    if not (window.has("shares", "scene") and window.has("orders", "share_id")):
        return ()
    shares = window.table("shares")
    counted = shares.filter(shares.scene.notnull()).group_by("scene").agg(n=lambda t: t.count())
    top = counted.order_by([counted.n.desc(), counted.scene]).limit(_MAX_SCENE_NAMES)
    return tuple(str(name) for name in window.engine.fetch_strings(top, "scene", "scene"))


def _circle(window: Window, owners: Rows, members: Rows, shape: tuple[int, int]) -> sp.csr_array:
    """Who belonged to whose circle at the cut, 1 per pair.

    Told by the circle table, by orders through the owner, by reactions to her shares, and by whom she
    shared with.
    """
    shares = window.table("shares")
    told = [
        *(window.table(name).select("owner_row", "member_row") for name in ("circle", "share_events")),
        real_orders(window).select("owner_row", "member_row"),
        shares.select("owner_row", member_row="recipient_member_row"),
    ]
    pairs = told[0]
    for more in told[1:]:
        pairs = pairs.union(more)
    pairs = pairs.filter(pairs.owner_row.notnull() & pairs.member_row.notnull()).distinct()
    found = window.engine.fetch(pairs)
    ones = np.ones(len(found["owner_row"]), dtype=np.float32)
    rows, columns = owners[found["owner_row"]], members[found["member_row"]]
    circle = sp.csr_array((ones, (rows, columns)), shape=shape)
    circle.sum_duplicates()
    return circle


def _n_shares(window: Window, owners: Rows, n_owners: int) -> NDArray[np.int64]:
    sharing = window.engine.fetch(window.table("shares").select("owner_row"))["owner_row"]
    return np.bincount(owners[sharing], minlength=n_owners).astype(np.int64)


def _rows_of(wanted: Ids, ids: Ids) -> Rows:
    """For each of `ids` its row in `wanted`, which holds them all, sorted."""
    return np.searchsorted(wanted, ids).astype(np.int32)


def _plain_lines(member_row: Rows, product_row: Rows) -> Lines:
    n = len(member_row)
    return Lines(member_row, product_row, np.ones(n, dtype=bool), np.full(n, -1, dtype=np.int32))


def _per_product(values: NDArray[np.int64]) -> Rows:
    return np.asarray(values, dtype=np.int32)
