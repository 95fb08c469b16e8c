"""What goes with a product is what several people bought with it."""

from __future__ import annotations

from small_model import small_model, town

from recsys.similar import similar


def test_complements_are_what_at_least_two_bought_with_it_each_counted() -> None:
    world = town()
    found = similar(small_model(world), "n4", "complement", 50)
    assert found is not None
    both = {other: len(world.buyers("n4") & world.buyers(other)) for other in world.products if other != "n4"}
    assert {one["product_id"]: one["n_members"] for one in found} == {p: n for p, n in both.items() if n >= 2}
    assert len(found) >= 3


def test_without_outcomes_there_are_no_substitutes() -> None:
    assert similar(small_model(town()), "n0", "substitute", 5) == []
    assert similar(small_model(town()), "nothing", "substitute", 5) is None
