"""A burst in a dataset: it blocks, releases itself later, and ordinary noise does neither."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.circuit_breaker import Bursts
from training.bursts import bursts

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
N_PRODUCTS, N_DAYS = 12, 100
BURST_DAY, END_DAY = 60, 66
Ask = Callable[[int], Bursts]


def tables(
    rng: np.random.Generator, burst: bool, *, by_one: bool = False, fault: str = "supplier"
) -> dict[str, Any]:
    """Each product is ordered twice a day; 4 in 100 orders come back, all of them in a burst."""
    orders: dict[str, list[Any]] = {
        name: []
        for name in ("order_id", "order_time", "member_id", "product_id", "quantity", "price_minor",
                     "delivered_time")
    }  # fmt: skip
    returns: dict[str, list[Any]] = {
        name: [] for name in ("return_id", "order_id", "product_id", "request_time", "fault")
    }
    for day in range(N_DAYS):
        for product in range(N_PRODUCTS):
            for half in range(2):
                code = f"o{day}-{product}-{half}"
                when = BEGIN + timedelta(days=day, hours=12 * half)
                bursting = burst and product == 3 and BURST_DAY <= day < END_DAY
                member = "angry" if bursting and by_one else f"m{rng.integers(10_000)}"
                row = (code, when, member, f"p{product:02}", 1, 500, when + timedelta(days=1))
                for name, value in zip(orders, row, strict=True):
                    orders[name].append(value)
                if bursting or rng.random() < 0.04:
                    asked = when + timedelta(days=2 + 3 * rng.random())
                    back = (f"r{code}", code, f"p{product:02}", asked, fault if bursting else "supplier")
                    for name, value in zip(returns, back, strict=True):
                        returns[name].append(value)
    products = [f"p{row:02}" for row in range(N_PRODUCTS)]
    catalogue = {"product_id": products, "title": products, "category": ["Food > Tea"] * N_PRODUCTS}
    return {"products": catalogue, "orders": orders, "returns": returns}


@pytest.fixture(scope="module")
def ask_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ask]:
    def made(**how: Any) -> Ask:
        folder: Path = tmp_path_factory.mktemp("burst") / "town"
        with DatasetWriter(folder) as writer:
            for name, rows in tables(np.random.default_rng(4), **how).items():
                writer.append(name, rows)

        def ask(day: int) -> Bursts:
            with open_window(open_dataset(folder), BEGIN + timedelta(days=day)) as window:
                found = bursts(window, np.zeros(N_PRODUCTS, dtype=np.int32))
            assert found is not None
            return found

        return ask

    return made


@pytest.fixture(scope="module")
def bursting(ask_of: Callable[..., Ask]) -> Ask:
    return ask_of(burst=True)


def test_a_burst_blocks_that_product_alone_within_days(bursting: Ask) -> None:
    found = bursting(BURST_DAY + 8)
    assert found.blocked.tolist() == [row == 3 for row in range(N_PRODUCTS)]
    assert found.n_returns[3] >= found.n_bad[3] >= 5
    first = datetime.fromtimestamp(found.first_us[3] / 1e6, UTC)
    assert BEGIN + timedelta(days=BURST_DAY - 7) < first < BEGIN + timedelta(days=BURST_DAY + 8)


def test_it_is_released_when_its_orders_end_well_again(bursting: Ask) -> None:
    assert not bursting(BURST_DAY).blocked.any()
    assert not bursting(END_DAY + 25).blocked.any()


def test_what_happens_later_is_not_read(bursting: Ask, ask_of: Callable[..., Ask]) -> None:
    calm = ask_of(burst=False)
    before, never = bursting(BURST_DAY), calm(BURST_DAY)
    assert np.array_equal(before.n_bad[:3], never.n_bad[:3])
    assert np.array_equal(before.exposure, bursting(BURST_DAY).exposure)


def test_red_control_the_same_town_without_the_burst_blocks_nothing(ask_of: Callable[..., Ask]) -> None:
    calm = ask_of(burst=False)
    assert not any(calm(day).blocked.any() for day in range(40, N_DAYS, 20))


def test_one_angry_member_is_no_burst(ask_of: Callable[..., Ask]) -> None:
    assert not ask_of(burst=True, by_one=True)(BURST_DAY + 8).blocked.any()


def test_what_was_the_carriers_fault_is_no_burst(ask_of: Callable[..., Ask]) -> None:
    assert not ask_of(burst=True, fault="logistics")(BURST_DAY + 8).blocked.any()


def test_the_exposure_is_the_part_of_endings_that_falls_into_the_newest_days(bursting: Ask) -> None:
    found = bursting(50)
    assert found.exposure[0] == pytest.approx(28)  # two lines a day for 14 days, each wholly, if not at once
    assert found.n_lines[0] <= 2 * 30


def test_without_times_or_outcomes_there_is_no_breaker(tmp_path: Path) -> None:
    rows = tables(np.random.default_rng(1), burst=False)
    del rows["returns"]
    with DatasetWriter(tmp_path / "town") as writer:
        for name, values in rows.items():
            writer.append(name, values)
    with open_window(open_dataset(tmp_path / "town")) as window:
        assert bursts(window, np.zeros(N_PRODUCTS, dtype=np.int32)) is None
