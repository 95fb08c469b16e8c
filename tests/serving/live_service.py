"""A service over the small town's snapshot and an empty store, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from asgi_caller import Answer, Caller
from small_model import AS_OF, World, town
from valued_model import valued_model

from recsys.circuit_breaker import Bursts
from recsys.model import Model
from recsys.model_files import write_model
from recsys.pointer import promote
from recsys.snapshot import SnapshotWriter
from serving.app import create_app
from serving.live.live import catch_up
from serving.service import Service
from serving.settings import Settings

NOON = AS_OF + timedelta(hours=4)


@dataclass
class LiveService:
    """Calls the app; `look` is what its task does five times a second."""

    caller: Caller
    clock: list[datetime] = field(default_factory=lambda: [NOON])

    @property
    def service(self) -> Service:
        found: Service = self.caller.app.state.service
        return found

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.clock[0] += timedelta(**time)

    def look(self) -> None:
        """Read what the store holds by now."""
        asyncio.run(catch_up(self.service.live, self.service.store.store, self.service.keeper))

    def tell(self, *rows: dict[str, Any]) -> None:
        """Events come in, and are read."""
        answer = self.caller.post("/v1/events", {"events": list(rows)})
        assert answer.status == 202 and answer.json()["errors"] == [], answer.body
        self.look()

    def share(self, product_id: str, owner_id: str = "o-noodles") -> Answer:
        """She shares a product."""
        return self.caller.post("/v1/shares", {"owner_id": owner_id, "product_id": product_id})

    def say(self, product_id: str, word: str, owner_id: str = "o-noodles") -> Answer:
        """She says something of a pick."""
        return self.caller.post(f"/v1/owners/{owner_id}/feedback", {"product_id": product_id, "word": word})

    def reply(self, owner_id: str = "o-noodles", query: str = "?n=100") -> dict[str, Any]:
        """Her list."""
        answer = self.caller.get(f"/v1/owners/{owner_id}/recommend{query}")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def picks(self, owner_id: str = "o-noodles", query: str = "?n=100") -> dict[str, dict[str, Any]]:
        """Product → pick of her list."""
        return {pick["product"]["product_id"]: pick for pick in self.reply(owner_id, query)["picks"]}


@contextmanager
def live_service(
    folder: Path, world: World | None = None, *, has_store: bool = True, url: str | None = None
) -> Iterator[LiveService]:
    """A service over the snapshot of a world, and the store of an address, else one in the folder."""
    registry = folder / "registry"
    if not registry.exists():
        write_live_snapshot(valued_model(world or town()), registry / "one")
        promote(registry, "one")
    clock = [NOON]
    numbers = count()
    url = url or (f"sqlite:///{folder}/store.db" if has_store else None)
    settings = Settings(registry, store=url, hosts=("shop.test",))
    app = create_app(settings, clock=lambda: clock[0], make_id=lambda: f"id-{next(numbers)}")
    service: Service = app.state.service
    service.metrics.snapshot_looked_at(service.keeper.refresh(), service.keeper.served)
    service.store.refresh()
    found = LiveService(Caller(app), clock)
    if has_store:
        found.look()
    yield found
    service.store.close()


def write_live_snapshot(model: Model, folder: Path) -> None:
    """A snapshot whose products have been bought 40 times each in 14 days, none badly."""
    n = model.n_products

    def whole(value: int, dtype: type = np.int32) -> Any:
        return np.full(n, value, dtype=dtype)

    quiet = Bursts(
        whole(0), np.full(n, 20.0), np.full(n, 0.03), whole(40), whole(0), whole(0), whole(0),
        whole(-1, np.int64),
    )  # fmt: skip
    with SnapshotWriter(folder) as writer:
        write_model(writer, replace(model, bursts=quiet), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())


def stock(product_id: str, units: int, at: datetime = NOON) -> dict[str, Any]:
    """A stock count."""
    return {
        "table": "stock", "product_id": product_id, "stock_time": at.isoformat(),
        "available_quantity": units,
    }  # fmt: skip


def offer(product_id: str, price_minor: int, at: datetime = NOON, **more: Any) -> dict[str, Any]:
    """A price."""
    return {
        "table": "offers", "product_id": product_id, "effective_time": at.isoformat(),
        "price_minor": price_minor, "currency": "CNY", **more,
    }  # fmt: skip


def order(order_id: str, member_id: str, product_id: str, at: datetime = NOON, **more: Any) -> dict[str, Any]:
    """An order line."""
    return {
        "table": "orders", "order_id": order_id, "order_time": at.isoformat(), "member_id": member_id,
        "product_id": product_id, "quantity": 1, "price_minor": 1000, **more,
    }  # fmt: skip
