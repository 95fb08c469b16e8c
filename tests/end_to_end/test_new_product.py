"""A product that comes as an event is in the lists it belongs to within a few looks, without a training."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from live_service import offer, write_live_snapshot
from server_process import SHAREPICKS, ServerProcess, running
from small_model import town
from valued_model import valued_model

from recsys.pointer import promote

MAX_LOOKS = 100


def post(server: ServerProcess, path: str, value: Any) -> int:
    request = urllib.request.Request(
        f"http://{server.host}:{server.port}{path}", json.dumps(value).encode(),
        {"content-type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def picks(server: ServerProcess, owner_id: str) -> dict[str, dict[str, Any]]:
    status, body = server.get(f"/v1/owners/{owner_id}/recommend?n=20")
    assert status == 200
    return {pick["product"]["product_id"]: pick for pick in body["picks"]}


def test_a_new_product_is_in_the_lists_of_circles_that_like_its_category(tmp_path: Path) -> None:
    write_live_snapshot(valued_model(town()), tmp_path / "registry" / "one")
    promote(tmp_path / "registry", "one")
    command = [*SHAREPICKS, "serve", "--snapshots", str(tmp_path / "registry"), "--port", "0"]
    with running([*command, "--store", f"sqlite:///{tmp_path}/store.db"], tmp_path / "log") as server:
        server.wait_until("/readyz", 200)
        assert "new-1" not in picks(server, "o-noodles")
        new = {
            "table": "products",
            "product_id": "new-1",
            "title": "Rice noodles",
            "category": "Food > Noodles",
        }
        priced = offer("new-1", 550, datetime.now(UTC) - timedelta(minutes=1))
        assert post(server, "/v1/events", {"events": [new, priced]}) == 202
        looks = 0
        while "new-1" not in (found := picks(server, "o-noodles")):
            looks += 1
            assert looks < MAX_LOOKS, "it never appeared"
            time.sleep(0.05)  # between polls, which are bounded: not a synchronisation
        assert found["new-1"]["source"] == "new_arrival"
        assert "new-1" not in picks(server, "o-kitchen")
        status, body = server.get("/v1/products/new-1/good-value")
        assert status == 200 and body["good_value"]["value_score"] is not None and body["comparables"]
