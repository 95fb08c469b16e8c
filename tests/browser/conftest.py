"""A real Chromium and a real server; without the browser it is said loudly what was not run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from shop_browser import FLAGS, ShopServer, Storefront, chromium_path, serving_shop

from recsys.pointer import promote
from training.train import train

QUICK = {
    "ranker": {"n_moments": 1, "max_pairs": 50_000, "n_trees": 20},
    "audience": {"max_pairs": 20_000, "n_trees": 20},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, headless and closed to the world.

    Of one module and not of the session: while it lives, Playwright keeps an event loop running in this
    thread, and no test beside it could run one of its own.
    """
    path = chromium_path()
    if path is None:
        said = "NO BROWSER: the owner's pages were not opened; on Debian: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def storefront() -> Iterator[Storefront]:
    """A storefront of a page that says hello."""
    seen: list[tuple[str, dict[str, str]]] = []

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, dict(self.headers.items())))
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>storefront</h1>")

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Storefront(server, seen)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def trained(small_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a snapshot trained on the small town."""
    registry = tmp_path_factory.mktemp("registry")
    train(small_town, registry / "one", config=QUICK)
    promote(registry, "one")
    return registry


@pytest.fixture(scope="session")
def shop(
    trained: Path, storefront: Storefront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopServer]:
    """The server over the trained snapshot."""
    with serving_shop(trained, tmp_path_factory.mktemp("shop"), storefront) as found:
        yield found


@pytest.fixture
def pictures() -> Path | None:
    """Where screenshots go: the folder SHAREPICKS_SCREENSHOTS names; None: nowhere."""
    named = os.environ.get("SHAREPICKS_SCREENSHOTS")
    if not named:
        return None
    Path(named).mkdir(parents=True, exist_ok=True)
    return Path(named)
