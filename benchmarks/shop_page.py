"""The owner's page as a phone on a slow network opens it, and how long a poster takes.

    python benchmarks/shop_page.py http://127.0.0.1:8000/shop/o0000 [--runs 7]

Opens the page of a running service in Chromium, in a new profile each time, at 360 × 740, throttled by the
browser to 3G (1.6 Mbit/s down, .75 up, 150 ms for there and back), the processor slowed four times.
Prints bytes, requests, and from the start of the navigation to the first paint of its content, and to the
moment at which its script has run (interactive). The server is asked once before, so that it is warm.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from serving.shop.poster import Poster, poster_png, poster_svg

NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
SLOWER = 4
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
TIMES = """() => new Promise((done) => setTimeout(() => done({
    interactive: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
}), 500))"""
POSTER = Poster("有机面条 800 克", "面条", "面", 3, "¥19.90", "比 100 件同类中的 83 件更划算", "扫码看看",
                "广告", "https://picks.example/s/0123456789abcdef01234567")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address")
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        _open(browser, asked.address, throttled=False)
        runs = [_open(browser, asked.address, throttled=True) for _ in range(asked.runs)]
        browser.close()
    n_bytes, n_requests, _, _ = runs[0]
    _say(f"first view: {n_bytes:,} bytes in {n_requests} requests")
    for name, place in (("first paint", 2), ("interactive", 3)):
        values = sorted(run[place] for run in runs)
        middle = statistics.median(values)
        _say(f"{name} on 3G, {asked.runs} runs: median {middle:.0f} ms, {values[0]:.0f} to {values[-1]:.0f}")
    for kind, draw in (("PNG", lambda: poster_png(POSTER, None)), ("SVG", lambda: poster_svg(POSTER))):
        draw()
        started = time.perf_counter()
        for _ in range(10):
            draw()
        _say(f"poster as {kind}: {(time.perf_counter() - started) * 100:.0f} ms each")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _open(browser: Browser, address: str, *, throttled: bool) -> tuple[int, int, float, float]:
    """Bytes and requests of the first view, milliseconds to its first paint and until it is interactive."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    if throttled:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", NETWORK)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(address)
    found = page.evaluate(TIMES)
    context.close()
    return sum(sizes), len(sizes), found["paint"], found["interactive"]


if __name__ == "__main__":
    main()
