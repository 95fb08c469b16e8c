"""Promise 9, short form: raw bytes on a socket get a cheap 4xx with the one error body, and never harm."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, running

from recsys.pointer import promote

FAKES = Path(__file__).with_name("serve_fakes.py")
OWNER = b"/v1/owners/o"


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: localhost", *headers, b"", body])


def rank(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: " + str(len(body)).encode()
    json_type = b"Content-Type: application/json"
    return request(b"POST " + OWNER + b"/rank HTTP/1.1", json_type, length, *headers, body=body)


def chunked(*chunks: bytes) -> bytes:
    coded = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    head = (b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    return request(b"POST " + OWNER + b"/rank HTTP/1.1", *head, body=coded + b"0\r\n\r\n")


CORPUS: dict[str, bytes] = {
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "space in target": request(b"GET /healthz x HTTP/1.1"),
    "raw utf-8 target": request("GET /v1/owners/李/recommend HTTP/1.1".encode()),
    "nul in target": request(b"GET /v1/owners/\x00/recommend HTTP/1.1"),
    "escaped nul": request(b"GET /v1/owners/%00/recommend HTTP/1.1"),
    "nul in header": request(b"GET /healthz HTTP/1.1", b"X: a\x00b"),
    "bare newline header": b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
    "header without colon": request(b"GET /healthz HTTP/1.1", b"nonsense"),
    "space before colon": request(b"GET /healthz HTTP/1.1", b"X : a"),
    "head too large": request(b"GET /healthz HTTP/1.1", *(b"X%d: " % n + b"y" * 1000 for n in range(500))),
    "head of 21 KB in one piece": request(b"GET /healthz HTTP/1.1", b"X: " + b"y" * 21_000),
    "target too long": request(b"GET /" + b"a" * 70_000 + b" HTTP/1.1"),
    "query too long": request(b"GET " + OWNER + b"/recommend?scene=" + b"a" * 20_000 + b" HTTP/1.1"),
    "asterisk": request(b"OPTIONS * HTTP/1.1"),
    "connect": request(b"CONNECT h:80 HTTP/1.1"),
    "traversal": request(b"GET /v1/../../etc/passwd HTTP/1.1"),
    "escaped traversal": request(b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1"),
    "absolute target": request(b"GET http://elsewhere/healthz HTTP/1.1"),
    "lower-case method": request(b"get /healthz HTTP/1.1"),
    "overlong method": request(b"A" * 500 + b" /healthz HTTP/1.1"),
    "trace": request(b"TRACE /healthz HTTP/1.1"),
    "double slash": request(b"GET //healthz HTTP/1.1"),
    "semicolon": request(b"GET /healthz;x=1 HTTP/1.1"),
    "two lengths": rank(b"{}", b"Content-Length: 3"),
    "negative length": request(b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Length: -1"),
    "hex length": request(b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Length: 0x2"),
    "huge length": request(
        b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Type: application/json", b"Content-Length: 99999999999"
    ),
    "length of 5,000 digits": request(b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Length: " + b"9" * 5000),
    "unknown transfer coding": rank(b"{}", b"Transfer-Encoding: gzip"),
    "bad chunk size": request(
        b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Type: application/json",
        b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n",
    ),
    "chunks above the limit": chunked(*[b" " * 65536] * 17),
    "no type": request(b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Length: 2", body=b"{}"),
    "gzip body": rank(b"\x1f\x8b\x08\x00", b"Content-Encoding: gzip"),
    "empty body": rank(b""),
    "not utf-8": rank(b'{"product_ids":["\xff"]}'),
    "utf-16": rank('{"product_ids":["p"]}'.encode("utf-16")),
    "deep": rank(b"[" * 200_000),
    "duplicate key": rank(b'{"product_ids":["p"],"product_ids":["q"]}'),
    "not a number": rank(b'{"product_ids":["p"],"n":NaN}'),
    "lone surrogate": rank(b'{"product_ids":["\\ud800"]}'),
    "long number": rank(b'{"product_ids":["p"],"n":' + b"1" * 10_000 + b"}"),
    "body that never comes": request(
        b"POST /v1/owners/o/rank HTTP/1.1", b"Content-Type: application/json", b"Content-Length: 10",
        body=b"{",
    ),
    "websocket": request(
        b"GET /healthz/ws HTTP/1.1", b"Connection: Upgrade", b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    registry = tmp_path_factory.mktemp("registry")
    (registry / "one").mkdir()
    (registry / "one" / "manifest.json").write_text('{"snapshot_id": "one"}')
    promote(registry, "one")
    with running([sys.executable, str(FAKES), str(registry)], registry / "log") as started:
        started.wait_until("/readyz", 200)
        yield started


def exchange(server: ServerProcess, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the first reply to raw bytes."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)  # refused before it was all sent: the reply is still to be read
        raw = b""
        while b"\r\n\r\n" not in raw:
            piece = connection.recv(65536)
            assert piece, f"the connection closed without a reply: {raw!r}"
            raw += piece
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers["content-length"]):
            piece = connection.recv(65536)
            assert piece, "the connection closed in the middle of a reply"
            body += piece
    return int(lines[0].split()[1]), headers, body[: int(headers["content-length"])]


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_request_gets_a_4xx_with_the_one_error_body(server: ServerProcess, name: str) -> None:
    status, headers, body = exchange(server, CORPUS[name])
    assert 400 <= status < 500
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert error.keys() == {"error", "detail"}
    assert "server" not in headers


def test_after_all_of_it_the_service_still_answers(server: ServerProcess) -> None:
    for sent in CORPUS.values():
        exchange(server, sent)
    status, _, body = exchange(server, request(b"GET /v1/owners/o/recommend?n=1 HTTP/1.1"))
    assert (status, json.loads(body)["snapshot_id"]) == (200, "one")
    log = server.log.read_text()
    assert '"status":5' not in log
    for line in log.splitlines():
        json.loads(line)
