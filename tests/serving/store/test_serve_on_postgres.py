"""`sharepicks serve --store postgresql://…` as it is run, over a server that dies and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from postgres_server import Databases, OwnServer

COMMAND = [sys.executable, "-c", "from recsys.cli import main; main()"]
WITHIN_S = 30


@contextmanager
def serving(url: str, folder: Path) -> Iterator[HTTPConnection]:
    """A connection to a service of two workers; what it says goes to `out` and `err` in the folder."""
    (folder / "snapshots").mkdir()
    with (folder / "err").open("wb") as err:
        child = subprocess.Popen(
            [*COMMAND, "serve", "--snapshots", str(folder / "snapshots"), "--port", "0", "--workers", "2",
             "--store", url], stdout=subprocess.PIPE, stderr=err, text=True,
        )  # fmt: skip
    try:
        assert child.stdout is not None
        first = child.stdout.readline()
        address = urlsplit(first.split()[1])
        connection = HTTPConnection(address.hostname or "", address.port, timeout=WITHIN_S)
        yield connection
        connection.close()
    finally:
        child.terminate()
        rest, _ = child.communicate(timeout=WITHIN_S)
        (folder / "out").write_text(first + rest)


def status_of_event(connection: HTTPConnection, number: int) -> int:
    body = json.dumps({"events": [{"table": "suppliers", "supplier_id": f"s-{number}"}]})
    connection.request("POST", "/v1/events", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def status_until(connection: HTTPConnection, number: int, wanted: int) -> int:
    """The status of an event that is sent again until it is the wanted one, or the time is over."""
    for _ in range(WITHIN_S * 10):
        if (status := status_of_event(connection, number)) == wanted:
            break
        threading.Event().wait(0.1)
    return status


def test_a_service_of_two_workers_survives_its_database_and_tells_nobody_the_password(
    own_postgres: OwnServer, tmp_path: Path
) -> None:
    url = Databases(own_postgres.url).make()
    with serving(url, tmp_path) as connection:
        assert status_until(connection, 0, 202) == 202
        assert [status_of_event(connection, n) for n in range(1, 20)] == [202] * 19
        own_postgres.crash()
        assert [status_of_event(connection, n) for n in range(20, 30)] == [503] * 10
        own_postgres.start()
        assert status_until(connection, 30, 202) == 202
    out = tmp_path / "town"
    done = subprocess.run([*COMMAND, "export", "--store", url, str(out), "--json"], capture_output=True,
                          text=True, timeout=60, check=True)  # fmt: skip
    assert json.loads(done.stdout)["n_rows"] == {"suppliers": 21}
    password = urlsplit(url).password
    assert password is not None
    told = (tmp_path / "out").read_text() + (tmp_path / "err").read_text() + done.stdout + done.stderr
    assert "serving" in told and password not in told
