"""A PostgreSQL that is slow, dies, comes back or late: 503 meanwhile, nothing acknowledged is lost."""

from __future__ import annotations

from pathlib import Path

import psycopg
from asgi_caller import Caller
from postgres_server import Databases, OwnServer
from test_store_unavailable import EVENT, app_over, is_refused_and_picks_go_on, send

from serving.service import Service
from serving.store.opening import open_store
from serving.store.postgres import WRITE_LOCK


def supplier(number: int) -> dict[str, str]:
    return EVENT | {"supplier_id": f"s-{number}"}


def test_a_server_that_dies_costs_events_a_503_and_is_found_again_when_it_is_back(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    acknowledged = set()
    with app_over(tmp_path, url=url) as caller:
        for number in range(60):
            if number % 20 == 10:
                own_postgres.crash()
            if number % 20 == 15:
                own_postgres.start()
            answer = send(caller, supplier(number))
            if answer.status == 202:
                acknowledged.add(f'{{"supplier_id":"s-{number}"}}')
            else:
                is_refused_and_picks_go_on(caller, answer)
            # while it is down nothing is taken; the first call after it came back may meet the old connection
            assert (answer.status == 202) == (number % 20 < 10 or number % 20 > 15) or number % 20 == 15
    with open_store(url) as store:
        assert acknowledged <= {found.content for found in store.rows_after(0, 1000)}
    assert len(acknowledged) >= 42


def test_a_write_lock_that_somebody_holds_is_not_waited_for_longer_than_the_setting_says(
    postgres_url: str, tmp_path: Path
) -> None:
    with app_over(tmp_path, within_s=0.2, url=postgres_url) as caller:
        with psycopg.connect(postgres_url) as other:
            other.execute(f"SELECT {WRITE_LOCK}".encode())
            is_refused_and_picks_go_on(caller, send(caller, EVENT))
        assert caller.get("/readyz").status == 200


def test_a_server_that_was_not_there_at_the_start_is_found_later(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    own_postgres.crash()
    with app_over(tmp_path, url=url) as caller:
        is_refused_and_picks_go_on(caller, send(caller, EVENT))
        own_postgres.start()
        _service(caller).store.refresh()
        assert send(caller, EVENT).status == 202


def _service(caller: Caller) -> Service:
    found: Service = caller.app.state.service
    return found
