"""Hostile ids, queries, headers and bodies that fit every route, each put on its own address."""

from __future__ import annotations

import re
from collections.abc import Iterator

IDS: tuple[bytes, ...] = (
    b"%00", b"%0d%0aX:%20y", b"%ff", b"%c3", b"%", b"%zz", b"%ED%A0%80", b"%F4%90%80%80",
    b"..", b"%2e%2e%2f%2e%2e",
    b"%2Fetc%2Fpasswd", b"%27%20OR%201=1--", b"%22;DROP%20TABLE%20x;--", b"%7B%7B7*7%7D%7D", b"$%7Bjndi:x%7D",
    b"%3Cscript%3E", b"a" * 129, b"a" * 8000, b"%E2%80%AE", b"%EF%BB%BF", b"-1", b"1e999", b"NaN", b"null",
)  # fmt: skip
QUERIES: tuple[bytes, ...] = (
    b"?", b"?&", b"?=", b"?n", b"?n=", b"?n=-1", b"?n=101", b"?n=1e9", b"?n=NaN", b"?n=%D9%A1", b"?n=1&n=2",
    b"?n[]=1", b"?n=%00", b"?n=%", b"?%ff=1", b"?unknown=1", b"?n=" + b"9" * 5000, b"?" + b"&" * 5000,
    b"?as_of=9999-99-99", b"?n=1;n=2", b"?scene=%ED%A0%80", b"?q=" + b"%00" * 2000,
)  # fmt: skip
HEADERS: tuple[bytes, ...] = (
    b"Authorization: Bearer \xff\xfe", b"Authorization: ", b"Authorization: Basic Og==",
    b"Authorization: Bearer a\r\nAuthorization: Bearer b", b"Authorization: Bearer " + b"a" * 9000,
    b"Authorization: Bearer a.b.c", b"Cookie: " + b"a=b;" * 2000, b"Accept: \xff", b"Range: bytes=0-1,5-",
    b"Expect: 200-ok", b"X-Forwarded-For: '\"", b"Content-Length: +1", b"Transfer-Encoding: chunked, gzip",
    b"If-None-Match: \xff", b"Traceparent: 00-zz", b"Upgrade: h2c\r\nConnection: Upgrade",
    b"Content-Encoding: br",
)  # fmt: skip
BODIES: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"0", b'""', b"{", b"}", b"{}{}", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"\xff":1}',
    b'{"a":1,"a":2}', b'{"n":NaN}', b'{"n":1e999}', b'{"n":-Infinity}', b"[" * 100_000, b'{"a":' * 50_000,
    b'{"owner_id":"\\ud800"}', b'{"owner_id":"\\u0000"}', b'{"n":' + b"9" * 5000 + b"}", b'{"__proto__":{}}',
    b'{"events":null}', b'{"events":[null]}', b'{"events":[{}]}', b'{"events":[{"table":"orders"}]}',
    b'{"events":[{"table":"\\ud800"}]}', b'{"events":[{"event":[]}]}',
    b'{"events":[{"event":"Order Completed"}]}',
    b'{"product_ids":[[]]}', b'{"product_ids":["\\u0000"]}', b'{"owner_id":{},"product_id":[]}',
    b" " * ((1 << 20) + 1),
)  # fmt: skip
N_SHAPES = len(IDS) + len(QUERIES) + len(HEADERS) + len(BODIES)


def hostile_requests(method: str, path: str) -> Iterator[bytes]:
    """Every shape on one route; `path` as the app declares it, with its parameters in braces."""
    plain = _filled(path, b"x")
    for hostile_id in IDS:
        where = _filled(path, hostile_id) if "{" in path else plain + b"/" + hostile_id
        yield _request(method, where)
    for query in QUERIES:
        yield _request(method, plain + query)
    for header in HEADERS:
        yield _request(method, plain, header)
    for body in BODIES:
        length = b"Content-Length: %d" % len(body)
        yield _request(method, plain, b"Content-Type: application/json", length, body=body)


def _filled(path: str, value: bytes) -> bytes:
    return re.sub(rb"\{[^}]*\}", lambda _: value, path.encode())


def _request(method: str, target: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    line = method.encode() + b" " + target + b" HTTP/1.1"
    return b"\r\n".join([line, b"Host: localhost", b"Connection: close", *headers, b"", body])
