"""Two snapshots, a service over them with keys of every role, and a browser that keeps its cookie."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from asgi_caller import Answer, Caller
from live_service import write_live_snapshot
from small_model import AS_OF, Item, town
from valued_model import valued_model

from recsys.pointer import promote
from serving.app import create_app
from serving.callers.api_keys import create_key, revoke_key
from serving.callers.call_counts import Allowance
from serving.callers.database import transactions_of
from serving.callers.doors import Doors
from serving.callers.key_ring import KeyRing
from serving.callers.owner_tokens import TokenSecrets
from serving.callers.roles import Role
from serving.service import Service
from serving.settings import Settings

SECRETS = TokenSecrets((b"of-this-test-only-" * 3,))
SCOPES = {Role.OWNER: "o-noodles", Role.SUPPLIER: "s0"}
HOST = ("host", "console.test")


@dataclass
class Looker:
    """A browser at the console: keeps its cookie, speaks English."""

    caller: Caller
    cookie: str | None = None

    def get(self, target: str, *headers: tuple[str, str]) -> Answer:
        return self.caller.send("GET", target, headers=[*self._headers(), *headers])

    def page(self, target: str) -> str:
        answer = self.get(target)
        assert answer.status == 200, (target, answer.status, answer.body)
        return unescape(answer.body.decode())

    def send(
        self, target: str, *headers: tuple[str, str], key_of: str | None = None, **fields: str
    ) -> Answer:
        """A form; `key_of`: the page whose form key it carries."""
        if key_of is not None:
            found = re.search('name="form_key" value="([0-9a-f]{64})"', self.get(key_of).body.decode())
            assert found is not None
            fields = {"form_key": found[1], **fields}
        form = ("content-type", "application/x-www-form-urlencoded")
        answer = self.caller.send(
            "POST", target, [urlencode(fields).encode()], [form, *self._headers(), *headers]
        )
        if (kept := answer.headers.get("set-cookie")) is not None:
            self.cookie = kept.partition(";")[0]
        return answer

    def sign_in(self, key: str) -> Answer:
        return self.send("/console/sign-in", key_of="/console/sign-in", key=key)

    def _headers(self) -> list[tuple[str, str]]:
        cookies = [] if self.cookie is None else [("cookie", self.cookie)]
        return [("accept-language", "en"), HOST, *cookies]


@dataclass
class ConsoleTown:
    """The service; a key of each role by its name."""

    caller: Caller
    registry: Path
    ring: KeyRing
    store: str
    keys: dict[Role, Any]
    clock: list[datetime] = field(default_factory=lambda: [AS_OF + timedelta(hours=4)])

    def looker(self, role: Role | None = None) -> Looker:
        found = Looker(self.caller)
        if role is not None:
            assert found.sign_in(self.keys[role].key).status == 303
        return found

    def later(self, time: timedelta) -> None:
        """Let time pass; the keys are looked at again."""
        self.clock[0] += time
        self.ring.refresh()

    def revoke(self, role: Role) -> None:
        revoke_key(transactions_of(self.store), self.keys[role].key_id, actor="ann", now=self.clock[0])
        self.ring.refresh()


def console_town(folder: Path, *, has_keys: bool = True) -> ConsoleTown:
    """`one` serves; in `two` the noodles n0 cost much more."""
    registry = folder / "registry"
    dearer = replace(town(), products={**town().products, "n0": Item("Food > Noodles", 99_000)})
    for name, world in (("one", town()), ("two", dearer)):
        write_live_snapshot(valued_model(world), registry / name)
    promote(registry, "one")
    store = f"sqlite:///{folder / 'store.db'}"
    clock = [AS_OF + timedelta(hours=4)]
    transactions = transactions_of(store)
    keys = {
        role: create_key(
            transactions, role, SCOPES.get(role), label="", life=timedelta(days=1), actor="ann", now=clock[0]
        )
        for role in (Role if has_keys else ())
    }
    ring = KeyRing(transactions, lambda: clock[0])
    ring.refresh()
    doors = Doors(ring, SECRETS, lambda: clock[0], per_key=Allowance(0), per_person=Allowance(0))
    app = create_app(
        Settings(registry, store=store, hosts=("console.test",)), doors=doors, clock=lambda: clock[0]
    )
    service: Service = app.state.service
    service.metrics.snapshot_looked_at(service.keeper.refresh(), service.keeper.served)
    service.store.refresh()
    return ConsoleTown(Caller(app), registry, ring, store, keys, clock)
