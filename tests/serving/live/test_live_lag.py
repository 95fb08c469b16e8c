"""How long a row waits until lists show it: on /metrics, in /readyz, and nothing of it from the past."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from live_service import NOON, LiveService, live_service, order, stock

from serving.live import live as live_module


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LiveService]:
    with live_service(tmp_path) as found:
        yield found


def told(town: LiveService) -> tuple[float, float]:
    """(readings that found rows, the seconds that their slowest rows waited in all)."""
    text = town.caller.get("/metrics").body.decode()
    found = dict(re.findall(r"^sharepicks_live_lag_seconds_(count|sum) (\S+)$", text, re.M))
    return float(found["count"]), float(found["sum"])


def read_at(town: LiveService) -> float:
    text = town.caller.get("/metrics").body.decode()
    found = re.search(r"^sharepicks_live_read_timestamp_seconds (\S+)$", text, re.M)
    assert found is not None
    return float(found[1])


def ready(town: LiveService) -> dict[str, Any]:
    found: dict[str, Any] = town.caller.get("/readyz").json()
    return found


def send(town: LiveService, *rows: dict[str, Any]) -> None:
    assert town.caller.post("/v1/events", {"events": list(rows)}).status == 202


def test_the_slowest_row_of_a_reading_is_told(town: LiveService) -> None:
    assert told(town) == (0.0, 0.0) and ready(town)["live_lag_s"] is None
    send(town, stock("n1", 5))
    town.later(seconds=2)
    send(town, stock("n2", 5))
    town.later(seconds=0.5)
    assert ready(town)["live_read_age_s"] == 2.5
    town.look()
    assert told(town) == (1.0, 2.5)
    assert ready(town)["live_lag_s"] == 2.5 and ready(town)["live_read_age_s"] == 0.0
    assert read_at(town) == (NOON + timedelta(seconds=2.5)).timestamp()


def test_a_reading_without_rows_moves_the_time_and_tells_no_lag(town: LiveService) -> None:
    town.later(seconds=1)
    town.look()
    assert told(town) == (0.0, 0.0) and read_at(town) == (NOON + timedelta(seconds=1)).timestamp()


def test_what_was_there_before_the_start_is_no_lag(tmp_path: Path, town: LiveService) -> None:
    town.tell(stock("n1", 5))
    with live_service(tmp_path, url=f"sqlite:///{tmp_path}/store.db") as late:
        assert told(late) == (0.0, 0.0)
        late.later(days=2)
        late.look()
        assert told(late) == (0.0, 0.0)


def test_a_row_that_an_erasure_moved_is_no_lag(town: LiveService) -> None:
    town.tell({"table": "owners", "owner_id": "o-noodles", "member_id": "m1"}, order("x1", "m2", "n1"))
    before = told(town)
    town.later(hours=1)
    town.look()
    assert town.caller.get("/v1/members/m1", "DELETE").status == 200
    town.look()
    assert told(town) == before


def test_red_control_without_the_bound_an_erasure_would_look_like_an_hour_of_lag(
    town: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "LATE_US", 10**15)
    town.tell({"table": "owners", "owner_id": "o-noodles", "member_id": "m1"})
    town.later(hours=1)
    town.look()
    town.caller.get("/v1/members/m1", "DELETE")
    town.look()
    assert told(town)[1] >= 3600


def test_a_store_that_cannot_be_read_shows_in_the_age_and_as_a_warning(town: LiveService) -> None:
    town.later(seconds=6)
    found = ready(town)
    assert found["live_read_age_s"] == 6.0
    assert found["warnings"] == [
        "what the store holds could not be read lately: lists are of the last good state"
    ]


def test_without_a_store_there_is_no_lag(tmp_path: Path) -> None:
    with live_service(tmp_path, has_store=False) as town:
        assert ready(town)["live_lag_s"] is None and ready(town)["live_read_age_s"] is None
