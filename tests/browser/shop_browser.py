"""A browser's page, a shop's server and a storefront, for the tests that open the owner's pages."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page
from server_process import SHAREPICKS, ServerProcess, running

from recsys.pointer import read_pointer
from recsys.snapshot import open_snapshot
from serving.callers.api_keys import create_key
from serving.callers.database import transactions_of
from serving.callers.roles import Role

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES = {"phone": (360, 740), "wide": (1280, 800)}
LOCALES = {"zh_Hant": "zh-TW", "zh_Hans": "zh-CN", "en": "en-US"}


def chromium_path() -> str | None:
    """Where the browser is; SHAREPICKS_CHROMIUM names another."""
    named = os.environ.get("SHAREPICKS_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Storefront:
    """Where share links lead: every request's path and headers."""

    server: ThreadingHTTPServer
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@dataclass(frozen=True)
class ShopServer:
    """A service with keys: pages open by an owner's link only."""

    server: ServerProcess
    key: str
    owners: tuple[str, ...]
    suppliers: tuple[str, ...]
    console_keys: Mapping[Role, str]

    @property
    def address(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the storefront's key."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            found = json.loads(reply.read())
        assert reply.status < 300, found
        return found

    def link(self, owner_id: str) -> str:
        """The signed link of one owner's page."""
        token = self.call("POST", f"/v1/owners/{quote(owner_id, safe='')}/token")["token"]
        return f"{self.address}/shop/{quote(owner_id, safe='')}?token={token}"

    def page_of(self, owner_id: str) -> str:
        return f"{self.address}/shop/{quote(owner_id, safe='')}"


@contextlib.contextmanager
def serving_shop(
    registry: Path, folder: Path, storefront: Storefront, program: tuple[str, ...] = SHAREPICKS
) -> Iterator[ShopServer]:
    """A server over a registry, with one key for the storefront."""
    store = f"sqlite:///{folder / 'store.db'}"
    snapshot = open_snapshot(read_pointer(registry), verify=False)
    owners, suppliers = (tuple(snapshot.ids(name)) for name in ("owners", "suppliers"))
    scopes: dict[Role, str | None] = {
        Role.STOREFRONT: None, Role.SCIENTIST: None, Role.OPERATOR: None, Role.SUPPLIER: suppliers[0],
    }  # fmt: skip
    keys = {
        role: create_key(
            transactions_of(store), role, scope_id, label="", life=timedelta(days=1), actor="ann",
            now=datetime.now(UTC),
        ).key
        for role, scope_id in scopes.items()
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHAREPICKS_TOKEN_SECRET", "of-this-test-only-" * 3)
        patch.setenv("SHAREPICKS_STOREFRONT", storefront.address + "/p/{product_id}?share={share_id}")
        patch.setenv("SHAREPICKS_TIME_ZONE", "Asia/Taipei")
        command = [*program, "serve", "--snapshots", str(registry), "--store", store, "--port", "0"]
        with running(command, folder / "log") as server:
            server.wait_until("/readyz", 200)
            yield ShopServer(server, keys.pop(Role.STOREFRONT), owners, suppliers, keys)


@contextlib.contextmanager
def opened(browser: Browser, *, locale: str = "en-US", size: str = "phone", **options: Any) -> Iterator[Page]:
    """A page in a context of its own; what its console complains of fails the test."""
    width, height = SIZES[size]
    context = browser.new_context(locale=locale, viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield page
        assert said == []
    finally:
        context.close()
