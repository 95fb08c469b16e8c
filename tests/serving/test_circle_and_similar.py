"""What may be told of a circle, and products like one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_service import LiveService, live_service, stock
from small_model import World, town

from serving.circle_replies import CircleBody, SimilarBody


def crowded(n_members: int) -> World:
    """The town with a circle of so many, each of whom bought noodles n1 lately."""
    world = town()
    members = [f"x{i:02}" for i in range(n_members)]
    orders = [*world.orders, *((member, "n1", 3.0) for member in members)]
    return World(world.products, orders, {**world.circle, "o-crowd": members})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LiveService]:
    with live_service(tmp_path, crowded(27)) as found:
        yield found


def test_a_circle_is_told_of_ten_and_more_rounded_down(service: LiveService) -> None:
    body = service.caller.get("/v1/owners/o-crowd/circle").json()
    CircleBody.model_validate(body)
    assert body["n_members"] == 20
    assert body["interests"] == [{"category": "Food > Noodles", "n_members": 20}]
    assert body["price_band"] == {"low_minor": 600, "high_minor": 600, "currency": "CNY"}
    assert body["fatigue"]["n_left"] == 5


def test_nothing_is_told_of_nine(tmp_path: Path) -> None:
    with live_service(tmp_path, crowded(9)) as found:
        body = found.caller.get("/v1/owners/o-crowd/circle").json()
    assert (body["n_members"], body["interests"], body["price_band"]) == (None, [], None)


def test_an_unknown_owner_is_no_error(service: LiveService) -> None:
    answer = service.caller.get("/v1/owners/nobody/circle")
    assert answer.status == 200 and answer.json()["n_members"] is None


def test_substitutes_stand_by_value_and_only_what_can_be_bought(service: LiveService) -> None:
    body = service.caller.get("/v1/products/n5/similar?n=5").json()
    SimilarBody.model_validate(body)
    assert [one["product_id"] for one in body["products"]] == [
        "n0",
        "n1",
        "n2",
        "n3",
        "n4",
    ]  # the cheapest first
    service.tell(stock("n1", 0))
    body = service.caller.get("/v1/products/n5/similar?n=5").json()
    assert "n1" not in [one["product_id"] for one in body["products"]]


def test_complements_are_counted_and_are_no_substitutes(service: LiveService) -> None:
    body = service.caller.get("/v1/products/n5/similar?kind=complement").json()
    assert body["kind"] == "complement" and body["products"] == []  # all products of this town are of one set
    assert service.caller.get("/v1/products/nothing/similar").status == 404
    assert service.caller.get("/v1/products/n5/similar?kind=other").status == 422
