"""A service over a snapshot whose every field names its owner, and one caller of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
from asgi_caller import JSON, Answer, Caller
from fake_snapshots import AS_OF, make_registry
from fastapi import FastAPI

from recsys.domain import Offer, Pick, Query, Reason, Reply
from serving.app import create_app
from serving.callers.api_keys import create_key, revoke_key
from serving.callers.call_counts import Allowance
from serving.callers.console_session import AUDIENCE as CONSOLE_AUDIENCE
from serving.callers.console_session import CONSOLE_COOKIE
from serving.callers.database import transactions_of
from serving.callers.declare import declared_routes
from serving.callers.doors import Doors
from serving.callers.key_ring import KeyRing
from serving.callers.owner_session import TOKEN_COOKIE
from serving.callers.owner_tokens import (
    AUDIENCE,
    ISSUER,
    MAX_LIFE,
    TokenSecrets,
    make_owner_token,
    signed,
)
from serving.callers.roles import Role
from serving.errors import STATUS_OF
from serving.routes_shares import new_link
from serving.service import Service
from serving.settings import Settings
from serving.snapshots import Served

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SECRET = b"canarysecretcanarysecretcanarysecret"
OWNERS = ("owner/A", "owner-B")
SUPPLIERS = ("supplier/A", "supplier-B")
PEOPLE = (*(f"owner {name}" for name in OWNERS), *(f"supplier {name}" for name in SUPPLIERS))
UNBOUND = Allowance(0)
COOKIES = (f"{TOKEN_COOKIE}=", f"{CONSOLE_COOKIE}=")  # of an owner's pages, of the console


def canary(person: str) -> str:
    """The text that stands in every field about one owner or supplier."""
    return f"canary<{person}>"


def recommend(query: Query) -> Reply:
    """Picks in which every text is the owner's canary; source and fallback are the service's own words."""
    mine = canary("owner " + query.owner_id)
    reason = Reason(mine, mine, {mine: mine})
    picks = tuple(
        Pick(mine, mine, mine, Offer(1, "CNY"), position, 1.0, "taste", (reason,)) for position in (1, 2)
    )
    return Reply(query.owner_id, query.target, picks[: query.n], "popular", mine)


def open_canaries(path: Path) -> Served:
    """A snapshot of the two owners and suppliers; nobody else is known to it."""

    def insights(supplier_id: str, n: int) -> dict[str, Any] | None:
        if supplier_id not in SUPPLIERS:
            return None
        hers = canary("supplier " + supplier_id)
        product = {
            "product_id": "p1", "title": hers, "category": hers, "closed_by": [hers], "value_score": None,
            "badge": None, "price_minor": None, "price_gap": None, "mend": None,
        }  # fmt: skip
        return {
            "supplier_id": supplier_id, "n_products": 1, "n_lines": None, "members": None, "returns": [],
            "n_reasons_hidden": 0, "price": None, "closed_by": [{"closer": hers, "n_products": 1}],
            "mend_first": None, "mends": [], "formula": "", "products": [product] * n,
        }  # fmt: skip

    def value(product_id: str) -> dict[str, Any] | None:
        told = {"product_id": "p1", "title": "one", "category": "C", "currency": None, "formula": ""}
        nothing = {"good_value": None, "arithmetic": None, "comparables": []}
        return told | nothing if product_id == "p1" else None

    return Served("canaries", AS_OF, recommend, value, insights, lambda n: [])


@dataclass
class Town:
    """The app, and the Authorization or Cookie header of each kind of caller (None: none is sent)."""

    app: FastAPI
    headers: dict[str, str | None] = field(default_factory=dict)

    def send(self, who: str, method: str, target: str, body: bytes = b"") -> Answer:
        """One request of one caller."""
        headers = [JSON] if method in ("POST", "PUT", "PATCH") else []
        credential = self.headers[who]
        if credential is not None:
            name = "cookie" if credential.startswith(COOKIES) else "authorization"
            headers.append((name, credential))
        return Caller(self.app).send(method, target, [body], headers)


# What each kind of caller may see of people: the canaries that are not foreign to her.
SEES: dict[str, frozenset[str]] = {
    "storefront": frozenset(PEOPLE[:2]),
    "token A": frozenset({PEOPLE[0]}),
    "token B": frozenset({PEOPLE[1]}),
    "owner key A": frozenset({PEOPLE[0]}),
    "session A": frozenset({PEOPLE[0]}),
    "session B": frozenset({PEOPLE[1]}),
    "supplier A": frozenset({PEOPLE[2]}),
    "supplier B": frozenset({PEOPLE[3]}),
    "operator": frozenset(PEOPLE[2:]),
    "console operator": frozenset(PEOPLE[2:]),
    "console supplier A": frozenset({PEOPLE[2]}),
}


def make_town(
    folder: Path,
    *,
    per_key: Allowance = UNBOUND,
    per_person: Allowance = UNBOUND,
    registry: Path | None = None,
    open_snapshot: Callable[[Path], Served] = open_canaries,
    make_id: Callable[[], str] = new_link,
) -> Town:
    """A town with a key or token of every kind, all made at NOW, where its clock stands."""
    store = f"sqlite:///{folder / 'store.db'}"
    transactions = transactions_of(store)

    def key(role: Role, scope: str | None = None, life: timedelta = timedelta(days=1)) -> Any:
        return create_key(transactions, role, scope, label="", life=life, actor="ann", now=NOW)

    made = {
        "storefront": key(Role.STOREFRONT),
        "scientist": key(Role.SCIENTIST),
        "operator": key(Role.OPERATOR),
        "owner key A": key(Role.OWNER, OWNERS[0]),
        "supplier A": key(Role.SUPPLIER, SUPPLIERS[0]),
        "supplier B": key(Role.SUPPLIER, SUPPLIERS[1]),
        "revoked": key(Role.STOREFRONT),
    }
    expired = create_key(
        transactions, Role.STOREFRONT, None, label="", life=timedelta(hours=1), actor="ann",
        now=NOW - timedelta(hours=1),
    )  # fmt: skip
    revoke_key(transactions, made["revoked"].key_id, actor="ann", now=NOW)
    secrets = TokenSecrets((SECRET,))
    tokens = {
        f"token {name}": make_owner_token(secrets, owner, timedelta(hours=1), NOW)
        for name, owner in zip("AB", OWNERS, strict=True)
    }
    old = make_owner_token(secrets, OWNERS[0], timedelta(hours=1), NOW - timedelta(hours=1))
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": OWNERS[0], "iat": int(NOW.timestamp())}
    forged = jwt.encode({**claims, "exp": claims["iat"] + 60}, b"x" * 32, algorithm="HS256")
    credentials = {
        **{who: new.key for who, new in made.items()}, **tokens, "expired": expired.key,
        "expired token": old, "forged token": forged, "garbage": "sp_garbage",
        "wrong secret": made["storefront"].key[:-1] + ("0" if made["storefront"].key[-1] != "0" else "1"),
    }  # fmt: skip
    ring = KeyRing(transactions, lambda: NOW)
    ring.refresh()
    doors = Doors(ring, secrets, lambda: NOW, per_key=per_key, per_person=per_person)
    settings = Settings(snapshots=registry or make_registry(folder / "snapshots"), store=store)
    app = create_app(settings, open_snapshot, doors, lambda: NOW, make_id)
    service: Service = app.state.service
    service.store.refresh()
    service.metrics.snapshot_looked_at(service.keeper.refresh(), service.keeper.served)
    owners, consoles = COOKIES
    sessions = {f"session {name}": owners + tokens[f"token {name}"] for name in "AB"}
    sessions |= {"expired session": owners + old, "key as session": owners + made["storefront"].key}
    sessions |= {
        f"console {who}": consoles + signed(secrets, CONSOLE_AUDIENCE, made[who].key_id, MAX_LIFE, NOW)
        for who in ("scientist", "operator", "supplier A", "storefront", "owner key A", "revoked")
    }
    sessions |= {
        "console by token": consoles + tokens["token A"], "console by key": consoles + made["operator"].key,
        "console expired": consoles
        + signed(secrets, CONSOLE_AUDIENCE, made["operator"].key_id, MAX_LIFE, NOW - MAX_LIFE),
    }  # fmt: skip
    bearers = {who: f"Bearer {text}" for who, text in credentials.items()}
    return Town(app, {"anonymous": None} | bearers | sessions)


def targets_of(app: FastAPI, *more: str) -> list[tuple[str, str]]:
    """Method and path of every mounted route × every id, in several spellings, of owners and suppliers."""
    people = (*OWNERS, *SUPPLIERS, "nobody", "p1", *more)
    spelled = {
        spelling
        for name in people
        for spelling in (quote(name, safe=""), quote(name), "".join(f"%{b:02x}" for b in name.encode()))
    }
    found = []
    for path, methods, _, _ in declared_routes(app):
        before, brace, rest = path.partition("{")
        after = rest.partition("}")[2].replace("{product_id}", "p1")
        for method in sorted(methods - {"HEAD"}):
            found += [(method, before + s + after) for s in sorted(spelled)] if brace else [(method, path)]
    return found


REFUSED = {STATUS_OF["unauthorized"], STATUS_OF["forbidden"]}
