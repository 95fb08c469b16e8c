"""What is expected of a product before anybody's orders tell: its supplier counts, and doubt stays wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from small_model import town
from valued_model import valued_model

from recsys.arrivals import Arrival, Estimate, arrivals_of
from recsys.live import Changes, model_now
from recsys.model import Model

GOOD, POOR = 0, 1


def world(n_mature: int = 40) -> Model:
    """The valued town: even noodles come from a supplier of good ones, odd ones from one of poor ones."""
    model = valued_model(town())
    assert model.value is not None
    names = list(model.products.ids)
    supplier = np.array([int(name[1:]) % 2 for name in names], dtype=np.int32)
    quality = np.where(supplier == GOOD, 0.99, 0.88).astype(np.float32)
    value = replace(model.value, quality=quality, n_mature=np.full(len(names), n_mature, dtype=np.int32))
    return replace(model, products=replace(model.products, supplier_row=supplier), value=value)


def noodles(price_minor: int = 700, supplier_row: int = -1, **more: object) -> Arrival:
    return Arrival("new", "New noodles", "Food > Noodles", price_minor, "CNY", supplier_row, **more)  # type: ignore[arg-type]


def expected(model: Model, *arrivals: Arrival) -> Sequence[Estimate]:
    named = [replace(arrival, product_id=f"new-{at}") for at, arrival in enumerate(arrivals)]
    found = arrivals_of(model, named).by_id
    return [found[arrival.product_id] for arrival in named]


def figure(one: Estimate, name: str) -> float:
    assert one.good_value is not None
    found = one.good_value[name]
    assert isinstance(found, float)
    return found


def test_its_suppliers_orders_move_what_is_expected_of_it() -> None:
    good, unknown, poor = expected(world(), noodles(supplier_row=GOOD), noodles(), noodles(supplier_row=POOR))
    assert figure(good, "quality") > figure(unknown, "quality") > figure(poor, "quality")
    assert figure(good, "value_score") > figure(unknown, "value_score") > figure(poor, "value_score")


def moved_by_supplier(n_mature: int) -> float:
    good, unknown = expected(world(n_mature), noodles(supplier_row=GOOD), noodles())
    return figure(good, "quality") - figure(unknown, "quality")


def test_red_control_a_supplier_with_few_mature_orders_moves_it_less() -> None:
    assert 0 <= moved_by_supplier(0) < moved_by_supplier(40) < moved_by_supplier(400) <= 0.055 + 1e-6


def test_a_cheaper_one_is_better_value_and_doubt_is_wider_than_of_a_known_one() -> None:
    model = world()
    cheap, dear = expected(model, noodles(500), noodles(1400))
    assert figure(cheap, "value_score") > figure(dear, "value_score")
    assert figure(cheap, "value_low") < figure(cheap, "value_score") - 0.05
    assert cheap.arithmetic is not None and model.value is not None
    assert cheap.arithmetic["worth_spread"] > 0
    assert cheap.good_value is not None and cheap.good_value["n_mature"] == 0


def test_only_a_proven_supplier_makes_a_cheap_one_promising() -> None:
    badges = [
        one.good_value["badge"] if one.good_value else "none"
        for one in expected(
            world(), noodles(400, GOOD), noodles(400), noodles(1400, GOOD),
            noodles(400, GOOD, public_price_minor=399),
        )
    ]  # fmt: skip
    assert badges == ["promising", None, None, None]


def test_products_like_it_share_its_letters_and_its_price() -> None:
    model = world()
    (one,) = expected(model, replace(noodles(900), title="Title of n4"))
    names = model.products.ids.take(one.peers)
    assert "n4" in names and all(name.startswith("n") for name in names)


def test_of_an_unknown_leaf_the_node_above_tells(  # also where the leaf is new
) -> None:
    model = world()
    new_leaf, elsewhere = expected(
        model, replace(noodles(), category="Food > Noodles > Cold"), replace(noodles(), category="Garden")
    )
    assert new_leaf.path == "Food > Noodles" and len(new_leaf.peers)
    assert (elsewhere.path, elsewhere.category_row, len(elsewhere.peers)) == ("", -1, 0)


def test_what_was_worked_out_is_kept_from_one_moment_to_the_next() -> None:
    model = world()
    first = model_now(model, Changes(arrivals=(noodles(),))).arrivals.by_id["new"]
    again = model_now(model, Changes(arrivals=(noodles(),), stock={0: 3})).arrivals.by_id["new"]
    dearer = model_now(model, Changes(arrivals=(noodles(800),))).arrivals.by_id["new"]
    assert first is again and first is not dearer


def test_where_nothing_tells_how_orders_ended_it_is_judged_by_the_ranker_alone() -> None:
    (one,) = expected(replace(world(), value=None), noodles())
    assert one.good_value is None and one.gates == frozenset() and len(one.peers)
